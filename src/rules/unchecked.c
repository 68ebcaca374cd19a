/* What Megatron forgot to check: options that it ignores, sizes it takes and should not. */
#include <inttypes.h>

#include "megatron/layer_pattern.h"
#include "megatron/layout.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer uneven_negative(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t edges = value_or(job->decoder_first_pipeline_num_layers, 0) +
                    value_or(job->decoder_last_pipeline_num_layers, 0);

    if (edges == 0 || !is_set(job->num_layers))
        return NOT_APPLICABLE;
    if (edges <= job->num_layers)
        return HOLDS;
    return violated(walk, finding,
                    "first and last stage hold %" PRId64 " layers, the model has only %" PRId64,
                    edges, job->num_layers);
}

static enum answer recompute_nothing(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->recompute_granularity, "full") || !is_set(job->recompute_num_layers))
        return NOT_APPLICABLE;
    if (job->recompute_num_layers > 0)
        return HOLDS;
    if (!is_word(job->recompute_method, "uniform")) {
        finding->severity = SEVERITY_NOTE;
        return violated(walk, finding, "--recompute-num-layers %" PRId64 " recomputes nothing",
                        job->recompute_num_layers);
    }
    return violated(walk, finding,
                    "--recompute-num-layers %" PRId64 " never gets past the first layer: uniform "
                    "recomputation advances by it",
                    job->recompute_num_layers);
}

static enum answer recompute_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *option = job->recompute_method                   ? "--recompute-method"
                         : is_set(job->recompute_num_layers)     ? "--recompute-num-layers"
                         : job_given(job, JOB_recompute_modules) ? "--recompute-modules"
                                                                 : NULL;

    if (!option)
        return NOT_APPLICABLE;
    if (job->recompute_granularity)
        return HOLDS;
    return violated(walk, finding,
                    "%s is ignored without --recompute-granularity: nothing is recomputed", option);
}

static enum answer modules_of_full(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job_given(job, JOB_recompute_modules) || !is_word(job->recompute_granularity, "full"))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--recompute-modules is ignored with --recompute-granularity full");
}

static enum answer gqa_flag_missing(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job_given(job, JOB_num_query_groups) || is_on(job->group_query_attention) ||
        is_on(job->multi_latent_attention))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--num-query-groups is ignored without --group-query-attention: every "
                    "head has keys and values of its own");
}

static enum answer rampup_ignored(struct walk *walk, struct finding *finding)
{
    if (walk->job->rampup_batch_size.count < 0)
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--rampup-batch-size is ignored since 0.18: training starts with the "
                    "full batch of %" PRId64,
                    value_or(walk->job->global_batch_size, 0));
}

static enum answer experts_ignored(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_nonzero(job->num_experts) || !job_given(job, JOB_moe_layer_freq))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--moe-layer-freq is ignored without --num-experts: the model is dense");
}

static enum answer empty_first_stage(struct walk *walk, struct finding *finding)
{
    struct layout layout;

    if (!walk->job->pipeline_model_parallel_layout ||
        layout_parse(walk->job->pipeline_model_parallel_layout, walk->arena, &layout, NULL) != 0)
        return NOT_APPLICABLE;
    if (layout_count(&layout, 0, 'E') > 0)
        return HOLDS;
    return violated(walk, finding,
                    "the layout '%s' leaves the first stage without E, but the embedding is "
                    "built there whatever the layout says",
                    walk->job->pipeline_model_parallel_layout);
}

static enum answer dropped_layers(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size;

    if (!is_set(job->num_layers) || pp < 1 || is_set(job->decoder_first_pipeline_num_layers) ||
        is_set(job->decoder_last_pipeline_num_layers))
        return NOT_APPLICABLE;
    if (job->num_layers % pp == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " layers do not divide by PP = %" PRId64
                    ": this release builds %" PRId64 " and says nothing of the rest",
                    job->num_layers, pp, job->num_layers / pp * pp);
}

