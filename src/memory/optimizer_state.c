#include <string.h>

#include "memory/static_rank.h"

static bool is(const char *value, const char *want)
{
    return value && strcmp(value, want) == 0;
}

/* How the optimizer stores what it knows of a parameter. Bytes of one element, 0: it does not
 * exist. */
struct state_plan {
    uint64_t main_bytes; /* fp32 copy of a 16-bit parameter, or the fused optimizer's own master */
    uint64_t state_bytes[2]; /* exp_avg and exp_avg_sq, or momentum */
    bool gradients_copied;   /* 16-bit gradients are copied to fp32 for the step and stay until
                                zero_grad */
    uint64_t scales;         /* 512-byte tensors a parameter that scaled states need */
    uint64_t unscaled_bytes; /* fp32 copies of 16- and 8-bit states inside the step */
    double on_gpu;           /* share that is not offloaded to the host */
    const char *missing;
};

static uint64_t dtype_bytes(const char *dtype)
{
    if (!dtype || strstr(dtype, "32"))
        return 4;
    if (strstr(dtype, "fp8") || strstr(dtype, "uint8") || strstr(dtype, "float8"))
        return 1;
    return 2;
}

static bool is_bf16(const char *dtype)
{
    return is(dtype, "bf16") || is(dtype, "torch.bfloat16");
}

/* OptimizerConfig.use_precision_aware_optimizer_no_fp8_or_ds_fp8: the fused Adam keeps the master
 * weights itself and reads gradients in place. Up to 0.12 always with a precision-aware optimizer.
 */
static bool fused_masters(const struct static_rank *rank)
{
    const struct job *job = rank->job;

    if (job->use_precision_aware_optimizer != 1)
        return false;
    return rank->shape->release < RELEASE_0_13_0 || dtype_bytes(job->main_params_dtype) != 4 ||
           !job->fp8_recipe || is(job->fp8_recipe, "delayed") || job->optimizer_cpu_offload == 1;
}

/* TE's FusedAdam keeps only the 16 bits that a bf16 weight lacks of its fp32 master (since TE 2.1).
 */
static uint64_t fused_master_bytes(const struct static_rank *rank)
{
    uint64_t master = dtype_bytes(rank->job->main_params_dtype);

    if (rank->job->bf16 == 1 && master == 4 && te_at_least(rank->shape, "2.1"))
        return 2;
    return master;
}

static void plan_adam(const struct static_rank *rank, struct state_plan *plan)
{
    const struct job *job = rank->job;
    bool aware = job->use_precision_aware_optimizer == 1;
    const char *dtype[2] = { job->exp_avg_dtype, job->exp_avg_sq_dtype };
    bool in_kernel;

    plan->state_bytes[0] = aware ? dtype_bytes(dtype[0]) : 4;
    plan->state_bytes[1] = aware ? dtype_bytes(dtype[1]) : 4;
    /* Since TE 2.13 the kernel reads bf16 states itself when both are. */
    in_kernel = te_at_least(rank->shape, "2.13") && is_bf16(dtype[0]) && is_bf16(dtype[1]);
    for (int i = 0; i < 2; i++) {
        if (plan->state_bytes[i] == 4)
            continue;
        plan->scales++;
        if (!in_kernel)
            plan->unscaled_bytes += 4;
    }
    if (fused_masters(rank) && rank->shape->param_bytes == 2) {
        plan->main_bytes = fused_master_bytes(rank);
        plan->gradients_copied = false;
    }
}

/* core/optimizer/__init__.py _get_megatron_optimizer_based_on_param_groups. */
static struct state_plan plan_of(const struct static_rank *rank)
{
    const struct job *job = rank->job;
    bool half = rank->shape->param_bytes == 2;
    struct state_plan plan = { .on_gpu = 1.0 };

