/* Sums over parameter tensors: what a pipeline rank and the whole model hold, in elements. */
#ifndef MEMORY_PARAMETERS_H
#define MEMORY_PARAMETERS_H

#include "memory/weights.h"

struct parameters {
    uint64_t total;     /* one tensor-parallel rank, this chunk or rank, experts included */
    uint64_t expert;    /* of these: allreduce == False */
    uint64_t embedding; /* word embedding and learned positions */
    uint64_t output;
    uint64_t mtp; /* inside MTP blocks, the shared embedding and head not */
};

void parameters_of_weights(const struct weights *weights, struct parameters *parameters);

/* All chunks of a pipeline rank. */
void parameters_of_rank(const struct shape *shape, const struct placement *placement,
                        int64_t pp_rank, struct arena *arena, struct parameters *parameters);

/* Of the whole model, each parameter once. */
uint64_t parameters_of_model(const struct shape *shape, const struct placement *placement,
                             struct arena *arena);

#endif