static enum answer topk_positive(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->num_experts) || !is_set(job->moe_router_topk))
        return NOT_APPLICABLE;
    if (job->moe_router_topk > 0)
        return HOLDS;
    return violated(walk, finding, "--moe-router-topk %" PRId64 " sends tokens to no expert",
                    job->moe_router_topk);
}

static enum answer mtp_full_block(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->mtp_num_layers) || !is_word(job->recompute_granularity, "full"))
        return NOT_APPLICABLE;
    if (!is_word(job->recompute_method, "block"))
        return HOLDS;
    return violated(walk, finding, "MTP layers are not recomputed with --recompute-method block");
}

static const struct rule rows[] = {
    { .id = "uneven-negative",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .check = uneven_negative,
      .shape = true,
      .options = "--decoder-first-pipeline-num-layers --decoder-last-pipeline-num-layers "
                 "--num-layers",
      .needs = "uneven-middle uneven-middle-exists",
      .what = "first and last stage hold at most --num-layers",
      .why = "A negative number of layers between them may pass every check.",
      .fix = "smaller first and last stages" },
    { .id = "recompute-layers-positive",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = recompute_nothing,
      .options = "--recompute-num-layers",
      .needs = "recompute-full-method mtp-full-uniform",
      .what = "--recompute-num-layers is positive",
      .why = "0 with uniform loops for ever.",
      .fix = "--recompute-num-layers 1" },
    { .id = "recompute-method-alone",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = recompute_alone,
      .options = "--recompute-method --recompute-num-layers --recompute-modules",
      .what = "options of recomputation need --recompute-granularity",
      .why = "Without it they are read by nobody.",
      .fix = "add --recompute-granularity" },
    { .id = "recompute-modules-full",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = modules_of_full,
      .options = "--recompute-modules --recompute-granularity",
      .what = "--recompute-modules is for selective recomputation",
      .why = "Full recomputation takes whole layers.",
      .fix = "drop --recompute-modules" },
    { .id = "gqa-flag-missing",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = gqa_flag_missing,
      .options = "--num-query-groups",
      .needs = "gqa-tp gqa-tp-old",
      .what = "--num-query-groups needs --group-query-attention",
      .why = "Without the flag there are as many groups as heads.",
      .fix = "add --group-query-attention" },
    { .id = "rampup-ignored",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = rampup_ignored,
      .options = "--rampup-batch-size",
      .what = "--rampup-batch-size is ignored since 0.18",
      .why = "--step-batch-size-schedule took its place.",
      .fix = "--step-batch-size-schedule" },
    { .id = "moe-freq-ignored",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = experts_ignored,
      .options = "--moe-layer-freq",
      .needs = "moe-freq-list moe-freq-int moe-ffn-orphan",
      .what = "--moe-layer-freq needs --num-experts",
      .why = "It places layers with experts.",
      .fix = "add --num-experts" },
    { .id = "layout-E-not-first-stage",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = empty_first_stage,
      .options = "--pipeline-model-parallel-layout",
      .needs = "layout-grammar layout-first-E",
      .what = "the first stage of a layout has the E",
      .why = "The embedding is placed by rank.",
      .fix = "E in the first stage" },
    { .id = "layers-dropped",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_9_0,
      .check = dropped_layers,
      .shape = true,
      .options = "--num-layers --pipeline-model-parallel-size",
      .needs = "vpp-n-pp vpp-n-divides",
      .what = "--num-layers is a multiple of PP",
      .why = "The remainder is left out, silently.",
      .fix = "a --num-layers that PP divides" },
    { .id = "topk-positive",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = topk_positive,
      .options = "--moe-router-topk",
      .what = "--moe-router-topk is positive",
      .why = "Tokens would skip all experts.",
      .fix = "--moe-router-topk 1 or more" },
    { .id = "mtp-full-block",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = mtp_full_block,
      .options = "--recompute-method --mtp-num-layers",
      .what = "--recompute-method block leaves MTP layers alone",
      .why = "Their activations are kept.",
      .fix = "--recompute-method uniform --recompute-num-layers 1" },
};

const struct rule_section unchecked_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
