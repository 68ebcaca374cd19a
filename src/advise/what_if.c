#include "advise/what_if.h"

#include <string.h>

static bool stops(const struct report *report, const char *id)
{
    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].severity == SEVERITY_ERROR &&
            strcmp(report->findings.item[i].id, id) == 0)
            return true;
    return false;
}

static const char *stopped_by(const struct report *before, const struct report *after)
{
    for (size_t i = 0; i < after->findings.count; i++) {
        const struct finding *finding = &after->findings.item[i];

        if (finding->severity == SEVERITY_ERROR && finding->stage != STAGE_MEMORY &&
            finding->stage != STAGE_POLICY && !stops(before, finding->id))
            return finding->id;
    }
    return NULL;
}

struct what_if what_if(const struct request *request, const struct report *report,
                      const struct plan *plan, int64_t vocab_size, struct arena *arena)
{
    struct request edited = plan_apply(plan, request, report->release, arena);
    struct report *after = arena_alloc(arena, sizeof(*after));
    struct facts *facts = arena_alloc(arena, sizeof(*facts));

    *facts = *edited.facts;
    facts->megatron = (struct fact_str) { .known = true,
                                          .value = release_name(report->release),
                                          .source = "the job as it is" };
    if (vocab_size > 0) {
        facts->vocab_size =
            (struct fact_int) { .known = true, .value = vocab_size, .source = "trial" };
        facts->padded_vocab_size.known = false;
    }
    edited.facts = facts;
    edited.want_fixes = false;
    verdict_decide(&edited, arena, after);
    return (struct what_if) { .peak_bytes = memory_largest_peak(&after->memory),
                            .stopped_by = stopped_by(report, after) };
}
