/* torchrun, torch.distributed.run and .launch, ft_launcher: nnodes x nproc-per-node workers. */
#include "launch/apply.h"

#include <string.h>

#include "facts/visible.h"
#include "launch/count.h"

/* An option of torchrun, or its default from the environment (PET_NNODES), or NULL. */
static const char *setting(const struct peel *peel, const char *name, const char *variable)
{
    const char *value = peel_value(peel, name);

    return value ? value : environment_get(&peel->launch->environment, variable);
}

static bool flag(const struct peel *peel, const char *name, const char *variable)
{
    const char *value = environment_get(&peel->launch->environment, variable);

    return peel_given(peel, name) || (value && strcmp(value, "0") != 0);
}

static void read_nodes(struct peel *peel, struct launch_layer *layer, const char *source)
{
    const char *text = setting(peel, "nnodes", "PET_NNODES");
    const char *colon = text ? strchr(text, ':') : NULL;
    int64_t least, most;

    if (!text) {
        layer->nodes = count_of(1, source);
        return;
    }
    if (!colon && count_read(text, &most)) {
        layer->nodes = count_of(most, source);
        return;
    }
    if (colon && count_read(colon + 1, &most) &&
        count_read(arena_strndup(peel->arena, text, (size_t)(colon - text)), &least)) {
        if (least == most)
            layer->nodes = count_of(most, source);
        else
            peel->launch->world_unknown = arena_printf(
                peel->arena, "--nnodes %s is elastic: the rendezvous decides the number of nodes",
                text);
        return;
    }
    peel->launch->world_unknown = arena_printf(peel->arena, "'%s' is not a number of nodes", text);
}

struct fact_int gpus_here(const struct peel *peel)
{
    const struct launch *launch = peel->launch;
    const char *visible = environment_get(&launch->environment, "CUDA_VISIBLE_DEVICES");

    for (int l = launch->layer_count - 1; l >= 0; l--)
        if (launch->layer[l].gpus_per_node.known)
            return launch->layer[l].gpus_per_node;
    if (launch->remote)
        return (struct fact_int) { .known = false };
    if (visible)
        return count_of(visible_count(visible),
                        arena_printf(peel->arena, "CUDA_VISIBLE_DEVICES=%s", visible));
    return count_in_environment(peel, "SLURM_GPUS_ON_NODE");
}

static void read_per_node(struct peel *peel, struct launch_layer *layer, const char *source)
{
    const char *text = setting(peel, "nproc-per-node", "PET_NPROC_PER_NODE");
    int64_t count = 1;

    if (!text || count_read(text, &count)) {
        layer->per_node = count_of(count, source);
    } else if (strcmp(text, "gpu") == 0 || strcmp(text, "auto") == 0) {
        layer->per_gpu = true;
        layer->per_node = gpus_here(peel);
        if (!layer->per_node.known)
            peel->launch->world_unknown = arena_printf(
                peel->arena, "--nproc-per-node %s depends on the GPUs of the node it runs on",
                text);
        else
            layer->per_node.source =
                arena_printf(peel->arena, "%s, %s", source, layer->per_node.source);
    } else {
        peel->launch->world_unknown =
            arena_printf(peel->arena, "--nproc-per-node %s depends on the node it runs on", text);
    }
}

/* "torchrun --nnodes 8 --nproc-per-node 8"; what comes from the environment is said too. */
static const char *source_of(struct peel *peel, struct launch_layer *layer)
{
    static const char *const names[] = { "nnodes", "nproc-per-node", NULL };
    static const char *const variables[] = { "PET_NNODES", "PET_NPROC_PER_NODE" };
    const char *text = count_source(peel, layer, names);

    for (int i = 0; i < 2; i++) {
        const char *value = environment_get(&peel->launch->environment, variables[i]);

        if (value && !peel_given(peel, names[i]))
            text = arena_printf(peel->arena, "%s %s=%s", text, variables[i], value);
    }
    return text;
}

void set_worker_environment(struct peel *peel, const struct launch_layer *layer)
{
    char world[32], local[32];

    peel_setenv(peel, "RANK", "0");
    peel_setenv(peel, "LOCAL_RANK", "0");
    snprintf(world, sizeof(world), "%lld", (long long)layer->processes.value);
    snprintf(local, sizeof(local), "%lld", (long long)layer->per_node.value);
    peel_setenv(peel, "WORLD_SIZE", layer->processes.known ? world : NULL);
    peel_setenv(peel, "LOCAL_WORLD_SIZE", layer->per_node.known ? local : NULL);
}

void take_script(struct peel *peel, bool module, bool any_program)
{
    if (peel->used >= peel->argc) {
        peel_cannot_know(peel, "'%s' is given no script", launcher_base_name(peel->word[0]));
        return;
    }
    if (any_program)
        return; /* a command like any other */
    peel_trainer(peel, peel->used, module);
    /* argparse eats one "--": in front of the script, or right behind it. */
    if (!peel->dashes && peel->launch->argc && strcmp(peel->launch->argv[0], "--") == 0) {
        peel->launch->argc--;
        peel->launch->argv++;
        peel->launch->argv_index += peel->launch->argv_index >= 0;
    }
}

void apply_torchrun(struct peel *peel, struct launch_layer *layer)
{
    const char *source = source_of(peel, layer);

    peel->launch->world_unknown = NULL;
    read_nodes(peel, layer, source);
    read_per_node(peel, layer, source);
    if (layer->nodes.known && layer->per_node.known)
        layer->processes =
            count_of(layer->nodes.value * layer->per_node.value, layer->per_node.source);
    set_worker_environment(peel, layer);
    take_script(peel, flag(peel, "m", "PET_MODULE"),
                flag(peel, "no-python", "PET_NO_PYTHON") && !flag(peel, "run-path", "PET_RUN_PATH"));
}

void apply_torch_launch(struct peel *peel, struct launch_layer *layer)
{
    peel->launch->adds_local_rank =
        peel_given(peel, "use-env") ? LOCAL_RANK_NONE : LOCAL_RANK_OF_TORCH;
    apply_torchrun(peel, layer);
}
