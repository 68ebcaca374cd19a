/* validate_args, after the shapes: learning rate, what is saved and logged and when, types of the
 * loss and the residual, weight decay. */
#include <inttypes.h>

#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void weight_decay_condition(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_word(job->no_weight_decay_cond_type, "apply_wd_to_qk_layernorm")) {
        job->apply_wd_to_qk_layernorm = 1;
        job->no_weight_decay_cond_type = NULL;
    }
}

static void weight_decay_constant(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_word(job->weight_decay_incr_style, "constant"))
        return;
    job->start_weight_decay = job->weight_decay;
    job->end_weight_decay = job->weight_decay;
}

static enum answer lr_order(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_none_float(job->lr) || is_none_float(job->min_lr))
        return NOT_APPLICABLE;
    if (job->min_lr <= job->lr)
        return HOLDS;
    return violated(walk, finding, "--min-lr %g is above --lr %g", job->min_lr, job->lr);
}

static enum answer save_interval(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->save)
        return NOT_APPLICABLE;
    if (!is_set(job->save_interval))
        return violated_at(walk, finding, 0, "--save '%s' comes without --save-interval",
                           job->save);
    if (job->save_interval > 0 || walk->release < RELEASE_0_14_0)
        return HOLDS;
    return violated_at(walk, finding, 1, "a --save-interval of %" PRId64, job->save_interval);
}

static enum answer save_retain(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t retain = job->save_retain_interval;

    if (!job->save || !is_set(retain) || !is_nonzero(job->save_interval))
        return NOT_APPLICABLE;
    if (retain > 0 && retain % job->save_interval == 0)
        return HOLDS;
    if (job->save_interval > 0)
        finding_fix(walk, finding, "--save-retain-interval %" PRId64,
                    round_up(retain, job->save_interval));
    return violated_at(walk, finding, retain > 0,
                       "--save-retain-interval %" PRId64
                       " is not a multiple of --save-interval %" PRId64,
                       retain, job->save_interval);
}

static enum answer save_params(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->save || !is_set(job->save_params_interval))
        return NOT_APPLICABLE;
    if (!is_on(job->overlap_param_gather))
        return HOLDS;
    return violated(walk, finding,
                    "--save-params-interval reads parameters that "
                    "--overlap-param-gather has not gathered yet");
}

static enum answer log_memory(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->log_memory_interval) || !is_set(job->log_interval))
        return NOT_APPLICABLE;
    if (job->log_interval != 0 && floor_mod(job->log_memory_interval, job->log_interval) == 0)
        return HOLDS;
    if (job->log_interval > 0)
        finding_fix(walk, finding, "--log-memory-interval %" PRId64,
                    round_up(job->log_memory_interval, job->log_interval));
    return violated(walk, finding,
                    "--log-memory-interval %" PRId64
                    " is not a multiple of --log-interval %" PRId64,
                    job->log_memory_interval, job->log_interval);
}

static enum answer fp16_lm_ce(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp16_lm_cross_entropy))
        return NOT_APPLICABLE;
    if (is_on(job->fp16))
        return HOLDS;
    return violated(walk, finding, "--fp16-lm-cross-entropy comes without --fp16");
}

static enum answer fp32_residual(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp32_residual_connection))
        return NOT_APPLICABLE;
    if (is_on(job->fp16) || is_on(job->bf16))
        return HOLDS;
    return violated(walk, finding,
                    "--fp32-residual-connection has nothing to widen: everything is "
                    "fp32 without --bf16 or --fp16");
}

static enum answer grouped_gemm_bf16(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->moe_grouped_gemm))
        return NOT_APPLICABLE;
    if (is_on(job->bf16))
        return HOLDS;
    return violated(walk, finding, "--moe-grouped-gemm computes in bf16 only, the job in %s",
                    is_on(job->fp16) ? "fp16" : "fp32");
}

static enum answer grouped_gemm_sm(struct walk *walk, struct finding *finding)
{
    const struct fact_int *arch = &walk->facts->gpu_arch;

