#include "verdict/verdict.h"

#include <string.h>

const char *const verdict_names[VERDICT_COUNT] = {
    [VERDICT_GO] = "go",
    [VERDICT_WARN] = "warn",
    [VERDICT_STOP] = "stop",
};

/* One release: parse, walk, estimate. */
static void examine(const struct request *request, enum release release, struct arena *arena,
                    struct report *report)
{
    struct walk walk = { .arena = arena, .facts = request->facts, .launch = request->launch,
                         .release = release };

    memset(&report->findings, 0, sizeof(report->findings));
    report->release = release;
    report->job = arena_alloc(arena, sizeof(*report->job));
    job_init(report->job);
    argparse_parse(request->launch->argc, request->launch->argv, release, request->extra, arena,
                   report->job, &report->parse);
    walk.parse = &report->parse;
    walk.job = report->job;
    walk.findings = &report->findings;
    rules_walk(&walk);
    memory_estimate(report->job, release, request->facts, arena, &report->memory);
}

static enum verdict worst(const struct findings *findings)
{
    enum verdict verdict = VERDICT_GO;

    for (size_t i = 0; i < findings->count; i++) {
        if (findings->item[i].severity == SEVERITY_ERROR)
            return VERDICT_STOP;
        if (findings->item[i].severity == SEVERITY_WARNING)
            verdict = VERDICT_WARN;
    }
    return verdict;
}

void verdict_decide(const struct request *request, struct arena *arena, struct report *report)
{
    enum release release = facts_release(request->facts);

    memset(report, 0, sizeof(*report));
    report->id = request->id;
    report->mode = request->policy->mode;
    report->launch = request->launch;
    report->facts = request->facts;
    examine(request, release == RELEASE_UNKNOWN ? RELEASE_COUNT - 1 : release, arena, report);
    report->verdict = worst(&report->findings);
    if (report->verdict == VERDICT_STOP && request->want_fixes)
        advise(request, report, arena, &report->fixes);
}

int verdict_exit_status(const struct report *report, bool strict)
{
    if (report->error)
        return 2;
    if (report->verdict == VERDICT_STOP)
        return 1;
    return strict && report->cannot_know ? 3 : 0;
}
