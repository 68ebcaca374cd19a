/* First part of TransformerConfig: heads over tensor-parallel ranks, gated delta net, sparse
 * attention. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void canonical_attention_variant(struct walk *walk)
{
    if (is_word(walk->job->experimental_attention_variant, "gated_delta_net"))
        walk->job->experimental_attention_variant = "gdn";
}

static void grouped_tensor_of_op_fuser(struct walk *walk)
{
    if (is_on(walk->job->use_transformer_engine_op_fuser) && is_on(walk->job->moe_grouped_gemm))
        walk->job->moe_use_grouped_tensor = 1;
}

static enum answer grouped_tensor(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->moe_use_grouped_tensor))
        return NOT_APPLICABLE;
    return is_on(walk->job->moe_grouped_gemm) ? HOLDS : VIOLATED;
}

static void residual_dtype_between_stages(struct walk *walk)
{
    if (is_on(walk->job->fp32_residual_connection) && walk->job->pipeline_dtype)
        walk->job->pipeline_dtype = "torch.float32";
}

static enum answer gdp_householder(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->gdp_num_householder) || job->gdp_num_householder >= 1)
        return HOLDS;
    return violated(walk, finding, "--gdp-num-householder %" PRId64 " is not positive",
                    job->gdp_num_householder);
}

/* The largest size up to 'tp' that divides 'count'. */
static int64_t largest_split(int64_t count, int64_t tp)
{
    while (tp > 1 && count % tp != 0)
        tp--;
    return tp;
}

static enum answer tp_divides_heads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t heads = job->num_attention_heads;
    int64_t tp = job->tensor_model_parallel_size;

    if (!is_set(heads) || tp < 1)
        return NOT_APPLICABLE;
    if (heads % tp == 0)
        return HOLDS;
    finding_fix(walk, finding, "--tensor-model-parallel-size %" PRId64, largest_split(heads, tp));
    return violated(walk, finding, "%" PRId64 " attention heads cannot be split over TP = %" PRId64,
                    heads, tp);
}

static const char *where_groups_come_from(const struct job *job)
{
    return is_on(job->group_query_attention) ? "query groups"
                                             : "attention heads (each its own query group)";
}

static enum answer groups_fit_tp(struct walk *walk, struct finding *finding, bool shared)
{
    const struct job *job = walk->job;
    int64_t groups = job->num_query_groups;
    int64_t tp = job->tensor_model_parallel_size;

    if (!is_set(groups) || tp < 1)
        return NOT_APPLICABLE;
    if (groups % tp == 0 || (shared && groups != 0 && tp % groups == 0))
        return HOLDS;
    if (groups > 0)
        finding_fix(walk, finding, "--tensor-model-parallel-size %" PRId64,
                    largest_split(groups, tp));
    return violated(walk, finding, "%" PRId64 " %s cannot be split over TP = %" PRId64, groups,
                    where_groups_come_from(job), tp);
}

static enum answer gqa_tp_old(struct walk *walk, struct finding *finding)
{
    return groups_fit_tp(walk, finding, false);
}

static enum answer gqa_tp(struct walk *walk, struct finding *finding)
{
    return groups_fit_tp(walk, finding, true);
}

static bool is_gated_delta_net(const struct walk *walk)
{
    const char *variant = walk->job->experimental_attention_variant;

    if (walk->release < RELEASE_MAIN)
        return is_word(variant, "gated_delta_net");
    return is_word(variant, "gdn") || is_word(variant, "gdn2");
}

static enum answer gdn_params(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t keys = job->linear_num_key_heads;
    int64_t values = job->linear_num_value_heads;

    if (!is_gated_delta_net(walk))
        return NOT_APPLICABLE;
    if (job->linear_attention_freq.kind == FREQ_NONE &&
        !is_word(job->experimental_attention_variant, "gdn2")) {
        finding->fix = "--linear-attention-freq 4 keeps softmax attention in every fourth layer";
        return violated_at(
            walk, finding, 0,
            "--experimental-attention-variant %s needs --linear-attention-freq to say "
            "which layers use it",
            job->experimental_attention_variant);
    }
    if (!is_set(keys) || !is_set(values) || keys == 0)
        return keys == 0 ? violated_at(walk, finding, 1, "--linear-num-key-heads is 0")
                         : NOT_APPLICABLE;
    if (values % keys == 0)
        return HOLDS;
    finding_fix(walk, finding, "--linear-num-value-heads %" PRId64, (values / keys + 1) * keys);
    return violated_at(walk, finding, 2,
                       "--linear-num-value-heads %" PRId64
                       " is not a multiple of --linear-num-key-heads "
                       "%" PRId64,
                       values, keys);
}

static enum answer cp_gdn_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_gated_delta_net(walk))
        return NOT_APPLICABLE;
    if (job->context_parallel_size == 1)
        return HOLDS;
    return violated(walk, finding, "gated delta net does not work with CP = %" PRId64,
                    job->context_parallel_size);
}

