/* What a pipeline rank holds whatever the schedule does: weights, gradients, optimizer state and
 * the buffers that libraries keep, plus the peaks of building the model and of the optimizer step.
 * Each term is one named function with formula, source and certainty; bytes as the caching
 * allocator counts them (every tensor rounded up to 512). */
#ifndef MEMORY_STATIC_H
#define MEMORY_STATIC_H

#include "memory/memory.h"
#include "memory/parameters.h"
#include "memory/premise.h"

/* When a term is there. */
enum static_when {
    WHEN_ALWAYS,  /* from the first iteration on, also in forward and backward */
    WHEN_AT_REST, /* from the optimizer step to the start of the next iteration: in allocated_bytes,
                     not in the peak of forward and backward */
    WHEN_STEP,    /* inside the optimizer step, besides what is there at rest */
    WHEN_OUTSIDE  /* not torch's */
};

struct static_term {
    const char
        *name; /* the component it belongs to: "weights", "gradients", "optimizer", "buffers" ... */
    const char *what; /* "dummy wgrad" */
    uint64_t bytes;
    enum static_when when;
    enum certainty certainty;
};

struct static_memory {
    int term_count;
    struct static_term term[40];
    uint64_t init_peak_bytes; /* while the model is wrapped in DDP and the optimizer is built */
    uint64_t step_peak_bytes; /* inside the optimizer step, persistent terms included */
    const char *missing;      /* what is not modelled, or NULL */
};

/* Terms of one pipeline rank (data-parallel rank 0). Of 'premise' the attention backend is read. */
void static_memory_of(const struct job *job, const struct shape *shape,
                      const struct premise *premise, const struct placement *placement,
                      int64_t pp_rank, struct arena *arena, struct static_memory *memory);

/* Sum of the terms there at 'when' (WHEN_AT_REST includes WHEN_ALWAYS, WHEN_STEP both) whose
 * certainty is 'certainty' or better. */
uint64_t static_sum(const struct static_memory *memory, enum static_when when,
                    enum certainty certainty);

#endif
