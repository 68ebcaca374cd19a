/* The optimization priority list as rows: what to try when memory does not fit, in this order. */
#ifndef ADVISE_LADDER_H
#define ADVISE_LADDER_H

#include "advise/edits.h"

struct rung {
    const char *name;
    /* Puts the n-th candidate into 'plan' for the job as the plan so far leaves it; false: no more.
     */
    bool (*propose)(const struct report *report, int n, struct plan *plan, struct arena *arena);
};

extern const struct rung rungs[];
extern const size_t rung_count;

#endif