static enum answer gdn_heads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t keys = job->linear_num_key_heads;
    int64_t values = job->linear_num_value_heads;
    int64_t tp = job->tensor_model_parallel_size;
    int64_t cp = walk->release < RELEASE_0_18_2 ? 1 : job->context_parallel_size;

    if (!is_gated_delta_net(walk) || !is_set(keys) || !is_set(values) || tp < 1 || cp < 1)
        return NOT_APPLICABLE;
    if (keys % (tp * cp) == 0 && values % (tp * cp) == 0)
        return HOLDS;
    return violated_at(walk, finding, keys % (tp * cp) == 0,
                       "%" PRId64 " key and %" PRId64
                       " value heads of linear attention cannot be split "
                       "over TP x CP = %" PRId64 " x %" PRId64,
                       keys, values, tp, cp);
}

static enum answer dsa(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->experimental_attention_variant, "dsa"))
        return NOT_APPLICABLE;
    if (is_on(job->add_bias_linear)) {
        finding->fix = "--disable-bias-linear";
        return violated_at(walk, finding, 0, "DSA attention has no linear bias, but bias is on");
    }
    if (is_set(job->dsa_indexer_topk_freq) && job->dsa_indexer_topk_freq < 1)
        return violated_at(walk, finding, 1, "--dsa-indexer-topk-freq %" PRId64 " is not positive",
                           job->dsa_indexer_topk_freq);
    if (is_set(job->dsa_indexer_skip_topk_offset) && job->dsa_indexer_skip_topk_offset < 0)
        return violated_at(walk, finding, 2,
                           "--dsa-indexer-skip-topk-offset %" PRId64 " is negative",
                           job->dsa_indexer_skip_topk_offset);
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "attention-variant-names",
      .stage = STAGE_CONFIG,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = canonical_attention_variant,
      .what = "'gated_delta_net' is an old name of gdn",
      .why = "Both are accepted." },
    { .id = "grouped-tensor-of-fuser",
      .stage = STAGE_CONFIG,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = grouped_tensor_of_op_fuser,
      .what = "grouped GEMM under the op fuser works on grouped tensors",
      .why = "--use-transformer-engine-op-fuser with --moe-grouped-gemm." },
    { .id = "grouped-tensor",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = grouped_tensor,
      .options = "--moe-use-grouped-tensor --moe-grouped-gemm",
      .what = "--moe-use-grouped-tensor needs --moe-grouped-gemm",
      .why = "Only grouped GEMM reads grouped tensors.",
      .fix = "add --moe-grouped-gemm" },
    { .id = "pp-dtype-fp32res",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = residual_dtype_between_stages,
      .what = "an fp32 residual stream crosses pipeline stages in fp32",
      .why = "--fp32-residual-connection doubles what stages send." },
    { .id = "gdp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = gdp_householder,
      .options = "--gdp-num-householder",
      .what = "--gdp-num-householder is positive",
      .why = "Checked for every model, also those without gated delta product.",
      .fix = "--gdp-num-householder 1 or more" },
    { .id = "tp-divides-heads",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tp_divides_heads,
      .shape = true,
      .options = "--num-attention-heads --tensor-model-parallel-size",
      .what = "attention heads are a multiple of TP",
      .why = "Every tensor-parallel rank computes whole heads.",
      .fix = "a --tensor-model-parallel-size that divides --num-attention-heads" },
    { .id = "gqa-tp-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .check = gqa_tp_old,
      .shape = true,
      .options = "--num-query-groups --tensor-model-parallel-size",
      .needs = "tp-divides-heads",
      .what = "query groups are a multiple of TP",
      .why = "Up to 0.15 a key-value head cannot be shared between ranks.",
      .fix = "a --tensor-model-parallel-size that divides --num-query-groups" },
    { .id = "gqa-tp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = gqa_tp,
      .shape = true,
      .needs = "tp-divides-heads",
      .options = "--num-query-groups --tensor-model-parallel-size",
      .what = "query groups are a multiple or a divisor of TP",
      .why = "Ranks hold whole key-value heads or share one.",
      .fix = "a --tensor-model-parallel-size that divides --num-query-groups" },
    { .id = "gdn-params",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = gdn_params,
      .options = "--experimental-attention-variant --linear-attention-freq "
                 "--linear-num-value-heads --linear-num-key-heads",
      .what = "gated delta net has its layer pattern and value heads in multiples of key heads",
      .why = "Each key head serves the same number of value heads.",
      .fix = "--linear-num-value-heads a multiple of --linear-num-key-heads" },
    { .id = "cp-gdn",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = gdn_heads,
      .shape = true,
      .needs = "gdn-params",
      .options = "--linear-num-key-heads --linear-num-value-heads --tensor-model-parallel-size "
                 "--context-parallel-size",
      .what = "heads of gated delta net are a multiple of TP x CP (0.16, 0.17: of TP)",
      .why = "Heads are split over tensor- and context-parallel ranks.",
      .fix = "smaller --tensor-model-parallel-size or --context-parallel-size" },
    { .id = "cp-gdn-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .check = cp_gdn_old,
      .options = "--context-parallel-size --experimental-attention-variant",
      .what = "gated delta net excludes context parallelism up to 0.17",
      .why = "The split over context-parallel ranks came with 0.18.",
      .fix = "--context-parallel-size 1" },
    { .id = "dsa",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = dsa,
      .options = "--experimental-attention-variant --disable-bias-linear --dsa-indexer-topk-freq "
                 "--dsa-indexer-skip-topk-offset",
      .what = "DSA attention excludes linear bias and needs sane indexer settings",
      .why = "It runs absorbed multi-latent attention without biases.",
      .fix = "--disable-bias-linear" },
};

const struct rule_section config_attention_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
