/* Third part of TransformerConfig: experts, dispatchers, capacity. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static bool has_float(double value)
{
    return !is_none_float(value);
}

static enum answer inference_moe(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->transformer_impl, "inference_optimized") || !is_set(job->num_experts))
        return NOT_APPLICABLE;
    if (job->expert_tensor_parallel_size > 1)
        return violated_at(walk, finding, 0,
                           "inference-optimized experts cannot be split over ETP = %" PRId64,
                           job->expert_tensor_parallel_size);
    if (has_float(job->moe_expert_capacity_factor))
        return violated_at(walk, finding, 1,
                           "inference-optimized experts are dropless, but "
                           "--moe-expert-capacity-factor is given");
    if (is_on(job->moe_router_padding_for_quantization))
        return violated_at(walk, finding, 2,
                           "inference-optimized experts do not pad the routing map");
    if (!is_word(job->moe_router_dtype, "fp32"))
        return violated_at(walk, finding, 3,
                           "inference-optimized experts need --moe-router-dtype fp32");
    return HOLDS;
}

static enum answer experts_positive(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_experts))
        return NOT_APPLICABLE;
    if (job->num_experts > 0)
        return HOLDS;
    return violated(walk, finding, "--num-experts %" PRId64 " is not positive", job->num_experts);
}

static void moe_ffn_default(struct walk *walk)
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

static enum answer moe_ffn_orphan(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_set(job->num_experts) || !is_set(job->moe_ffn_hidden_size))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_18_2 && has_dense_layers(&job->moe_layer_freq))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-ffn-hidden-size %" PRId64 " is given without --num-experts",
                    job->moe_ffn_hidden_size);
}

static void drop_orphan_moe_ffn(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->num_experts) && has_dense_layers(&job->moe_layer_freq))
        job->moe_ffn_hidden_size = NONE_INT;
}

static bool fp4_params(const struct job *job)
{
    return is_on(job->fp4_param_gather) || is_on(job->fp4_param);
}

static enum answer single_grouped_weight(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool mxfp8 = job->fp8 && is_word(job->fp8_recipe, "mxfp8");

    if (walk->release == RELEASE_0_18_2)
        return !job->fp4 && mxfp8 ? HOLDS
                                  : violated_at(walk, finding, 5,
                                                "--moe-single-grouped-weight needs "
                                                "--fp8-recipe mxfp8 in 0.18");
    if ((job->fp8 && !mxfp8) || (job->fp4 && !is_word(job->fp4_recipe, "nvfp4")))
        return violated_at(walk, finding, 6,
                           "--moe-single-grouped-weight does not work with --%s-recipe %s",
                           mxfp8 || !job->fp8 ? "fp4" : "fp8",
                           mxfp8 || !job->fp8 ? job->fp4_recipe : job->fp8_recipe);
    if (walk->release == RELEASE_0_19_0 && !is_on(job->use_transformer_engine_op_fuser))
        return violated_at(walk, finding, 7,
                           "--moe-single-grouped-weight needs "
                           "--use-transformer-engine-op-fuser in 0.19");
    if (walk->release < RELEASE_MAIN)
        return HOLDS;
    if (job->fp4 && !fp4_params(job))
        return violated_at(walk, finding, 8,
                           "--moe-single-grouped-weight in fp4 needs --fp4-param-gather");
    if (!is_on(job->moe_use_grouped_tensor))
        return violated_at(walk, finding, 4,
                           "--moe-single-grouped-weight needs --moe-use-grouped-tensor");
    return HOLDS;
}

static enum answer single_grouped(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool weight = is_on(job->moe_single_grouped_weight);
    bool bias = is_on(job->moe_single_grouped_bias);
    const char *option = weight ? "--moe-single-grouped-weight" : "--moe-single-grouped-bias";

    if (!weight && !bias)
        return NOT_APPLICABLE;
    if (!is_on(job->moe_grouped_gemm))
        return violated_at(walk, finding, 0, "%s needs --moe-grouped-gemm", option);
    if (package_is_older(&walk->facts->transformer_engine, "2.14.0"))
        return violated_at(walk, finding, 1, "%s needs Transformer Engine 2.14, %s is installed",
                           option, walk->facts->transformer_engine.value);
    if (weight && single_grouped_weight(walk, finding) == VIOLATED)
        return VIOLATED;
    if (bias && !is_on(job->add_bias_linear))
        return violated_at(walk, finding, 2,
                           "--moe-single-grouped-bias is given, but linear bias is off");
    if (bias && walk->release >= RELEASE_MAIN && !is_on(job->moe_use_grouped_tensor))
        return violated_at(walk, finding, 3,
                           "--moe-single-grouped-bias needs --moe-use-grouped-tensor");
    return HOLDS;
}

static enum answer deepep_flex(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->moe_enable_deepep))
        return NOT_APPLICABLE;
    if (!is_word(job->moe_token_dispatcher_type, "flex")) {
        finding->fix = "--moe-token-dispatcher-type flex";
        return violated_at(walk, finding, 0,
                           "--moe-enable-deepep works with the flex dispatcher only, not with '%s'",
                           job->moe_token_dispatcher_type);
    }
    if (is_word(job->moe_flex_dispatcher_backend, "hybridep"))
        return violated_at(walk, finding, 1,
                           "--moe-enable-deepep and --moe-flex-dispatcher-backend "
                           "hybridep are two backends for one dispatcher");
    return HOLDS;
}

static void deepep_backend(struct walk *walk)
{
    if (is_on(walk->job->moe_enable_deepep))
        walk->job->moe_flex_dispatcher_backend = "deepep";
}

static enum answer deepep_pad(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->moe_token_dispatcher_type, "flex") ||
        !is_on(job->moe_pad_expert_input_to_capacity))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_16_0 && !is_word(job->moe_flex_dispatcher_backend, "deepep"))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-pad-expert-input-to-capacity does not work with the flex dispatcher%s",
                    walk->release >= RELEASE_0_16_0 ? "'s deepep backend" : "");
}

static enum answer ncclep_flex(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->moe_flex_dispatcher_backend, "ncclep"))
        return NOT_APPLICABLE;
    if (!is_word(job->moe_token_dispatcher_type, "flex"))
        return violated_at(
            walk, finding, 0,
            "--moe-flex-dispatcher-backend ncclep works with the flex dispatcher only, "
            "not with '%s'",
            job->moe_token_dispatcher_type);
    if (walk->release >= RELEASE_MAIN && is_on(job->moe_use_grouped_tensor) &&
        !is_on(job->use_transformer_engine_op_fuser))
        return violated_at(walk, finding, 1,
                           "--moe-use-grouped-tensor works with the ncclep backend only "
                           "under --use-transformer-engine-op-fuser");
    return HOLDS;
}

static enum answer mxfp8_dispatch(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if ((!job->moe_dispatch_fwd_dtype || is_word(job->moe_dispatch_fwd_dtype, "bf16")) &&
        (!job->moe_combine_bwd_dtype || is_word(job->moe_combine_bwd_dtype, "bf16")))
        return NOT_APPLICABLE;
    if (!is_word(job->moe_token_dispatcher_type, "flex") ||
        !is_word(job->moe_flex_dispatcher_backend, "ncclep"))
        return violated_at(walk, finding, 0,
                           "dispatching tokens in %s needs the flex dispatcher's ncclep "
                           "backend",
                           is_word(job->moe_dispatch_fwd_dtype, "bf16")
                               ? job->moe_combine_bwd_dtype
                               : job->moe_dispatch_fwd_dtype);
    if (is_on(job->use_transformer_engine_op_fuser) && is_on(job->moe_grouped_gemm))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "dispatching tokens in mxfp8 needs both "
                       "--use-transformer-engine-op-fuser and --moe-grouped-gemm");
}

static enum answer sms_conflict(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->moe_deepep_num_sms) || !is_set(job->moe_hybridep_num_sms) ||
        is_set(job->moe_flex_dispatcher_num_sms))
        return NOT_APPLICABLE;
    if (job->moe_deepep_num_sms == job->moe_hybridep_num_sms)
        return HOLDS;
    return violated(walk, finding,
                    "--moe-deepep-num-sms %" PRId64 " and --moe-hybridep-num-sms %" PRId64
                    " set one number twice",
                    job->moe_deepep_num_sms, job->moe_hybridep_num_sms);
}

static enum answer shared_expert_size(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->moe_shared_expert_intermediate_size))
        return NOT_APPLICABLE;
    if (job->moe_shared_expert_intermediate_size > 0)
        return HOLDS;
    return violated(walk, finding,
                    "--moe-shared-expert-intermediate-size %" PRId64 " is not positive",
                    job->moe_shared_expert_intermediate_size);
}

static enum answer shared_expert_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *dispatcher = job->moe_token_dispatcher_type;

    if (!is_set(job->moe_shared_expert_intermediate_size) || !is_on(job->moe_shared_expert_overlap))
        return NOT_APPLICABLE;
    if (is_word(dispatcher, "alltoall") ||
        (walk->release >= RELEASE_0_18_2 && is_word(dispatcher, "flex")))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-shared-expert-overlap does not work with the '%s' dispatcher",
                    dispatcher);
}

static enum answer lb_list_len(struct walk *walk, struct finding *finding)
{
    const struct list *types = &walk->job->moe_router_load_balancing_type;
    const struct list *coefficients = &walk->job->moe_aux_loss_coeff;

    if (types->count < 2)
        return NOT_APPLICABLE;
    if (coefficients->count == types->count && !coefficients->scalar)
        return HOLDS;
    return violated(walk, finding,
                    "%d load balancing types need as many --moe-aux-loss-coeff, not %d",
                    types->count, coefficients->count < 0 ? 0 : coefficients->count);
}

static enum answer capacity_dispatcher_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *dispatcher = job->moe_token_dispatcher_type;

    if (!has_float(job->moe_expert_capacity_factor))
        return NOT_APPLICABLE;
    if (is_word(dispatcher, "alltoall") ||
        (walk->release >= RELEASE_0_9_0 && is_word(dispatcher, "alltoall_seq")))
        return HOLDS;
    return violated(
        walk, finding,
        "--moe-expert-capacity-factor works with the alltoall dispatcher, not with '%s'",
        dispatcher);
}

static bool works_with_capacity(const char *type, enum release release)
{
    return is_word(type, "aux_loss") || is_word(type, "none") ||
           (release >= RELEASE_0_11_0 && is_word(type, "seq_aux_loss")) ||
           (release >= RELEASE_0_15_0 && is_word(type, "global_aux_loss"));
}

static enum answer capacity_lb(struct walk *walk, struct finding *finding)
{
    const struct list *types = &walk->job->moe_router_load_balancing_type;

    if (!has_float(walk->job->moe_expert_capacity_factor))
        return NOT_APPLICABLE;
    for (int i = 0; i < types->count; i++)
        if (!works_with_capacity(types->item[i], walk->release))
            return violated(walk, finding,
                            "--moe-expert-capacity-factor does not work with load balancing '%s'",
                            types->item[i]);
    return HOLDS;
}

static void negative_capacity_is_none(struct walk *walk)
{
    struct job *job = walk->job;

    if (has_float(job->moe_expert_capacity_factor) && job->moe_expert_capacity_factor < 0)
        job->moe_expert_capacity_factor = none_float();
}

static enum answer pad_needs_capacity(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->moe_pad_expert_input_to_capacity))
        return NOT_APPLICABLE;
    if (has_float(job->moe_expert_capacity_factor))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-pad-expert-input-to-capacity has no capacity to pad to: "
                    "--moe-expert-capacity-factor is not set%s",
                    job_given(job, JOB_moe_expert_capacity_factor) ? " (a negative one means none)"
                                                                   : "");
}

static enum answer rank_capacity(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *backend = job->moe_flex_dispatcher_backend;
    bool fuser = is_on(job->use_transformer_engine_op_fuser);
    bool hybridep = is_word(backend, "hybridep");

    if (!has_float(job->moe_expert_rank_capacity_factor))
        return NOT_APPLICABLE;
    if (!hybridep && !(walk->release >= RELEASE_0_19_0 && is_word(backend, "ncclep")))
        return violated_at(
            walk, finding, 0,
            "--moe-expert-rank-capacity-factor needs the flex backend hybridep%s, not '%s'",
            walk->release >= RELEASE_0_19_0 ? " or ncclep" : "", backend);
    if (!hybridep || fuser || (walk->release >= RELEASE_MAIN && is_on(job->moe_use_grouped_tensor)))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--moe-expert-rank-capacity-factor needs "
                       "--use-transformer-engine-op-fuser");
}

static const struct rule rows[] = {
    { .id = "inf-opt-moe",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = inference_moe,
      .options = "--transformer-impl --expert-tensor-parallel-size --moe-expert-capacity-factor "
                 "--moe-router-padding-for-quantization --moe-router-dtype",
      .what = "inference-optimized experts are dropless, unpadded, ETP 1, routed in fp32",
      .why = "The inference kernels implement nothing else.",
      .fix = "--transformer-impl transformer_engine for training" },
    { .id = "experts-positive",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = experts_positive,
      .shape = true,
      .options = "--num-experts",
      .what = "--num-experts is positive",
      .why = "0 means a dense model.",
      .fix = "a positive --num-experts, or none" },
    { .id = "moe-ffn-config-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = moe_ffn_default,
      .what = "experts are as wide as dense layers unless --moe-ffn-hidden-size is given",
      .why = "--ffn-hidden-size stands in." },
    { .id = "moe-ffn-orphan",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = moe_ffn_orphan,
      .options = "--moe-ffn-hidden-size",
      .what = "--moe-ffn-hidden-size needs --num-experts",
      .why = "From 0.18 on it is dropped instead when --moe-layer-freq has dense layers.",
      .fix = "add --num-experts, or drop --moe-ffn-hidden-size" },
    { .id = "moe-ffn-dropped",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = drop_orphan_moe_ffn,
      .what = "without experts --moe-ffn-hidden-size means nothing",
      .why = "Dropped with a warning when --moe-layer-freq has dense layers." },
    { .id = "single-grouped",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = single_grouped,
      .options = "--moe-single-grouped-weight --moe-single-grouped-bias --moe-grouped-gemm",
      .what = "one tensor for all experts needs grouped GEMM on grouped tensors",
      .why = "Also a recipe that can quantize it, and Transformer Engine 2.14.",
      .fix = "add --moe-grouped-gemm --moe-use-grouped-tensor, or drop the option" },
    { .id = "deepep-flex",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = deepep_flex,
      .options = "--moe-enable-deepep --moe-token-dispatcher-type --moe-flex-dispatcher-backend",
      .what = "--moe-enable-deepep needs --moe-token-dispatcher-type flex",
      .why = "DeepEP is a backend of the flex dispatcher.",
      .fix = "drop --moe-enable-deepep or --moe-flex-dispatcher-backend" },
    { .id = "deepep-backend",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = deepep_backend,
      .what = "--moe-enable-deepep is --moe-flex-dispatcher-backend deepep",
      .why = "The older name." },
    { .id = "deepep-pad",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = deepep_pad,
      .options = "--moe-token-dispatcher-type --moe-pad-expert-input-to-capacity "
                 "--moe-flex-dispatcher-backend",
      .what = "the flex dispatcher with deepep excludes --moe-pad-expert-input-to-capacity",
      .why = "DeepEP has no padded layout.",
      .fix = "--moe-token-dispatcher-type alltoall, or drop --moe-pad-expert-input-to-capacity" },
    { .id = "ncclep-flex",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = ncclep_flex,
      .options = "--moe-flex-dispatcher-backend --moe-token-dispatcher-type "
                 "--moe-use-grouped-tensor",
      .what = "the ncclep backend needs the flex dispatcher",
      .why = "Grouped tensors work there only under the op fuser.",
      .fix = "--moe-token-dispatcher-type flex, or another backend" },
    { .id = "mxfp8-dispatch",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = mxfp8_dispatch,
      .options = "--moe-dispatch-fwd-dtype --moe-combine-bwd-dtype --moe-flex-dispatcher-backend",
      .what = "dispatching in mxfp8 needs the ncclep backend and fused grouped GEMM",
      .why = "Nothing else reads tokens that are already quantized.",
      .fix = "--moe-dispatch-fwd-dtype bf16 --moe-combine-bwd-dtype bf16" },
    { .id = "sms-conflict",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = sms_conflict,
      .options = "--moe-deepep-num-sms --moe-hybridep-num-sms",
      .what = "--moe-deepep-num-sms and --moe-hybridep-num-sms agree",
      .why = "Both are old names of --moe-flex-dispatcher-num-sms.",
      .fix = "--moe-flex-dispatcher-num-sms instead of both" },
    { .id = "shared-expert-size",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = shared_expert_size,
      .shape = true,
      .options = "--moe-shared-expert-intermediate-size",
      .what = "--moe-shared-expert-intermediate-size is positive",
      .why = "It is the width of all shared experts together.",
      .fix = "a positive size, or none" },
    { .id = "shared-expert-overlap",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = shared_expert_overlap,
      .options = "--moe-shared-expert-overlap --moe-token-dispatcher-type",
      .what = "--moe-shared-expert-overlap needs the alltoall dispatcher (or flex, since 0.18)",
      .why = "Shared experts run while tokens travel.",
      .fix = "--moe-token-dispatcher-type alltoall, or drop --moe-shared-expert-overlap" },
    { .id = "lb-list-len",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = lb_list_len,
      .options = "--moe-router-load-balancing-type --moe-aux-loss-coeff",
      .what = "several load balancing types need as many --moe-aux-loss-coeff",
      .why = "Each type has its own coefficient.",
      .fix = "one --moe-aux-loss-coeff value for each" },
    { .id = "capacity-dispatcher-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_11_0,
      .check = capacity_dispatcher_old,
      .options = "--moe-expert-capacity-factor --moe-token-dispatcher-type",
      .what = "--moe-expert-capacity-factor needs the alltoall dispatcher",
      .why = "Up to 0.11 only it can drop tokens.",
      .fix = "--moe-token-dispatcher-type alltoall" },
    { .id = "capacity-lb",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = capacity_lb,
      .options = "--moe-expert-capacity-factor --moe-router-load-balancing-type",
      .what = "--moe-expert-capacity-factor needs an auxiliary loss or no load balancing",
      .why = "Asked even when the factor is negative, which means none.",
      .fix = "--moe-router-load-balancing-type aux_loss, or drop --moe-expert-capacity-factor" },
    { .id = "capacity-negative",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = negative_capacity_is_none,
      .what = "a negative expert capacity factor means dropless",
      .why = "It becomes None." },
    { .id = "pad-needs-capacity",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = pad_needs_capacity,
      .options = "--moe-pad-expert-input-to-capacity --moe-expert-capacity-factor",
      .needs = "capacity-dispatcher-old",
      .what = "--moe-pad-expert-input-to-capacity needs --moe-expert-capacity-factor",
      .why = "Inputs of every expert are padded to that capacity.",
      .fix = "add --moe-expert-capacity-factor 1.0, or drop --moe-pad-expert-input-to-capacity" },
    { .id = "rank-capacity",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = rank_capacity,
      .options = "--moe-expert-rank-capacity-factor --moe-flex-dispatcher-backend "
                 "--use-transformer-engine-op-fuser",
      .what = "--moe-expert-rank-capacity-factor needs the hybridep backend and the op fuser",
      .why = "Buffers of fixed size are theirs (and ncclep's, since 0.19).",
      .fix = "--moe-flex-dispatcher-backend hybridep --use-transformer-engine-op-fuser" },
};

const struct rule_section config_expert_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
