/* Placeholder until static.c lands; delete then: weights, gradients and Adam only. */
#include <string.h>

#include "memory/static.h"

static void add(struct static_memory *memory, const char *name, uint64_t bytes)
{
    memory->term[memory->term_count++] =
        (struct static_term){ .name = name, .what = name, .bytes = bytes };
}

void static_memory_of(const struct job *job, const struct shape *shape,
                      const struct placement *placement, int64_t pp_rank, struct arena *arena,
                      struct static_memory *memory)
{
    struct parameters parameters;
    uint64_t dense;

    (void)job;
    memset(memory, 0, sizeof(*memory));
    parameters_of_rank(shape, placement, pp_rank, arena, &parameters);
    dense = parameters.total - (shape->expert_buffers ? parameters.expert : 0);
    add(memory, "weights", parameters.total * shape->param_bytes);
    add(memory, "gradients", parameters.total * shape->grad_bytes);
    add(memory, "optimizer",
        12 * (dense / shape->dense_shards +
              (parameters.total - dense) / shape->expert_shards));
}

uint64_t static_sum(const struct static_memory *memory, enum static_when when,
                    enum certainty certainty)
{
    uint64_t sum = 0;

    (void)when;
    (void)certainty;
    for (int i = 0; i < memory->term_count; i++)
        sum += memory->term[i].bytes;
    return sum;
}
