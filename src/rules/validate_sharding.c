/* Fifth part of validate_args: what is sharded over data parallel ranks (distributed optimizer, torch
 * FSDP2, Megatron-FSDP), 8 and 4 bit parameters. */
#include "rules/sections.h"
#include "rules/truth.h"

static void custom_fsdp_overlaps(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_word(job->data_parallel_sharding_strategy, "optim_grads_params"))
        job->overlap_param_gather = 1;
    if (is_word(job->data_parallel_sharding_strategy, "optim_grads_params") ||
        is_word(job->data_parallel_sharding_strategy, "optim_grads"))
        job->overlap_grad_reduce = 1;
}

static void fsdp2_fp8_gather_off(struct walk *walk)
{
    struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->use_torch_fsdp2) || !is_on(job->fp8_param_gather))
        return;
    if (!te->known || (*te->value && version_compare(te->value, "2.0.0") >= 0))
        job->fp8_param_gather = 0;
}

static void grad_comm_dtype(struct walk *walk)
{
    if (is_on(walk->job->grad_reduce_in_bf16))
        walk->job->megatron_fsdp_grad_comm_dtype = "bf16";
}

static void stream_dequant_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->fp8 && is_word(job->fp8_recipe, "tensorwise"))
        job->stream_ckpt_dequant = 0;
}

static void mfsdp_dopt(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return;
    job->use_custom_fsdp = 1;
    if (walk->release < RELEASE_0_18_2)
        return;
    if (walk->release < RELEASE_MAIN || job->megatron_fsdp_version != 2)
        job->use_distributed_optimizer = 1;
    job->reuse_grad_buf_for_mxfp8_param_ag = 0;
}

static void mfsdp_buffers(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return;
    if (is_on(job->nccl_ub)) {
        job->fsdp_manual_registration = 1;
        if (walk->release >= RELEASE_0_19_0)
            job->fsdp_double_buffer = 1;
    }
    if (is_on(job->megatron_fsdp_max_pool_double_buffer))
        job->fsdp_double_buffer = 1;
}

static void manual_registration_no_reuse(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->fsdp_manual_registration) && is_on(job->use_megatron_fsdp))
        job->reuse_grad_buf_for_mxfp8_param_ag = 0;
}

static const struct rule rows[] = {
    { .id = "custom-fsdp-overlaps", .stage = STAGE_VALIDATE, .since = RELEASE_0_12_0,
      .until = RELEASE_0_13_0, .adjust = custom_fsdp_overlaps,
      .what = "a sharding strategy beyond the optimizer turns the overlaps on",
      .why = "--overlap-param-gather and --overlap-grad-reduce." },
    { .id = "fsdp2-fp8-gather-off", .stage = STAGE_VALIDATE, .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN, .adjust = fsdp2_fp8_gather_off,
      .what = "--fp8-param-gather is off with torch FSDP2",
      .why = "Transformer Engine 2 cannot gather fp8 parameters there; bf16 is gathered." },
    { .id = "fsdp-grad-comm-bf16", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0,
      .until = RELEASE_0_18_2, .adjust = grad_comm_dtype,
      .what = "--grad-reduce-in-bf16 sets Megatron-FSDP's communication type too",
      .why = "megatron_fsdp_grad_comm_dtype becomes bf16." },
    { .id = "stream-dequant-off", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0,
      .until = RELEASE_0_19_0, .adjust = stream_dequant_off,
      .what = "checkpoints are not dequantized while streaming with fp8 tensorwise",
      .why = "stream_ckpt_dequant is switched off." },
    { .id = "mfsdp-v1-dopt", .stage = STAGE_VALIDATE, .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN, .adjust = mfsdp_dopt,
      .what = "Megatron-FSDP turns the distributed optimizer on (since 0.18)",
      .why = "Its first version needs it; gradient buffers are not reused for mxfp8." },
    { .id = "mfsdp-buffers", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = mfsdp_buffers,
      .what = "Megatron-FSDP with --use-nccl-ub registers its own double buffers",
      .why = "fsdp_manual_registration, and since 0.19 fsdp_double_buffer." },
    { .id = "fsdp-registration-no-reuse", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0, .adjust = manual_registration_no_reuse,
      .what = "--fsdp-manual-registration turns --reuse-grad-buf-for-mxfp8-param-ag off",
      .why = "Megatron-FSDP has buffers of its own." },
};

const struct rule_section validate_sharding_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
