#include "memory/assumptions.h"

#include <string.h>

static void assume(struct memory *memory, const char *what)
{
    int room = (int)(sizeof(memory->assumption) / sizeof(memory->assumption[0]));

    if (what && memory->assumption_count < room)
        memory->assumption[memory->assumption_count++] = what;
}

bool uses_cuda_graphs(const struct job *job)
{
    const char *impl = job->cuda_graph_impl;

    return (impl && strcmp(impl, "none") != 0) || job->enable_cuda_graph == 1 ||
           job->external_cuda_graph == 1;
}

static const char *packages(const struct shape *shape, struct arena *arena)
{
    if (shape->te_known && shape->torch_known)
        return NULL;
    if (shape->te_known)
        return arena_printf(arena, "torch %s", shape->torch);
    if (shape->torch_known)
        return arena_printf(arena, "Transformer Engine %s", shape->te);
    return arena_printf(arena, "Transformer Engine %s, torch %s", shape->te, shape->torch);
}

void assumptions_of(const struct job *job, const struct shape *shape, struct arena *arena,
                    struct memory *memory)
{
    assume(memory, shape->vocab_assumed);
    assume(memory, packages(shape, arena));
    if (shape->gpu_arch < 0)
        assume(memory, "workspaces of a Hopper GPU");
    if (uses_cuda_graphs(job))
        assume(memory, "the memory pools of CUDA graphs are not counted");
}

static bool drops_tokens(const struct job *job)
{
    return !is_none_float(job->moe_expert_capacity_factor) && job->moe_expert_capacity_factor >= 0;
}

void assumptions_of_premise(const struct job *job, const struct shape *shape,
                            const struct premise *premise, struct arena *arena,
                            struct memory *memory)
{
    const char *backend = attention_backend_names[premise->attention];

    if (premise->attention_assumed)
        assume(memory, arena_printf(arena, "attention backend: %s", backend));
    else if (premise->attention >= ATTENTION_UNFUSED)
        assume(memory, arena_printf(arena, "attention backend: %s, which keeps the scores of every "
                                           "pair of positions", backend));
    if (shape->num_experts && !drops_tokens(job))
        assume(memory, "routing: balanced; the upper figure allows one rank half as many tokens more");
    if (job->moe_token_dispatcher_type && strcmp(job->moe_token_dispatcher_type, "flex") == 0)
        assume(memory, "buffers of the flex dispatcher's library are not counted");
}
