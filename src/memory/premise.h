/* What an estimate takes for granted where neither the job nor the facts say: one premise for each
 * of the three peaks. */
#ifndef MEMORY_PREMISE_H
#define MEMORY_PREMISE_H

#include "memory/memory.h"
#include "memory/shape.h"

enum attention_backend { ATTENTION_FUSED, ATTENTION_FLASH, ATTENTION_UNFUSED, ATTENTION_LOCAL };

struct premise {
    enum certainty trust; /* terms less certain than this are left out */
    enum attention_backend attention;
    bool attention_assumed;   /* the facts left a choice of backend open */
    bool deterministic;       /* the backends are told to be */
    bool whole_segments;      /* of torch's allocator: see lifetimes.h */
    double imbalance;         /* tokens of this rank's experts over their balanced share, >= 1 */
    uint64_t multiprocessors; /* of the GPU: scratch of norm kernels is one row each */
};

extern const char *const attention_backend_names[];

void premise_of(const struct job *job, const struct shape *shape, const struct facts *facts,
                enum certainty trust, struct premise *premise);

#endif
