/* Building the model: layers with experts. */
#include <inttypes.h>
#include <stdlib.h>

#include "megatron/layer_pattern.h"
#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

/* Layers are told apart for experts, and for MTP, which takes the last layer's kind. */
static bool reads_layer_freq(const struct walk *walk)
{
    const struct job *job = walk->job;

    return builds_standard_gpt(walk) && is_set(job->num_layers) &&
           (is_nonzero(job->num_experts) ||
            (is_set(job->mtp_num_layers) && walk->release >= RELEASE_0_14_0));
}

static enum answer moe_freq_list(struct walk *walk, struct finding *finding)
{
    const struct freq *freq = &walk->job->moe_layer_freq;

    if (!reads_layer_freq(walk) || freq->kind != FREQ_LIST)
        return NOT_APPLICABLE;
    if (freq->count != walk->job->num_layers)
        return violated_at(walk, finding, 0,
                           "--moe-layer-freq lists %d layers, the model has %" PRId64, freq->count,
                           walk->job->num_layers);
    for (int i = 0; i < freq->count; i++)
        if (freq->item[i] != 0 && freq->item[i] != 1)
            return violated_at(walk, finding, 1,
                               "--moe-layer-freq has %" PRId64 " for layer %d, which is "
                               "neither 0 (dense) nor 1 (experts)",
                               freq->item[i], i);
    return HOLDS;
}

static enum answer moe_freq_int(struct walk *walk, struct finding *finding)
{
    const struct freq *freq = &walk->job->moe_layer_freq;

    if (!reads_layer_freq(walk) || freq->kind != FREQ_INT)
        return NOT_APPLICABLE;
    if (freq->every != 0)
        return HOLDS;
    return violated(walk, finding, "--moe-layer-freq 0 divides by zero");
}

static bool te_grouped(const struct walk *walk)
{
    const struct job *job = walk->job;

    return has_experts(walk) && is_on(job->moe_grouped_gemm) &&
           is_word(job->transformer_impl, "transformer_engine") &&
           !is_on(job->moe_use_legacy_grouped_gemm) &&
           !package_is_older(&walk->facts->transformer_engine, "1.9.0.dev0");
}

static enum answer te_grouped_bias(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!te_grouped(walk))
        return NOT_APPLICABLE;
    if (!is_on(job->add_bias_linear) || !is_on(job->bias_dropout_fusion))
        return HOLDS;
    return violated(walk, finding,
                    "linear bias and the fusion of bias and dropout are both on (both are "
                    "by default), which --moe-grouped-gemm does not know");
}

static enum answer moe_ffn_etp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ffn = value_or(job->moe_ffn_hidden_size, job->ffn_hidden_size);
    int64_t etp = value_or(job->expert_tensor_parallel_size, job->tensor_model_parallel_size);

    if (!has_experts(walk) || !is_set(ffn) || etp < 1)
        return NOT_APPLICABLE;
    if (ffn % etp == 0)
        return HOLDS;
    finding_fix(walk, finding,
                walk->release >= RELEASE_0_10_0 ? "--expert-tensor-parallel-size 1"
                                                : "a smaller --tensor-model-parallel-size");
    return violated(walk, finding,
                    "experts of width %" PRId64 " cannot be split over %s = %" PRId64, ffn,
                    walk->release >= RELEASE_0_10_0 ? "ETP" : "TP", etp);
}

static bool has_shared_experts(const struct walk *walk)
{
    return has_experts(walk) && is_set(walk->job->moe_shared_expert_intermediate_size);
}

static enum answer shared_without_bias(struct walk *walk, struct finding *finding)
{
    if (!has_shared_experts(walk))
        return NOT_APPLICABLE;
    if (!is_on(walk->job->add_bias_linear))
        return HOLDS;
    return violated(walk, finding, "linear bias is on (by default), but shared experts have none");
}

static enum answer shared_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ffn = job->moe_shared_expert_intermediate_size, tp = job->tensor_model_parallel_size;

    if (!has_shared_experts(walk) || tp < 1)
        return NOT_APPLICABLE;
    if (ffn % tp == 0)
        return HOLDS;
    return violated(walk, finding,
                    "shared experts of width %" PRId64 " cannot be split over TP = %" PRId64, ffn,
                    tp);
}

static enum answer latent_te(struct walk *walk, struct finding *finding)
{
    if (!has_experts(walk) || !is_set(walk->job->moe_latent_size))
        return NOT_APPLICABLE;
    if (!package_is_missing(&walk->facts->transformer_engine))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-latent-size %" PRId64
                    " needs Transformer Engine, which is not installed",
                    walk->job->moe_latent_size);
}

