/* For tests: a job as the walk of the rules leaves it, from a trainer's words. */
#ifndef TESTS_RESOLVE_H
#define TESTS_RESOLVE_H

#include <string.h>

#include "memory/parameters.h"
#include "verdict/verdict.h"

struct resolved {
    struct arena arena;
    struct facts facts;
    struct launch launch;
    struct report report;
    struct shape shape;
    struct placement placement;
    const char *why; /* no shape or placement, or NULL */
};

/* 'facts' as already set; the caller releases resolved->arena. True when there is a placement. */
static inline bool resolve_words(struct resolved *r, const char *script, int argc,
                                 const char *const *argv, int64_t world)
{
    struct policy policy;
    struct request request = { .launch = &r->launch, .facts = &r->facts, .policy = &policy };

    policy_init(&policy);
    launch_from_argv(script, argc, argv, world, &r->facts.environment, &r->launch);
    verdict_decide(&request, &r->arena, &r->report);
    r->why = NULL;
    return shape_of(r->report.job, r->report.release, &r->facts, &r->shape, &r->why) &&
           placement_of(r->report.job, &r->shape, &r->arena, &r->placement, &r->why);
}

/* The same from one line of words without quotes. */
static inline bool resolve_line(struct resolved *r, const char *release, const char *line,
                                int64_t world)
{
    const char *argv[256];
    int argc = 0;
    char *rest, *words;

    memset(r, 0, sizeof(*r));
    facts_init(&r->facts);
    r->facts.megatron = (struct fact_str) { .known = true, .value = release };
    words = arena_strdup(&r->arena, line);
    for (char *w = strtok_r(words, " ", &rest); w && argc < 255; w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    argv[argc] = NULL;
    return resolve_words(r, "pretrain_gpt.py", argc, argv, world);
}

#endif
