#include "advise/ladder.h"

#include <string.h>

static const char *number(int64_t value, struct arena *arena)
{
    return arena_printf(arena, "%lld", (long long)value);
}

static bool flag(struct plan *plan, const char *option)
{
    return plan_set(plan, EDIT_TRAINER, option, NULL);
}

static bool is_true(py_bool value)
{
    return value == 1;
}

static bool distributed_optimizer(const struct report *report, int n, struct plan *plan,
                                  struct arena *arena)
{
    const struct job *job = report->job;

    (void)arena;
    if (n || is_true(job->use_distributed_optimizer) || is_true(job->use_torch_fsdp2))
        return false;
    return flag(plan, "--use-distributed-optimizer");
}

/* Modules of selective recompute from the cheapest to the dearest, and when they mean something. */
struct module {
    const char *name;
    bool (*applies)(const struct job *job);
};

static bool has_moe(const struct job *job)
{
    return job->num_experts != NONE_INT && job->num_experts > 0;
}

static bool has_grouped_moe(const struct job *job)
{
    return has_moe(job) && is_true(job->moe_grouped_gemm);
}

static bool has_mla(const struct job *job)
{
    return is_true(job->multi_latent_attention);
}

static bool has_shared_experts(const struct job *job)
{
    return has_moe(job) && job->moe_shared_expert_intermediate_size != NONE_INT &&
           !is_true(job->moe_shared_expert_overlap);
}

static bool has_separate_norm(const struct job *job)
{
    return has_moe(job) || has_mla(job);
}

static bool keeps_scores(const struct job *job)
{
    return (job->attention_backend && strcmp(job->attention_backend, "unfused") == 0) ||
           (job->transformer_impl && strcmp(job->transformer_impl, "local") == 0);
}

static bool has_dense_mlp(const struct job *job)
{
    return !has_moe(job) || job->moe_layer_freq.kind == FREQ_LIST ||
           (job->moe_layer_freq.kind == FREQ_INT && job->moe_layer_freq.every > 1);
}

static const struct module modules[] = {
    { "core_attn", keeps_scores },
    { "moe_act", has_grouped_moe },
    { "layernorm", has_separate_norm },
    { "mla_up_proj", has_mla },
    { "shared_experts", has_shared_experts },
    { "mlp", has_dense_mlp },
    { "moe", has_moe },
};
enum { MODULE_COUNT = sizeof(modules) / sizeof(modules[0]) };

/* 'moe' holds what these would have freed. */
static bool part_of_moe(const char *name)
{
    return strcmp(name, "moe_act") == 0 || strcmp(name, "shared_experts") == 0;
}

static bool is_on(const struct job *job, const char *module)
{
    return job->recompute_granularity && strcmp(job->recompute_granularity, "selective") == 0 &&
           list_has(&job->recompute_modules, module);
}

/* n: 0 .. MODULE_COUNT - 1: that module alone; then the first two, three ...; each with those
 * already on. */
static const char *module_set(const struct job *job, int n, struct arena *arena)
{
    bool alone = n < MODULE_COUNT;
    int last = alone ? n : n - MODULE_COUNT + 1;
    const char *text = "";
    bool adds = false;

    for (int m = 0; m < MODULE_COUNT; m++) {
        bool on = is_on(job, modules[m].name);
        bool wanted = modules[m].applies(job) && (alone ? m == last : m <= last);

        if (wanted && last == MODULE_COUNT - 1 && part_of_moe(modules[m].name))
            wanted = false;
        if (!wanted && !on)
            continue;
        adds = adds || (wanted && !on);
        text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", modules[m].name);
    }
    return adds ? text : NULL;
}

static bool is_full(const struct job *job)
{
    return job->recompute_granularity && strcmp(job->recompute_granularity, "full") == 0;
}

static bool full_recompute(const struct job *job, struct plan *plan)
{
    if (is_full(job) && job->recompute_method && strcmp(job->recompute_method, "uniform") == 0 &&
        job->recompute_num_layers == 1)
        return false;
    if (job_given(job, JOB_recompute_modules))
        plan_remove(plan, EDIT_TRAINER, "--recompute-modules");
    if (job_given(job, JOB_recompute_activations))
        plan_remove(plan, EDIT_TRAINER, "--recompute-activations");
    return plan_set(plan, EDIT_TRAINER, "--recompute-granularity", "full") &&
           plan_set(plan, EDIT_TRAINER, "--recompute-method", "uniform") &&
           plan_set(plan, EDIT_TRAINER, "--recompute-num-layers", "1");
}

static bool recompute(const struct report *report, int n, struct plan *plan, struct arena *arena)
{
    enum { SETS = 2 * MODULE_COUNT };
    const struct job *job = report->job;
    const char *set;

    if (is_full(job) || report->release < RELEASE_0_12_0)
        return n == 0 && full_recompute(job, plan);
    if (n >= SETS)
        return n == SETS && full_recompute(job, plan);
    set = module_set(job, n, arena);
    if (!set)
        return true; /* nothing new in this set: the plan stays as it is and the next is tried */
    return plan_set(plan, EDIT_TRAINER, "--recompute-granularity", "selective") &&
           plan_set(plan, EDIT_TRAINER, "--recompute-modules", set);
}

static bool sequence_parallel(const struct report *report, int n, struct plan *plan,
                              struct arena *arena)
{
    const struct job *job = report->job;

