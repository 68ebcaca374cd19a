#include "advise/trial.h"

#include <ctype.h>

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* FNV-1a of what is left without digits. */
static uint64_t hash_of_words(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; text && *text; text++)
        if (!isdigit((unsigned char)*text))
            hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

const struct finding *first_blocking(const struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].blocks)
            return &report->findings.item[i];
    return NULL;
}

struct outcome outcome_of(const struct report *report)
{
    struct outcome outcome = { .verdict = report->verdict };
    const struct finding *first = first_blocking(report);

    for (int i = 0; i < report->memory.rank_count; i++) {
        outcome.at_least = greater(outcome.at_least, report->memory.rank[i].peak_at_least_bytes);
        outcome.expected = greater(outcome.expected, report->memory.rank[i].peak_bytes);
    }
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];

        if (finding->stage == STAGE_MEMORY && finding->severity != SEVERITY_NOTE)
            outcome.tight = true;
        outcome.blocking += finding->blocks;
    }
    if (first) {
        outcome.first = first->id;
        outcome.said = hash_of_words(first->message);
        outcome.memory_stops = first->stage == STAGE_MEMORY;
    }
    return outcome;
}

static struct facts fixed_release(const struct facts *facts, enum release release)
{
    struct facts fixed = *facts;

    fixed.megatron = (struct fact_str) { .known = true, .value = release_name(release) };
    return fixed;
}

void trial_decide(const struct advisor *advisor, const struct plan *plan, enum verdict_depth depth,
                  struct arena *arena, struct report *report)
{
    enum release release = advisor->report->release;
    struct request request = plan_apply(plan, advisor->request, release, arena);
    struct facts *facts;

    request.depth = depth;
    if (depth != VERDICT_WHOLE) {
        facts = arena_alloc(arena, sizeof(*facts));
        *facts = fixed_release(request.facts, release);
        request.facts = facts;
    }
    verdict_decide(&request, arena, report);
}

struct outcome trial(const struct advisor *advisor, const struct plan *plan,
                     enum verdict_depth depth)
{
    struct arena scratch = ARENA_INIT;
    struct report report;
    struct outcome outcome;

    trial_decide(advisor, plan, depth, &scratch, &report);
    outcome = outcome_of(&report);
    arena_release(&scratch);
    return outcome;
}
