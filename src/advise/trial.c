#include "advise/trial.h"

#include <ctype.h>

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#define HASH_START 0xcbf29ce484222325u

/* FNV-1a, going on from 'hash'. */
static uint64_t hash_letter(uint64_t hash, char letter)
{
    return (hash ^ (unsigned char)letter) * 0x100000001b3u;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = hash_letter(hash, *text);
    return hash_letter(hash, '\n');
}

/* Of what is left without digits. */
static uint64_t hash_of_words(const char *text)
{
    uint64_t hash = HASH_START;

    for (; text && *text; text++)
        if (!isdigit((unsigned char)*text))
            hash = hash_letter(hash, *text);
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
    outcome.fits =
        !first && (!report->memory.usable_bytes || outcome.expected <= report->memory.usable_bytes);
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

struct tried {
    uint64_t plan;
    enum verdict_depth depth;
    struct outcome outcome;
};

/* The order of edits does not count. */
static uint64_t hash_of_plan(const struct plan *plan)
{
    uint64_t sum = 0;

    for (int i = 0; i < plan->count; i++) {
        const struct edit *edit = &plan->edit[i];
        uint64_t hash = hash_text(HASH_START + edit->target * 2 + edit->remove, edit->option);

        sum += hash_text(hash, edit->value ? edit->value : "");
    }
    return sum;
}

/* What an estimate adds to the rules is left out. */
static struct outcome without_memory(struct outcome outcome)
{
    if (outcome.memory_stops) {
        outcome.first = NULL;
        outcome.blocking = 0;
        outcome.memory_stops = false;
    }
    return outcome;
}

static bool recall(const struct trials *trials, uint64_t plan, enum verdict_depth depth,
                   struct outcome *outcome)
{
    for (size_t i = 0; i < trials->count; i++) {
        const struct tried *tried = &trials->item[i];

        if (tried->plan != plan)
            continue;
        if (tried->depth == depth)
            *outcome = tried->outcome;
        else if (depth == VERDICT_RULES)
            *outcome = without_memory(tried->outcome);
        else
            continue;
        return true;
    }
    return false;
}

struct outcome trial(const struct advisor *advisor, const struct plan *plan,
                     enum verdict_depth depth)
{
    struct trials *trials = advisor->trials;
    uint64_t hash = hash_of_plan(plan);
    struct arena scratch = ARENA_INIT;
    struct report report;
    struct outcome outcome;

    if (recall(trials, hash, depth, &outcome))
        return outcome;
    trial_decide(advisor, plan, depth, &scratch, &report);
    outcome = outcome_of(&report);
    arena_release(&scratch);
    trials->item = arena_grow(&trials->arena, trials->item, &trials->capacity, trials->count + 1,
                              sizeof(*trials->item));
    trials->item[trials->count++] =
        (struct tried) { .plan = hash, .depth = depth, .outcome = outcome };
    return outcome;
}