    (void)arena;
    if (n || is_true(job->sequence_parallel) || job->tensor_model_parallel_size < 2)
        return false;
    return flag(plan, "--sequence-parallel");
}

/* The n-th divisor of 'whole' above 'from'. */
static bool larger_divisor(int64_t whole, int64_t from, int n, int64_t *value)
{
    if (whole <= 0 || whole > 1 << 20 || from <= 0)
        return false;
    for (int64_t divisor = from + 1; divisor <= whole; divisor++) {
        if (whole % divisor == 0 && n-- == 0) {
            *value = divisor;
            return true;
        }
    }
    return false;
}

static bool expert_parallel(const struct report *report, int n, struct plan *plan,
                            struct arena *arena)
{
    const struct job *job = report->job;
    int64_t size;

    if (!has_moe(job) || n > 6 ||
        !larger_divisor(job->num_experts, job->expert_model_parallel_size, n, &size))
        return false;
    return plan_set(plan, EDIT_TRAINER, "--expert-model-parallel-size", number(size, arena));
}

static bool pipeline_parallel(const struct report *report, int n, struct plan *plan,
                              struct arena *arena)
{
    const struct job *job = report->job;
    int64_t size, whole = report->launch->world.known ? report->launch->world.value : 0;

    if (n > 8 || job->pipeline_model_parallel_layout ||
        !larger_divisor(whole /
                            (job->tensor_model_parallel_size > 0 && job->context_parallel_size > 0
                                 ? job->tensor_model_parallel_size * job->context_parallel_size
                                 : 1),
                        job->pipeline_model_parallel_size, n, &size))
        return false;
    return plan_set(plan, EDIT_TRAINER, "--pipeline-model-parallel-size", number(size, arena));
}

static bool micro_batch(const struct report *report, int n, struct plan *plan, struct arena *arena)
{
    int64_t size = report->job->micro_batch_size;

    for (; n >= 0 && size > 1; n--) {
        int64_t smaller = size - 1;

        while (smaller > 1 && report->job->micro_batch_size % smaller != 0)
            smaller--;
        size = smaller;
        if (n == 0)
            return plan_set(plan, EDIT_TRAINER, "--micro-batch-size", number(size, arena));
    }
    return false;
}

/* Fewer layers on the last stage, or on the first: what overflows there is the head or the
 * micro-batches in flight. n even: the last, odd: the first. */
static bool split_of_layers(const struct report *report, int n, struct plan *plan,
                            struct arena *arena)
{
    const struct job *job = report->job;
    int64_t others = job->pipeline_model_parallel_size - 1, layers;
    int left = n / 2;

    if (n > 5 || others < 1 || job->num_layers <= 0 || job->num_layers > 1 << 20 ||
        job->pipeline_model_parallel_layout || job->decoder_first_pipeline_num_layers != NONE_INT ||
        job->decoder_last_pipeline_num_layers != NONE_INT)
        return false;
    for (layers = job->num_layers / (others + 1) - 1; layers > 0; layers--)
        if ((job->num_layers - layers) % others == 0 && left-- == 0)
            break;
    if (layers <= 0)
        return false;
    return plan_set(plan, EDIT_TRAINER,
                    n % 2 ? "--decoder-first-pipeline-num-layers"
                          : "--decoder-last-pipeline-num-layers",
                    number(layers, arena));
}

/* With a CUDA_DEVICE_MAX_CONNECTIONS that a first tensor or context group needs, repairs.c comes
 * in. */
static bool tensor_parallel(const struct report *report, int n, struct plan *plan,
                            struct arena *arena)
{
    const struct job *job = report->job;
    int64_t domain = report->facts->nvlink_domain.known ? report->facts->nvlink_domain.value : 8;
    int64_t size;

    if (!larger_divisor(domain, job->tensor_model_parallel_size, n, &size))
        return false;
    flag(plan, "--sequence-parallel");
    return plan_set(plan, EDIT_TRAINER, "--tensor-model-parallel-size", number(size, arena));
}

static bool context_parallel(const struct report *report, int n, struct plan *plan,
                             struct arena *arena)
{
    const struct job *job = report->job;
    int64_t size;

    if (job->seq_length < 16384 || n > 4 ||
        !larger_divisor(16, job->context_parallel_size, n, &size))
        return false;
    return plan_set(plan, EDIT_TRAINER, "--context-parallel-size", number(size, arena));
}

const struct rung rungs[RUNG_COUNT] = {
    [RUNG_DISTRIBUTED_OPTIMIZER] = { .propose = distributed_optimizer },
    [RUNG_RECOMPUTE] = { .propose = recompute },
    [RUNG_SEQUENCE_PARALLEL] = { .propose = sequence_parallel },
    [RUNG_EXPERT_PARALLEL] = { .propose = expert_parallel },
    [RUNG_PIPELINE_PARALLEL] = { .propose = pipeline_parallel },
    [RUNG_MICRO_BATCH] = { .propose = micro_batch },
    [RUNG_SPLIT_OF_LAYERS] = { .propose = split_of_layers, .beyond = true },
    [RUNG_TENSOR_PARALLEL] = { .propose = tensor_parallel, .beyond = true },
    [RUNG_CONTEXT_PARALLEL] = { .propose = context_parallel, .beyond = true },
};
