#include "memory/parameters.h"

#include <string.h>

void parameters_of_weights(const struct weights *weights, struct parameters *parameters)
{
    memset(parameters, 0, sizeof(*parameters));
    for (size_t i = 0; i < weights->count; i++) {
        const struct weight *weight = &weights->weight[i];
        uint64_t elements = weight_total(weight);

        parameters->total += elements;
        if (weight->expert)
            parameters->expert += elements;
        if (weight->part == PART_EMBEDDING)
            parameters->embedding += elements;
        if (weight->part == PART_OUTPUT)
            parameters->output += elements;
        if (weight->part == PART_MTP)
            parameters->mtp += elements;
    }
}

static void weights_of_rank(const struct shape *shape, const struct placement *placement,
                            int64_t pp_rank, struct weights *weights)
{
    for (int64_t v = 0; v < placement->vpp; v++)
        weights_of_chunk(shape, placement_chunk(placement, pp_rank, v), weights);
}

void parameters_of_rank(const struct shape *shape, const struct placement *placement,
                        int64_t pp_rank, struct arena *arena, struct parameters *parameters)
{
    struct weights weights = { .arena = arena };

    weights_of_rank(shape, placement, pp_rank, &weights);
    parameters_of_weights(&weights, parameters);
}

uint64_t parameters_of_model(const struct shape *shape, const struct placement *placement,
                             struct arena *arena)
{
    uint64_t total = 0;

    for (int64_t r = 0; r < placement->pp; r++) {
        struct weights weights = { .arena = arena };

        weights_of_rank(shape, placement, r, &weights);
        for (size_t i = 0; i < weights.count; i++)
            total += weight_total(&weights.weight[i]) * weights.weight[i].shards;
    }
    return total;
}