static enum answer flex_tpep(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *backend = job->moe_flex_dispatcher_backend;
    int64_t etp = value_or(job->expert_tensor_parallel_size, job->tensor_model_parallel_size);

    if (!has_experts(walk) || !is_word(job->moe_token_dispatcher_type, "flex"))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_19_0 && !is_word(backend, "deepep") &&
        !is_word(backend, "ncclep"))
        return HOLDS;
    if (etp * job->expert_model_parallel_size > 1)
        return HOLDS;
    return violated(walk, finding,
                    "the flex dispatcher has nobody to dispatch to: ETP x EP = 1 x 1");
}

/* Until 0.16 the flex dispatcher is DeepEP, and must be told so. */
static enum answer flex_needs_deepep(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!has_experts(walk) || !is_word(job->moe_token_dispatcher_type, "flex"))
        return NOT_APPLICABLE;
    return is_on(job->moe_enable_deepep) ? HOLDS : VIOLATED;
}

static bool fusible_activation(const struct job *job)
{
    if (is_word(job->activation_func, "silu") || is_word(job->activation_func, "quick_gelu"))
        return is_on(job->gated_linear_unit);
    return is_word(job->activation_func, "squared_relu") &&
           is_on(job->use_fused_weighted_squared_relu);
}

/* Since 0.19 gated experts are fused only by a kernel that an environment variable turns on. */
static enum answer fused_kernel_enabled(struct walk *walk, struct finding *finding)
{
    const struct environment *env = &walk->facts->environment;
    const char *value = environment_get(env, "NVTE_CUTEDSL_FUSED_GROUPED_MLP");

    if (walk->release < RELEASE_0_19_0 || !env->known || !is_on(walk->job->gated_linear_unit) ||
        (value && strtol(value, NULL, 10) > 0))
        return HOLDS;
    finding->fix =
        "export NVTE_CUTEDSL_FUSED_GROUPED_MLP=1, or drop --use-transformer-engine-op-fuser";
    return violated(walk, finding,
                    "fused gated experts need NVTE_CUTEDSL_FUSED_GROUPED_MLP above 0, which "
                    "is %s",
                    variable_shown(walk, "NVTE_CUTEDSL_FUSED_GROUPED_MLP"));
}

static enum answer op_fuser_moe(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;
    bool offloads = is_on(job->fine_grained_activation_offloading) &&
                    (list_has(&job->offload_modules, "expert_fc1") ||
                     list_has(&job->offload_modules, "moe_act"));

    if (!te_grouped(walk) || !is_on(job->use_transformer_engine_op_fuser))
        return NOT_APPLICABLE;
    if (package_is_older(te, "2.14.0"))
        return violated_at(walk, finding, 0,
                           "fused experts need Transformer Engine 2.14, %s is installed",
                           te->value);
    if (job->expert_tensor_parallel_size > 1)
        return violated_at(walk, finding, 1, "fused experts cannot be split over ETP = %" PRId64,
                           job->expert_tensor_parallel_size);
    if (offloads)
        return violated_at(walk, finding, 2, "fused experts cannot offload expert_fc1 or moe_act");
    if (is_on(job->moe_apply_probs_on_input))
        return violated_at(walk, finding, 3,
                           "fused experts do not work with --moe-apply-probs-on-input");
    if (!fusible_activation(job))
        return violated_at(walk, finding, 4,
                           "fused experts know SwiGLU, quick-GEGLU and weighted squared "
                           "ReLU, not %s",
                           job->activation_func);
    return fused_kernel_enabled(walk, finding);
}

static enum answer op_fuser_dense(struct walk *walk, struct finding *finding)
{
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!builds_standard_gpt(walk) || !is_on(walk->job->use_transformer_engine_op_fuser) ||
        is_nonzero(walk->job->num_experts))
        return NOT_APPLICABLE;
    if (!package_is_older(te, "1.13.0"))
        return HOLDS;
    return violated(
        walk, finding,
        "--use-transformer-engine-op-fuser needs Transformer Engine 1.13, %s is installed",
        te->value);
}

static enum answer gtp_op_fuser(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_dense_mlp(walk) || is_nonzero(job->num_experts) ||
        (!is_on(job->use_transformer_engine_op_fuser) &&
         !is_on(job->use_grouped_gemm_for_dense_mlp)))
        return NOT_APPLICABLE;
    if (value_or(job->gtp_weight_remat_size, 1) <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "weight shards beyond TP do not work with a fused or grouped dense MLP");
}

static enum answer inference_activation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool swiglu = is_word(job->activation_func, "silu") && is_on(job->gated_linear_unit);

    if (!builds_standard_gpt(walk) || !has_experts(walk) ||
        !is_word(job->transformer_impl, "inference_optimized"))
        return NOT_APPLICABLE;
    if (swiglu || is_word(job->activation_func, "squared_relu"))
        return HOLDS;
    return violated(walk, finding, "inference-optimized experts have no kernel for %s",
                    job->activation_func ? job->activation_func : "this activation");
}

