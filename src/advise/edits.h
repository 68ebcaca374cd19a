/* Edits applied to a request: a new argv, environment and number of ranks. Pure; results in the
 * arena. */
#ifndef ADVISE_EDITS_H
#define ADVISE_EDITS_H

#include "advise/advise.h"
#include "verdict/verdict.h"

/* What has been edited so far. The request is the original one. */
struct plan {
    int count;
    struct edit edit[12];
};

/* Adds or replaces the edit of that option; false when the plan is full. value NULL: a flag. */
bool plan_set(struct plan *plan, enum edit_target target, const char *option, const char *value);
bool plan_remove(struct plan *plan, enum edit_target target, const char *option);
void plan_drop(struct plan *plan, int index);

bool plan_has(const struct plan *plan, const struct edit *edit);
/* Are all edits of 'part' in 'whole'? Their order does not count. */
bool plan_is_part(const struct plan *part, const struct plan *whole);
bool plan_same(const struct plan *a, const struct plan *b);

/* Sets what the launchers' options count ("--nnodes", "-N", "-np"; "world_size" where no launch
 * command is known) so that 'world' ranks start; false, with nothing set, where no whole numbers
 * do. */
bool plan_set_ranks(struct plan *plan, const struct launch *launch, int64_t world,
                    struct arena *arena);

/* The request as it would be after the plan's edits, for one release's options. What cannot be
 * edited (an option the release does not have) is left out. */
struct request plan_apply(const struct plan *plan, const struct request *request,
                          enum release release, struct arena *arena);

#endif
