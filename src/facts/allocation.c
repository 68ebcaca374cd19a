#include "facts/allocation.h"

#include <ctype.h>
#include <string.h>

#include "facts/gpus.h"
#include "facts/visible.h"
#include "launch/count.h"

static void fill(struct fact_int *fact, int64_t value, const char *source)
{
    if (!fact->known && value > 0)
        *fact = (struct fact_int) { .known = true, .value = value, .source = source };
}

static void tell_nodes(const struct environment *env, struct arena *arena, struct facts *facts)
{
    static const char *const names[] = { "SLURM_JOB_NUM_NODES", "SLURM_NNODES" };
    int64_t count;

    /* The components of a heterogeneous job have numbers of their own. */
    if (environment_get(env, "SLURM_HET_SIZE"))
        return;
    for (int i = 0; i < 2; i++) {
        const char *text = environment_get(env, names[i]);

        if (text && count_read(text, &count))
            fill(&facts->nodes_allocated, count, arena_printf(arena, "%s=%s", names[i], text));
    }
}

/* The step's own figure first, then what the job was given on each node. */
static void tell_gpus(const struct launch *launch, struct arena *arena, struct facts *facts)
{
    static const struct {
        const char *name;
        int64_t (*count)(const char *);
    } figures[] = { { "SLURM_GPUS_ON_NODE", count_gpus }, { "SLURM_GPUS_PER_NODE", count_gpus } };
    const struct environment *env = &launch->environment;
    const char *list;

    for (int l = launch->layer_count - 1; l >= 0; l--)
        if (launch->layer[l].gpus_per_node.known)
            fill(&facts->gpus_per_node, launch->layer[l].gpus_per_node.value,
                 launch->layer[l].gpus_per_node.source);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        const char *text = environment_get(env, figures[i].name);

        if (text)
            fill(&facts->gpus_per_node, figures[i].count(text),
                 arena_printf(arena, "%s=%s", figures[i].name, text));
    }
    list = environment_get(env, "SLURM_JOB_GPUS");
    if (list)
        fill(&facts->gpus_per_node, visible_count(list),
             arena_printf(arena, "SLURM_JOB_GPUS=%s", list));
}

/* Not where a launcher goes elsewhere first. */
static void tell_visible(const struct launch *launch, struct arena *arena, struct facts *facts)
{
    const char *list = environment_get(&launch->environment, "CUDA_VISIBLE_DEVICES");

    if (!list || launch->remote || launch->container || facts->gpus_visible.known)
        return;
    facts->gpus_visible =
        (struct fact_int) { .known = true,
                            .value = visible_count(list),
                            .source = arena_printf(arena, "CUDA_VISIBLE_DEVICES=%s", list) };
}

/* Sites name their types freely: the largest GPU of that name is meant, or none that we know. */
static void tell_type(const struct environment *env, struct arena *arena, struct facts *facts)
{
    static const char *const names[] = { "SLURM_GPUS_PER_NODE", "SLURM_GPUS", "SLURM_GPUS_PER_TASK",
                                         "SLURM_JOB_GRES", "SLURM_STEP_GRES" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !facts->gpu.known; i++) {
        const char *gres = environment_get(env, names[i]);
        const struct gpu_row *row = gres ? gpu_of_gres(gres) : NULL;

        if (row)
            facts->gpu =
                (struct fact_str) { .known = true,
                                    .value = row->name,
                                    .source = arena_printf(arena, "%s=%s", names[i], gres) };
    }
}

void allocation_tell(const struct launch *launch, struct arena *arena, struct facts *facts)
{
    tell_nodes(&launch->environment, arena, facts);
    tell_gpus(launch, arena, facts);
    tell_visible(launch, arena, facts);
    tell_type(&launch->environment, arena, facts);
}
