/* TransformerConfig, MLATransformerConfig and their parents: what the entry script changes on the
 * way from arguments to config, and what the configs change and refuse in __post_init__. */
#include "rules/sections.h"
#include "rules/truth.h"

#define ALWAYS .since = RELEASE_0_8_0, .until = RELEASE_MAIN

static void set_pipeline_tensors(struct walk *walk)
{
    struct job *job = walk->job;

    job->pipeline_dtype = job->params_dtype;
    job->batch_p2p_comm = !is_on(job->overlap_p2p_comm);
    job->variable_seq_lengths = 0;
}

static void choose_activation(struct walk *walk)
{
    struct job *job = walk->job;

    job->gated_linear_unit = is_on(job->swiglu) || is_on(job->quick_geglu);
    job->activation_func = is_on(job->swiglu) ? "silu" : "gelu";
    job->bias_activation_fusion =
        is_on(job->swiglu) ? job->bias_swiglu_fusion : job->bias_gelu_fusion;
    if (is_on(job->squared_relu))
        job->activation_func = "squared_relu";
    else if (is_on(job->quick_geglu))
        job->activation_func = "quick_gelu";
}

static void ignore_groups_without_gqa(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->group_query_attention))
        job->num_query_groups = job->num_attention_heads;
}

static void default_rope_type(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->multi_latent_attention) && !job->rope_type)
        job->rope_type = "yarn";
}

static void unwrap_cp_comm_type(struct walk *walk)
{
    if (walk->job->cp_comm_type.count == 1)
        walk->job->cp_comm_type.scalar = true;
}

static void sparse_attention_of_pattern(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->hybrid_layer_pattern && strchr(job->hybrid_layer_pattern, 'D'))
        job->experimental_attention_variant = "dsa";
}

static void default_expert_tensor_parallel(struct walk *walk)
{
    if (!is_set(walk->job->expert_tensor_parallel_size))
        walk->job->expert_tensor_parallel_size = walk->job->tensor_model_parallel_size;
}

static void default_microbatch_group(struct walk *walk)
{
    if (!is_set(walk->job->microbatch_group_size_per_vp_stage))
        walk->job->microbatch_group_size_per_vp_stage = walk->job->pipeline_model_parallel_size;
}

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

static void residual_dtype_between_stages(struct walk *walk)
{
    if (is_on(walk->job->fp32_residual_connection) && walk->job->pipeline_dtype)
        walk->job->pipeline_dtype = "torch.float32";
}

static void softmax_in_fp32(struct walk *walk)
{
    if (is_on(walk->job->apply_query_key_layer_scaling))
        walk->job->attention_softmax_in_fp32 = 1;
}

static void default_moe_ffn(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_set(job->num_experts) && !is_set(job->moe_ffn_hidden_size))
        job->moe_ffn_hidden_size = job->ffn_hidden_size;
}

static bool has_zero(const struct freq *freq)
{
    for (int i = 0; i < freq->count; i++)
        if (freq->item[i] == 0)
            return true;
    return false;
}

static bool has_dense_layers(const struct freq *freq)
{
    return freq->kind == FREQ_INT ? freq->every > 1 : freq->kind == FREQ_LIST && has_zero(freq);
}

static void drop_orphan_moe_ffn(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->num_experts) && has_dense_layers(&job->moe_layer_freq))
        job->moe_ffn_hidden_size = NONE_INT;
}

static void deepep_backend(struct walk *walk)
{
    if (is_on(walk->job->moe_enable_deepep))
        walk->job->moe_flex_dispatcher_backend = "deepep";
}

static void negative_capacity_is_none(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_none_float(job->moe_expert_capacity_factor) && job->moe_expert_capacity_factor < 0)
        job->moe_expert_capacity_factor = none_float();
}

static void default_recompute_modules(struct walk *walk)
{
    static const char *const core_attention[] = { "core_attn" };

    if (walk->job->recompute_modules.count < 0)
        walk->job->recompute_modules = (struct list) { .count = 1, .item = core_attention };
}

