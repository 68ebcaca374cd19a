#include "memory/missing.h"

#include <string.h>

static bool hybrid(const struct job *job, const struct shape *shape)
{
    (void)job;
    return shape->model == MODEL_HYBRID;
}

static bool own_spec(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->spec.count > 0 && strcmp(job->spec.item[0], "local") != 0;
}

static bool experimental_attention(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->experimental_attention_variant != NULL;
}

static bool low_precision(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->fp4 != NULL;
}

static bool offloading(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->fine_grained_activation_offloading == 1 || job->cpu_offloading_num_layers > 0;
}

static bool heterogeneous(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->heterogeneous_layers_config_path || job->heterogeneous_layers_config_encoded_json;
}

static bool hyper_connections(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->enable_mhc_connections == 1;
}

static bool arguments_elsewhere(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->yaml_cfg || (job->use_checkpoint_args == 1 && job->load);
}

static bool varying_sequences(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->hybrid_context_parallel == 1 || job->perform_rl_step == 1;
}

static bool paged_stash(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->moe_paged_stash == 1;
}

static bool second_model(const struct job *job, const struct shape *shape)
{
    (void)shape;
    return job->logits_load_dir != NULL;
}

/* Sorted by how much they change. */
static const struct {
    bool (*there)(const struct job *, const struct shape *);
    const char *what;
} rows[] = {
    { arguments_elsewhere, "sizes that a checkpoint or a YAML file sets" },
    { hybrid, "activations of hybrid models" },
    { own_spec, "layers of a --spec of your own" },
    { heterogeneous, "heterogeneous layers" },
    { experimental_attention, "activations of experimental attention" },
    { hyper_connections, "hyper connections" },
    { offloading, "activation offloading" },
    { paged_stash, "the paged stash of experts' activations" },
    { varying_sequences, "sequences of varying length" },
    { second_model, "distillation" },
    { low_precision, "activations in fp4" },
};

int missing_count(void)
{
    return (int)(sizeof(rows) / sizeof(rows[0]));
}

const char *missing_part(int row, const struct job *job, const struct shape *shape)
{
    return rows[row].there(job, shape) ? rows[row].what : NULL;
}
