/* Seventh part of TransformerConfig: bias of experts and the router. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer alltoall_seq_etp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->moe_token_dispatcher_type, "alltoall_seq"))
        return NOT_APPLICABLE;
    if (job->expert_tensor_parallel_size == job->tensor_model_parallel_size)
        return HOLDS;
    return violated(walk, finding,
                    "the alltoall_seq dispatcher needs ETP = TP, not %" PRId64 " and %" PRId64,
                    job->expert_tensor_parallel_size, job->tensor_model_parallel_size);
}

static enum answer extended_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->moe_extended_tp))
        return NOT_APPLICABLE;
    if (is_word(job->moe_token_dispatcher_type, "allgather"))
        return HOLDS;
    return violated(walk, finding, "--moe-extended-tp does not work with the %s dispatcher",
                    job->moe_token_dispatcher_type);
}

static enum answer fp8_flash_decode(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->flash_decode))
        return NOT_APPLICABLE;
    return walk->job->fp8 ? VIOLATED : HOLDS;
}

static enum answer moe_bias_etp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_experts) || !is_on(job->add_bias_linear))
        return NOT_APPLICABLE;
    if (walk->release < RELEASE_0_15_0)
        return violated_at(walk, finding, 0,
                           "linear bias is on, but experts have no bias in this release");
    if (job->expert_tensor_parallel_size == 1)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "linear bias is on, but experts split over ETP = %" PRId64 " have no bias",
                       job->expert_tensor_parallel_size);
}

static enum answer expert_bias_score(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *score = job->moe_router_score_function;

    if (!is_on(job->moe_router_enable_expert_bias))
        return NOT_APPLICABLE;
    if (is_word(score, "sigmoid") ||
        (walk->release >= RELEASE_0_18_2 && is_word(score, "sqrtsoftplus")))
        return HOLDS;
    return violated(
        walk, finding,
        "--moe-router-enable-expert-bias needs --moe-router-score-function sigmoid, not '%s'",
        score);
}

static enum answer moe_fp8_te(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_nonzero(job->num_experts) || !job->fp8)
        return NOT_APPLICABLE;
    if (package_is_older(te, "1.7.0.dev0"))
        return violated_at(walk, finding, 0,
                           "experts in fp8 need Transformer Engine 1.7, %s is installed",
                           te->value);
    if (walk->release >= RELEASE_0_10_0 && is_on(job->moe_grouped_gemm) &&
        package_is_older(te, "1.11.0"))
        return violated_at(walk, finding, 1,
                           "grouped GEMM in fp8 needs Transformer Engine 1.11, %s is installed",
                           te->value);
    return HOLDS;
}

static enum answer moe_fp8_gg(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_nonzero(job->num_experts) || !job->fp8)
        return NOT_APPLICABLE;
    return is_on(job->moe_grouped_gemm) ? VIOLATED : HOLDS;
}

static void router_padding_alias(struct walk *walk)
{
    if (is_on(walk->job->moe_router_padding_for_fp8))
        walk->job->moe_router_padding_for_quantization = 1;
}

static enum answer router_pad(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *dispatcher = job->moe_token_dispatcher_type;
    bool fp4_counts = walk->release >= RELEASE_0_16_0;

    if (!is_on(job->moe_router_padding_for_quantization) && !is_on(job->moe_router_padding_for_fp8))
        return NOT_APPLICABLE;
    if (!job->fp8 && !(fp4_counts && job->fp4))
        return violated_at(walk, finding, 0,
                           "the router pads its map for %s, but fp8%s training is off",
                           fp4_counts ? "quantization" : "fp8", fp4_counts ? " or fp4" : "");
    if (is_word(dispatcher, "allgather") || is_word(dispatcher, "alltoall_seq"))
        return violated_at(walk, finding, 1,
                           "the '%s' dispatcher cannot pad the routing map for quantization",
                           dispatcher);
    return HOLDS;
}

static enum answer topk1_presoftmax(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct list *types = &job->moe_router_load_balancing_type;

    if (job->moe_router_topk != 1 || !is_word(job->moe_router_score_function, "softmax") ||
        is_on(job->moe_router_pre_softmax))
        return NOT_APPLICABLE;
    if (types->count == 1 && is_word(types->item[0], "sinkhorn"))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-router-topk 1 with a softmax after the selection gives the "
                    "router no gradient");
}

static enum answer group_topk(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t topk = job->moe_router_group_topk, groups = job->moe_router_num_groups;

    if (!is_nonzero(topk))
        return NOT_APPLICABLE;
    if (!is_nonzero(groups))
        return violated_at(
            walk, finding, 0,
            "--moe-router-group-topk %" PRId64 " is given without --moe-router-num-groups", topk);
    if (!is_set(job->num_experts))
        return violated_at(walk, finding, 1,
                           "--moe-router-group-topk %" PRId64 " routes between experts, but "
                           "--num-experts is not given",
                           topk);
    if (job->num_experts % groups != 0)
        return violated_at(walk, finding, 2,
                           "%" PRId64 " experts cannot be split into %" PRId64 " router groups",
                           job->num_experts, groups);
    if (topk <= groups)
        return HOLDS;
    return violated_at(walk, finding, 3,
                       "--moe-router-group-topk %" PRId64
                       " is more than --moe-router-num-groups %" PRId64,
                       topk, groups);
}

static const struct rule rows[] = {
    { .id = "moe-extended-tp-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_9_0,
      .check = extended_tp,
      .options = "--moe-extended-tp --moe-token-dispatcher-type",
      .what = "--moe-extended-tp needs the allgather dispatcher",
      .why = "Experts are split over all ranks, and every rank needs every token.",
      .fix = "--moe-token-dispatcher-type allgather" },
    { .id = "alltoall-seq-etp-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_0_12_0,
      .check = alltoall_seq_etp,
      .options = "--moe-token-dispatcher-type --expert-tensor-parallel-size",
      .what = "the alltoall_seq dispatcher needs ETP = TP",
      .why = "It knows one tensor-parallel group.",
      .fix = "--moe-token-dispatcher-type alltoall" },
    { .id = "moe-bias-etp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = moe_bias_etp,
      .options = "--num-experts --disable-bias-linear --expert-tensor-parallel-size",
      .what = "experts with bias need ETP = 1 (0.13, 0.14: experts have no bias)",
      .why = "Bias is on unless --disable-bias-linear, and ETP is TP unless given.",
      .fix = "--disable-bias-linear, or --expert-tensor-parallel-size 1 since 0.15" },
    { .id = "expert-bias-score",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = expert_bias_score,
      .options = "--moe-router-enable-expert-bias --moe-router-score-function",
      .what = "--moe-router-enable-expert-bias needs --moe-router-score-function sigmoid",
      .why = "The bias moves scores that do not compete (sqrtsoftplus too, since 0.18).",
      .fix = "--moe-router-score-function sigmoid, or drop --moe-router-enable-expert-bias" },
    { .id = "moe-fp8-te",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .check = moe_fp8_te,
      .options = "--num-experts --fp8-format --moe-grouped-gemm",
      .what = "experts in fp8 need Transformer Engine 1.7, 1.11 with grouped GEMM",
      .why = "Older versions fail on an expert without tokens.",
      .fix = "a newer Transformer Engine" },
    { .id = "moe-fp8-gg",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_9_0,
      .check = moe_fp8_gg,
      .options = "--moe-grouped-gemm --fp8-format",
      .what = "grouped GEMM excludes fp8 in 0.9",
      .why = "Support came with 0.10.",
      .fix = "drop --moe-grouped-gemm" },
    { .id = "router-padding-alias",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = router_padding_alias,
      .what = "--moe-router-padding-for-fp8 is --moe-router-padding-for-quantization",
      .why = "The older name." },
    { .id = "router-pad",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = router_pad,
      .options = "--moe-router-padding-for-quantization --moe-router-padding-for-fp8 --fp8-format "
                 "--moe-token-dispatcher-type",
      .what = "padding the routing map for quantization needs fp8 or fp4 and not allgather",
      .why = "It makes token counts multiples of what quantized GEMMs want.",
      .fix = "drop the padding, or add --fp8-format with --moe-token-dispatcher-type alltoall" },
    { .id = "topk1-presoftmax",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = topk1_presoftmax,
      .options = "--moe-router-topk",
      .what = "--moe-router-topk 1 needs --moe-router-pre-softmax",
      .why = "The softmax of one score is 1 whatever the score.",
      .fix = "add --moe-router-pre-softmax" },
    { .id = "group-topk",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = group_topk,
      .options = "--moe-router-group-topk --moe-router-num-groups --num-experts",
      .what = "--moe-router-group-topk needs --moe-router-num-groups that divides the experts",
      .why = "Routing is limited to the best groups.",
      .fix = "add --moe-router-num-groups, or drop --moe-router-group-topk" },
    { .id = "flash-decode-fp8",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_0_11_0,
      .check = fp8_flash_decode,
      .options = "--flash-decode --fp8-format",
      .what = "--flash-decode excludes fp8",
      .why = "Inference in fp8 came later.",
      .fix = "remove --flash-decode" },
};

const struct rule_section config_router_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