static struct list with_word(const struct list *list, const char *word, struct arena *arena)
{
    const char **item = arena_alloc(arena, sizeof(*item) * (size_t)(list->count + 1));

    for (int i = 0; i < list->count; i++)
        item[i] = list->item[i];
    item[list->count] = word;
    return (struct list) { .count = list->count + 1, .item = item };
}

static void recompute_moe_layers(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->moe_layer_recompute) || is_word(job->recompute_granularity, "full"))
        return;
    job->recompute_granularity = "selective";
    if (!list_has(&job->recompute_modules, "moe"))
        job->recompute_modules = with_word(&job->recompute_modules, "moe", walk->arena);
}

static void router_padding_alias(struct walk *walk)
{
    if (is_on(walk->job->moe_router_padding_for_fp8))
        walk->job->moe_router_padding_for_quantization = 1;
}

static const struct rule rows[] = {
    { .id = "batch-p2p",
      .stage = STAGE_CONFIG,
      ALWAYS,
      .adjust = set_pipeline_tensors,
      .what = "tensors between stages have the parameters' dtype; point-to-point calls are batched "
              "unless "
              "they overlap" },
    { .id = "activation",
      .stage = STAGE_CONFIG,
      ALWAYS,
      .adjust = choose_activation,
      .what = "the activation is gelu unless --swiglu, --squared-relu or --quick-geglu says "
              "otherwise" },
    { .id = "gqa-flag-missing",
      .stage = STAGE_CONFIG,
      ALWAYS,
      .adjust = ignore_groups_without_gqa,
      .what = "--num-query-groups counts only with --group-query-attention" },
    { .id = "rope-type-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .adjust = default_rope_type,
      .what = "multi-latent attention rotates with yarn" },
    { .id = "cp-comm-single",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = unwrap_cp_comm_type,
      .what = "one --cp-comm-type is for all layers" },
    { .id = "hyb-dsa",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = sparse_attention_of_pattern,
      .what = "'D' in a hybrid pattern is DSA attention" },

    { .id = "etp-config-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = default_expert_tensor_parallel,
      .what = "experts are sharded by TP unless told otherwise" },
    { .id = "microbatch-group-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = default_microbatch_group,
      .what = "the interleaved schedule works on groups of PP micro-batches" },

    { .id = "attention-variant-names",
      .stage = STAGE_CONFIG,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = canonical_attention_variant,
      .what = "'gated_delta_net' is an old name of gdn" },
    { .id = "grouped-tensor-of-fuser",
      .stage = STAGE_CONFIG,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = grouped_tensor_of_op_fuser,
      .what = "the op fuser's grouped GEMM works on grouped tensors" },
    { .id = "pp-dtype-fp32res",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = residual_dtype_between_stages,
      .what = "an fp32 residual stream crosses pipeline stages in fp32" },
    { .id = "softmax-fp32-config",
      .stage = STAGE_CONFIG,
      ALWAYS,
      .adjust = softmax_in_fp32,
      .what = "query-key layer scaling computes the softmax in fp32" },
    { .id = "moe-ffn-config-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = default_moe_ffn,
      .what = "experts are as wide as dense layers unless told otherwise" },
    { .id = "moe-ffn-dropped",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = drop_orphan_moe_ffn,
      .what = "without experts the width of experts means nothing" },
    { .id = "deepep-backend",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = deepep_backend,
      .what = "--moe-enable-deepep chooses the flex backend deepep" },
    { .id = "capacity-negative",
      .stage = STAGE_CONFIG,
      ALWAYS,
      .adjust = negative_capacity_is_none,
      .what = "a negative expert capacity factor means dropless" },
    { .id = "recompute-modules-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .adjust = default_recompute_modules,
      .what = "selective recomputation recomputes core attention unless told otherwise" },
    { .id = "moe-layer-recompute-selective",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .adjust = recompute_moe_layers,
      .what = "--moe-layer-recompute adds 'moe' to the recomputed modules" },
    { .id = "router-padding-alias",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = router_padding_alias,
      .what = "--moe-router-padding-for-fp8 is --moe-router-padding-for-quantization" },
};

const struct rule_section config_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
