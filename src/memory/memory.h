/* Bytes per pipeline rank of a resolved job, by replaying the pipeline schedule over what every module
 * saves for backward. Pure. All sizes are bytes as torch.cuda.memory_allocated() counts them, unless a name
 * says otherwise; what lives outside torch (context, NCCL) is a component of its own and not in the peaks. */
#ifndef MEMORY_MEMORY_H
#define MEMORY_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "facts/facts.h"
#include "launch/launch.h"
#include "megatron/job.h"

/* How sure a term is: it moves at_least (only CERTAIN), expected (CERTAIN and LIKELY) and up_to (all). */
enum certainty { CERTAIN, LIKELY, POSSIBLE };

struct memory_component {
    const char *name; /* "weights", "gradients", "optimizer", "activations" ... */
    uint64_t bytes;   /* live at the expected peak; outside torch: in addition to it */
    bool outside_torch;
};

struct memory_rank {
    int pp_rank;
    uint64_t parameters;        /* elements on one tensor-parallel rank, all chunks, experts included */
    uint64_t parameters_expert; /* of these: those Megatron marks allreduce=False */
    uint64_t allocated_bytes;   /* memory_allocated() after the second iteration */
    uint64_t peak_bytes;        /* expected max_memory_allocated() */
    uint64_t peak_at_least_bytes;
    uint64_t peak_up_to_bytes;
    const char *peak_at; /* "backward of micro-batch 0, chunk 0, output layer" */
    int component_count;
    struct memory_component component[24];
};

struct memory {
    bool modelled;            /* false: shown as far as it goes, never blocks */
    int missing_count;        /* what is not modelled: "hybrid layers", "Megatron-FSDP" ... */
    const char *missing[16];
    int assumption_count;     /* what was assumed and moves the numbers: "attention backend: fused" ... */
    const char *assumption[16];
    uint64_t total_parameters; /* of the whole model, each parameter once */
    uint64_t usable_bytes;    /* of one device, 0 unknown */
    int rank_count;           /* pipeline ranks; 0 when the job's sizes make no estimate possible */
    struct memory_rank *rank;
};

/* 'job' as the walk left it (no violated rule among those that memory needs). */
void memory_estimate(const struct job *job, enum release release, const struct facts *facts,
                     struct arena *arena, struct memory *memory);

/* The rank that is expected to need most; there must be one. */
const struct memory_rank *memory_largest_rank(const struct memory *memory);

/* What it needs; 0 without ranks. */
uint64_t memory_largest_peak(const struct memory *memory);

#endif