static const struct rule rows[] = {
    { .id = "moe-freq-int",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = moe_freq_int,
      .shape = true,
      .options = "--moe-layer-freq",
      .what = "--moe-layer-freq is not 0",
      .why = "Layer i has experts when i is a multiple of it.",
      .fix = "--moe-layer-freq 1" },
    { .id = "moe-freq-list",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = moe_freq_list,
      .shape = true,
      .options = "--moe-layer-freq --num-layers",
      .what = "a list of --moe-layer-freq has a 0 or 1 for every layer",
      .why = "1 is a layer with experts.",
      .fix = "as many entries as --num-layers" },
    { .id = "op-fuser-dense",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = op_fuser_dense,
      .options = "--use-transformer-engine-op-fuser",
      .what = "--use-transformer-engine-op-fuser needs Transformer Engine 1.13",
      .why = "The operations to fuse are its own.",
      .fix = "drop --use-transformer-engine-op-fuser" },
    { .id = "gtp-dense-op-fuser",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = gtp_op_fuser,
      .options = "--use-transformer-engine-op-fuser --use-grouped-gemm-for-dense-mlp "
                 "--tensor-parallel-num-weight-shards",
      .what = "a fused or grouped dense MLP excludes weight shards beyond TP",
      .why = "The fused path ignores them.",
      .fix = "drop --use-transformer-engine-op-fuser" },
    { .id = "inf-opt-act",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = inference_activation,
      .options = "--transformer-impl --squared-relu --swiglu",
      .what = "inference-optimized experts take --squared-relu or --swiglu",
      .why = "Their fused kernels know no other activation.",
      .fix = "--squared-relu, --swiglu, or --transformer-impl transformer_engine" },
    { .id = "latent-te",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = latent_te,
      .options = "--moe-latent-size",
      .what = "--moe-latent-size needs Transformer Engine",
      .why = "The projections are its layers.",
      .fix = "install Transformer Engine" },
    { .id = "flex-deepep",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_15_0,
      .check = flex_needs_deepep,
      .options = "--moe-token-dispatcher-type",
      .what = "the flex dispatcher needs --moe-enable-deepep up to 0.15",
      .why = "It has no other backend.",
      .fix = "add --moe-enable-deepep" },
    { .id = "flex-tpep",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = flex_tpep,
      .options = "--moe-token-dispatcher-type --expert-model-parallel-size "
                 "--expert-tensor-parallel-size",
      .what = "the flex dispatcher needs ETP x EP above 1 (with hybridep up to 0.18)",
      .why = "It moves tokens between ranks.",
      .fix = "--moe-token-dispatcher-type alltoall" },
    { .id = "te-grouped-bias",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = te_grouped_bias,
      .options = "--moe-grouped-gemm --disable-bias-linear --no-bias-dropout-fusion",
      .needs = "moe-bias-etp",
      .what = "--moe-grouped-gemm excludes bias together with its fusion with dropout",
      .why = "The bias of grouped experts is added elsewhere.",
      .fix = "--disable-bias-linear, or --no-bias-dropout-fusion" },
    { .id = "moe-ffn-etp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = moe_ffn_etp,
      .shape = true,
      .options = "--moe-ffn-hidden-size --ffn-hidden-size --expert-tensor-parallel-size "
                 "--tensor-model-parallel-size",
      .what = "the width of an expert is a multiple of ETP",
      .why = "Experts are split over expert tensor-parallel ranks.",
      .fix = "--expert-tensor-parallel-size 1" },
    { .id = "op-fuser-moe",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = op_fuser_moe,
      .options = "--use-transformer-engine-op-fuser --expert-tensor-parallel-size "
                 "--offload-modules --moe-apply-probs-on-input $NVTE_CUTEDSL_FUSED_GROUPED_MLP",
      .needs = "te-grouped-bias moe-bias-etp",
      .what = "fused experts need ETP 1, a gated activation and Transformer Engine 2.14",
      .why = "The fused grouped MLP implements nothing else.",
      .fix =
          "drop --use-transformer-engine-op-fuser, or --expert-tensor-parallel-size 1 --swiglu" },
    { .id = "shared-expert-nobias",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = shared_without_bias,
      .options = "--moe-shared-expert-intermediate-size --disable-bias-linear",
      .needs = "moe-bias-etp te-grouped-bias",
      .what = "shared experts need --disable-bias-linear",
      .why = "They have no bias.",
      .fix = "--disable-bias-linear" },
    { .id = "shared-expert-tp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = shared_tp,
      .shape = true,
      .options = "--moe-shared-expert-intermediate-size --tensor-model-parallel-size",
      .needs = "shared-expert-size",
      .what = "the width of shared experts is a multiple of TP",
      .why = "They are split over TP, not ETP.",
      .fix = "another --moe-shared-expert-intermediate-size" },
};

const struct rule_section model_expert_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