    if (!is_on(walk->job->moe_grouped_gemm) || !arch->known)
        return NOT_APPLICABLE;
    if (arch->value >= 80)
        return HOLDS;
    return violated(walk, finding,
                    "--moe-grouped-gemm needs compute capability 8.0, this GPU has "
                    "%d.%d",
                    (int)(arch->value / 10), (int)(arch->value % 10));
}

static enum answer wd_style(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool start = !is_none_float(job->start_weight_decay);
    bool end = !is_none_float(job->end_weight_decay);

    if (is_word(job->weight_decay_incr_style, "constant")) {
        if (!start && !end)
            return HOLDS;
        return violated_at(walk, finding, !start, "a constant weight decay has no %s",
                           start ? "--start-weight-decay" : "--end-weight-decay");
    }
    if (start && end)
        return HOLDS;
    return violated_at(walk, finding, 2 + start, "'--weight-decay-incr-style %s' comes without %s",
                       job->weight_decay_incr_style,
                       start ? "--end-weight-decay" : "--start-weight-decay");
}

static const struct rule rows[] = {
    { .id = "lr-order",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--min-lr --lr",
      .check = lr_order,
      .what = "--min-lr is at most --lr",
      .why = "The learning rate decays from one to the other.",
      .fix = "a --min-lr below --lr" },
    { .id = "save-interval",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--save --save-interval",
      .check = save_interval,
      .what = "--save needs --save-interval",
      .why = "The interval has no default; above 0 since 0.14.",
      .fix = "--save-interval 1000" },
    { .id = "save-retain",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "--save-retain-interval --save-interval",
      .needs = "save-interval",
      .check = save_retain,
      .what = "--save-retain-interval is a multiple of --save-interval",
      .why = "It picks checkpoints to keep from those that were saved.",
      .fix = "a multiple of --save-interval" },
    { .id = "save-params-opg",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--save-params-interval --overlap-param-gather",
      .check = save_params,
      .what = "--save-params-interval excludes --overlap-param-gather",
      .why = "Parameters are gathered during the next forward.",
      .fix = "remove one of the two" },
    { .id = "log-mem",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--log-memory-interval --log-interval",
      .check = log_memory,
      .what = "--log-memory-interval is a multiple of --log-interval",
      .why = "Memory is reported with other logs.",
      .fix = "a multiple of --log-interval" },
    { .id = "fp16-lm-ce",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--fp16-lm-cross-entropy --fp16",
      .check = fp16_lm_ce,
      .what = "--fp16-lm-cross-entropy needs --fp16",
      .why = "The loss is computed in the type of the parameters.",
      .fix = "remove --fp16-lm-cross-entropy" },
    { .id = "fp32-residual",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--fp32-residual-connection --bf16 --fp16",
      .check = fp32_residual,
      .what = "--fp32-residual-connection needs --bf16 or --fp16",
      .why = "It widens the residual stream.",
      .fix = "--bf16, or remove --fp32-residual-connection" },
    { .id = "grouped-gemm-bf16",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .options = "--moe-grouped-gemm --bf16 --fp16",
      .check = grouped_gemm_bf16,
      .what = "--moe-grouped-gemm needs --bf16",
      .why = "The grouped kernels of that time knew no other type.",
      .fix = "--bf16, or remove --moe-grouped-gemm" },
    { .id = "grouped-gemm-sm",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--moe-grouped-gemm",
      .check = grouped_gemm_sm,
      .what = "--moe-grouped-gemm needs compute capability 8.0",
      .why = "The grouped kernels are built for Ampere and later.",
      .fix = "remove --moe-grouped-gemm" },
    { .id = "wd-condition",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = weight_decay_condition,
      .what = "--no-weight-decay-cond-type is --apply-wd-to-qk-layernorm",
      .why = "The old option has this one value left." },
    { .id = "wd-style",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--weight-decay-incr-style --start-weight-decay --end-weight-decay",
      .check = wd_style,
      .what = "start and end of the weight decay are given unless it is constant",
      .why = "A constant one is --weight-decay.",
      .fix = "--start-weight-decay and --end-weight-decay, or --weight-decay-incr-style "
             "constant" },
    { .id = "wd-constant",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = weight_decay_constant,
      .what = "a constant weight decay starts and ends at --weight-decay",
      .why = "--weight-decay-incr-style constant is the default." },
};

const struct rule_section validate_saving_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