    plan.main_bytes = half ? 4 : 0;
    plan.gradients_copied = half && rank->shape->grad_bytes == 2;
    if (!job->optimizer || is(job->optimizer, "adam")) {
        plan_adam(rank, &plan);
    } else if (is(job->optimizer, "sgd")) {
        plan.state_bytes[0] = job->sgd_momentum != 0 ? 4 : 0;
    } else {
        plan.missing = "optimizers other than adam and sgd";
        plan.state_bytes[0] = 4;
    }
    if (job->optimizer_cpu_offload == 1) {
        plan.on_gpu = is_none_float(job->optimizer_offload_fraction)
                          ? 0
                          : 1 - job->optimizer_offload_fraction;
        plan.main_bytes = half ? 4 : 0;
    }
    return plan;
}

/* What data-parallel rank 0 optimizes, in elements of that many bytes, tensor by tensor. */
static uint64_t local_bytes(const struct static_rank *rank, uint64_t element_bytes)
{
    uint64_t bytes = 0;

    for (int64_t v = 0; v < rank->chunk_count && element_bytes; v++)
        for (int b = 0; b < BUFFER_COUNT; b++)
            bytes += tensor_sum_bytes(&rank->chunk[v].buffer[b].local, element_bytes);
    return bytes;
}

static uint64_t local_tensors(const struct static_rank *rank)
{
    uint64_t tensors = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++)
        for (int b = 0; b < BUFFER_COUNT; b++)
            tensors += rank->chunk[v].buffer[b].local.tensors;
    return tensors;
}

/* Weights that exist in 8 bits alone are made from 16-bit copies of their fp32 masters, all there
 * at once (TE pytorch/tensor/utils.py, quantize_master_weights). Those of mxfp8 go through the
 * gradient buffer instead. */
static uint64_t requantized_bytes(const struct static_rank *rank)
{
    uint64_t bytes = 0;

    if (rank->shape->low_precision == FP8_MX)
        return 0;
    for (int64_t v = 0; v < rank->chunk_count; v++)
        for (int b = BUFFER_DENSE_QUANTIZED; b < BUFFER_COUNT; b++)
            bytes += tensor_sum_bytes(&rank->chunk[v].buffer[b].local, rank->shape->param_bytes);
    return bytes;
}

static uint64_t share(uint64_t bytes, double on_gpu)
{
    return (uint64_t)((double)bytes * on_gpu);
}

void add_optimizer_terms(struct static_rank *rank)
{
    struct state_plan plan = plan_of(rank);
    uint64_t unscaled = local_bytes(rank, plan.unscaled_bytes ? 4 : 0) * (plan.unscaled_bytes / 4);
    uint64_t requantized = requantized_bytes(rank);
    enum certainty certainty = plan.on_gpu < 1 || plan.missing ? LIKELY : CERTAIN;

    if (plan.missing && !rank->memory->missing)
        rank->memory->missing = plan.missing;
    static_add(rank, "optimizer", "main parameters",
               share(local_bytes(rank, plan.main_bytes), plan.on_gpu), WHEN_ALWAYS, certainty);
    static_add(rank, "optimizer", "first moment",
               share(local_bytes(rank, plan.state_bytes[0]), plan.on_gpu), WHEN_ALWAYS, certainty);
    static_add(rank, "optimizer", "second moment",
               share(local_bytes(rank, plan.state_bytes[1]), plan.on_gpu), WHEN_ALWAYS, certainty);
    static_add(rank, "optimizer", "state scales", plan.scales * local_tensors(rank) * 512,
               WHEN_ALWAYS, LIKELY);
    static_add(rank, "optimizer", "fp32 copies of gradients",
               plan.gradients_copied ? share(local_bytes(rank, 4), plan.on_gpu) : 0, WHEN_AT_REST,
               certainty);
    /* One after the other. */
    if (unscaled > requantized)
        static_add(rank, "optimizer", "unscaled states", unscaled, WHEN_STEP, LIKELY);
    else
        static_add(rank, "optimizer", "16-bit copies of weights", requantized, WHEN_STEP, LIKELY);
}
