/* From (argv, facts, policy) to go, warn or stop: parse, walk, estimate, advise, decide. Pure. */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include "advise/advise.h"
#include "launch/launch.h"
#include "memory/memory.h"
#include "rules/rules.h"
#include "verdict/policy.h"

enum verdict { VERDICT_GO, VERDICT_WARN, VERDICT_STOP, VERDICT_COUNT };

extern const char *const verdict_names[VERDICT_COUNT];

/* How far to go. */
enum verdict_depth {
    VERDICT_WHOLE,
    VERDICT_TO_FIRST_STOP, /* no estimate where a rule stops the job anyway */
    VERDICT_RULES          /* no estimate */
};

struct impacts; /* advise/impact.h */

struct request {
    const char *id; /* copied to the report, or NULL */
    const struct launch *launch;
    const struct facts *facts;
    const struct policy *policy;
    const struct option_extra *extra; /* of a fork, or NULL */
    bool want_fixes;
    enum verdict_depth depth;
};

/* Everything a renderer needs; lives in the arena. */
struct report {
    const char *id;
    enum verdict verdict;
    enum policy_mode mode;
    const struct launch *launch;
    const struct facts *facts;
    enum release release; /* of job; RELEASE_UNKNOWN when every release was walked (job is then main's) */
    struct argparse_result parse;
    struct job *job;
    struct findings findings;
    struct memory memory;
    struct fixes fixes;
    const struct impacts *impacts; /* where they were asked for, else NULL */
    const char *cannot_know; /* why nothing could be decided, or NULL */
    const char *error;       /* bad input, or NULL */
};

void verdict_decide(const struct request *request, struct arena *arena, struct report *report);

/* Exit status of check and estimate for this report (0, 1, 2, 3). */
int verdict_exit_status(const struct report *report, bool strict);

#endif
