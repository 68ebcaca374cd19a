/* Sixth part of validate_args: types of parameters and gradients. */
#include "rules/sections.h"
#include "rules/truth.h"

static void params_dtype(struct walk *walk)
{
    struct job *job = walk->job;

    job->params_dtype = is_on(job->bf16)   ? "torch.bfloat16"
                        : is_on(job->fp16) ? "torch.float16"
                                             : "torch.float32";
}

/* Dynamic loss scaling finds its scale by overflowing. */
static void fp16_nan_check(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->fp16) && (is_none_float(job->loss_scale) || job->loss_scale == 0))
        job->check_for_nan_in_loss_and_grad = 0;
}

static void bf16_fp32_grads(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->bf16))
        return;
    if (is_on(job->grad_reduce_in_bf16))
        job->accumulate_allreduce_grads_in_fp32 = 0;
    else if (walk->release < RELEASE_0_11_0 || is_word(job->main_grads_dtype, "fp32"))
        job->accumulate_allreduce_grads_in_fp32 = 1;
}

static void rs_fp32_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->accumulate_allreduce_grads_in_fp32))
        return;
    job->ddp_reduce_scatter_with_fp32_accumulation = 0;
    job->gtp_remat_reduce_scatter_with_fp32_accumulation = 0;
}

static const struct rule rows[] = {
    { .id = "params-dtype", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = params_dtype, .what = "parameters are fp32 unless --bf16 or --fp16",
      .why = "There is no other default at any release." },
    { .id = "fp16-nan-check", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = fp16_nan_check,
      .what = "--fp16 without --loss-scale turns the NaN check off",
      .why = "Dynamic loss scaling finds its scale by overflowing." },
    { .id = "bf16-fp32-grads", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = bf16_fp32_grads,
      .what = "--bf16 accumulates and reduces gradients in fp32",
      .why = "Unless --grad-reduce-in-bf16 (0.12) or --main-grads-dtype bf16 (0.11)." },
    { .id = "rs-fp32-off", .stage = STAGE_VALIDATE, .since = RELEASE_MAIN, .until = RELEASE_MAIN,
      .adjust = rs_fp32_off,
      .what = "reduce-scatters with fp32 accumulation are off when gradients are fp32",
      .why = "They would cost a buffer and gain nothing." },
};

const struct rule_section validate_precision_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
