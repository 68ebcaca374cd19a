/* The peak of a pipeline rank's forward and backward: its events one by one over what each of its
 * chunks saves and needs, with the tensors that pass between stages. */
#ifndef MEMORY_REPLAY_H
#define MEMORY_REPLAY_H

#include "memory/activations.h"
#include "memory/schedule.h"

struct rank_chunks {
    int64_t pp_rank, pp, vpp;
    const struct chunk *const *chunk; /* vpp of them */
    const struct chunk_activations *activations;
    uint64_t boundary_bytes; /* of a tensor between stages */
};

struct replayed {
    struct held held;  /* at the peak, above what is there whatever the schedule does */
    int64_t in_flight; /* chunk forwards whose backward is still to come at the peak */
    struct event event;
    struct peak_place place;
};

void replay(const struct schedule *schedule, const struct events *events,
            const struct rank_chunks *rank, struct replayed *out);

#endif
