/* The order in which a pipeline rank runs forward and backward of its micro-batches and chunks
 * (megatron/core/pipeline_parallel/schedules.py): no pipeline, 1F1B, interleaved 1F1B. Only as many
 * micro-batches are listed as it takes to reach the steady state and run it once round: what
 * follows repeats, and the cool-down only frees. */
#ifndef MEMORY_SCHEDULE_H
#define MEMORY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct schedule {
    int64_t pp, vpp, microbatches;
    int64_t group; /* micro-batches of a chunk in a row; >= 1 */
    bool overlap_p2p;
    bool combined; /* forward of one micro-batch layer by layer with backward of another:
                      --overlap-moe-expert-parallel-comm */
};

struct event {
    bool backward;
    int chunk;
    int64_t microbatch;
};

struct events {
    size_t count;
    struct event *event;
    size_t warmup; /* forwards before the first backward */
};

/* Forwards before the first backward of a rank. */
int64_t schedule_warmup(const struct schedule *schedule, int64_t pp_rank);

void schedule_events(const struct schedule *schedule, int64_t pp_rank, struct arena *arena,
                     struct events *events);

#endif
