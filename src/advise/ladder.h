/* The optimization priority list as rows: what to try when memory does not fit, in this order. */
#ifndef ADVISE_LADDER_H
#define ADVISE_LADDER_H

#include "advise/edits.h"

struct rung {
    bool beyond; /* the list: only for what does not fit without */
    /* Puts the n-th candidate into 'plan' for the job as the plan so far leaves it; false: no more.
     */
    bool (*propose)(const struct report *report, int n, struct plan *plan, struct arena *arena);
};

enum {
    RUNG_DISTRIBUTED_OPTIMIZER,
    RUNG_RECOMPUTE,
    RUNG_SEQUENCE_PARALLEL,
    RUNG_EXPERT_PARALLEL,
    RUNG_PIPELINE_PARALLEL,
    RUNG_MICRO_BATCH,
    RUNG_SPLIT_OF_LAYERS,
    RUNG_TENSOR_PARALLEL,
    RUNG_CONTEXT_PARALLEL,
    RUNG_COUNT
};

extern const struct rung rungs[RUNG_COUNT];

#endif
