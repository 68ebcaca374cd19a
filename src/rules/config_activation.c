/* Sixth part of TransformerConfig: fused activations, rotary embeddings, maximal update
 * parametrization. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void softmax_in_fp32(struct walk *walk)
{
    if (is_on(walk->job->apply_query_key_layer_scaling))
        walk->job->attention_softmax_in_fp32 = 1;
}

static enum answer act_fusion_kind(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *activation = job->activation_func;

    if (!is_on(job->bias_activation_fusion))
        return NOT_APPLICABLE;
    if (is_word(activation, "gelu") || is_word(activation, "silu") ||
        (walk->release >= RELEASE_0_15_0 && is_word(activation, "quick_gelu")))
        return HOLDS;
    return violated(walk, finding,
                    "bias and activation are fused by default, but there is no fused kernel for %s",
                    activation);
}

static enum answer glu_offset(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->bias_activation_fusion) || is_none_float(job->glu_linear_offset) ||
        job->glu_linear_offset == 0.0)
        return NOT_APPLICABLE;
    if (is_word(job->activation_func, "quick_gelu"))
        return HOLDS;
    return violated(walk, finding,
                    "--glu-linear-offset %g works with --quick-geglu when bias and "
                    "activation are fused, not with %s",
                    job->glu_linear_offset, job->activation_func);
}

static enum answer te_activation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *activation = job->activation_func;

    if (!is_on(job->use_te_activation_func))
        return NOT_APPLICABLE;
    if (is_on(job->bias_activation_fusion)) {
        finding->fix = is_on(job->swiglu) ? "--no-bias-swiglu-fusion" : "--no-bias-gelu-fusion";
        return violated_at(walk, finding, 0,
                           "--use-te-activation-func excludes the fusion of bias and "
                           "activation, which is on by default");
    }
    if (is_word(activation, "gelu") || is_word(activation, "silu"))
        return HOLDS;
    return violated_at(walk, finding, 1, "--use-te-activation-func does not know %s", activation);
}

static enum answer fused_residual_norm(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fused_residual_rmsnorm))
        return NOT_APPLICABLE;
    if (is_word(job->normalization, "RMSNorm"))
        return HOLDS;
    return violated(walk, finding, "--fused-residual-rmsnorm is given, but --normalization is '%s'",
                    job->normalization);
}

static enum answer clamp_swiglu(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    double clamp = job->activation_func_clamp_value;

    if (is_none_float(clamp) || !is_on(job->swiglu))
        return NOT_APPLICABLE;
    if (!(clamp > 0 && clamp <= 1e308))
        return violated_at(walk, finding, 0,
                           "--activation-func-clamp-value %g is not positive and finite", clamp);
    if (!is_set(job->num_experts))
        return violated_at(walk, finding, 1,
                           "--activation-func-clamp-value with --swiglu is for models with "
                           "experts only");
    if (!is_none_float(job->glu_linear_offset) && job->glu_linear_offset != 0.0)
        return violated_at(walk, finding, 2,
                           "--activation-func-clamp-value with --swiglu excludes "
                           "--glu-linear-offset");
    if (is_on(job->use_te_activation_func))
        return violated_at(walk, finding, 3,
                           "--activation-func-clamp-value with --swiglu excludes "
                           "--use-te-activation-func");
    return HOLDS;
}

static enum answer interleaved_fusion(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->apply_rope_fusion) || !is_on(job->rotary_interleaved))
        return NOT_APPLICABLE;
    if (is_on(job->multi_latent_attention) || !package_is_older(te, "2.3.0"))
        return HOLDS;
    return violated_at(
        walk, finding, 11,
        "--rotary-interleaved with the fused rotary kernel needs Transformer Engine 2.3, %s "
        "is installed",
        te->value);
}

static enum answer rope_fusion_available(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->apply_rope_fusion) ||
        (walk->release >= RELEASE_0_13_0 && is_on(job->multi_latent_attention)))
        return NOT_APPLICABLE;
    /* Up to 0.13 apex has the kernel too. */
    if (!package_is_older(te, "1.4.0") ||
        (walk->release < RELEASE_0_14_0 && !package_is_missing(&walk->facts->apex)))
        return HOLDS;
    return violated(walk, finding,
                    "the fused rotary kernel needs Transformer Engine 1.4, %s is installed",
                    te->value);
}

static enum answer mla_rope_fusion_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_on(job->multi_latent_attention))
        return NOT_APPLICABLE;
    return is_on(job->apply_rope_fusion) ? VIOLATED : HOLDS;
}

static enum answer mla_interleaved(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->multi_latent_attention))
        return NOT_APPLICABLE;
    return is_on(walk->job->rotary_interleaved) ? VIOLATED : HOLDS;
}

static void mup_base_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->use_mup) && !is_set(job->mup_base_hidden_size))
        job->mup_base_hidden_size = job->hidden_size;
}

static enum answer mup_base(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_mup) || !is_set(job->mup_base_hidden_size))
        return NOT_APPLICABLE;
    if (job->mup_base_hidden_size > 0)
        return HOLDS;
    return violated(walk, finding, "--mup-base-hidden-size %" PRId64 " is not positive",
                    job->mup_base_hidden_size);
}

static void mup_width(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->use_mup) && is_set(job->hidden_size) && job->mup_base_hidden_size > 0)
        job->mup_width_mult = (double)job->hidden_size / (double)job->mup_base_hidden_size;
}

/* Output layers are initialized with a deviation divided by sqrt(2 x layers). */
static enum answer layers_positive(struct walk *walk, struct finding *finding)
{
    int64_t layers = walk->job->num_layers;

    if (!is_set(layers))
        return NOT_APPLICABLE;
    if (layers > 0)
        return HOLDS;
    return violated(walk, finding, "a model of %lld layers", (long long)layers);
}

static const struct rule rows[] = {
    { .id = "softmax-fp32-config",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = softmax_in_fp32,
      .what = "--apply-query-key-layer-scaling computes the softmax in fp32",
      .why = "Scaled scores would lose their last bits." },
    { .id = "act-fusion-kind",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = act_fusion_kind,
      .options = "--squared-relu --quick-geglu",
      .needs = "swiglu-xor",
      .what = "fusing bias and activation needs gelu or silu (quick-gelu since 0.15)",
      .why = "Fusion is on by default and --no-bias-gelu-fusion turns it off for all but SwiGLU.",
      .fix = "--no-bias-gelu-fusion (or --disable-bias-linear, which implies it)" },
    { .id = "glu-offset-fusion",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = glu_offset,
      .options = "--glu-linear-offset",
      .needs = "act-fusion-kind",
      .what = "--glu-linear-offset with fused activation needs --quick-geglu",
      .why = "No other fused kernel has the offset.",
      .fix = "--no-bias-swiglu-fusion, or --glu-linear-offset 0" },
    { .id = "te-act",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = te_activation,
      .needs = "act-fusion-kind",
      .options = "--use-te-activation-func",
      .what = "--use-te-activation-func needs gelu or silu and no fusion of bias and activation",
      .why = "Transformer Engine's kernels take the place of the fused ones.",
      .fix = "drop --use-te-activation-func" },
    { .id = "fused-residual-norm",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = fused_residual_norm,
      .options = "--fused-residual-rmsnorm --normalization",
      .what = "--fused-residual-rmsnorm needs --normalization RMSNorm",
      .why = "There is one fused kernel.",
      .fix = "--normalization RMSNorm" },
    { .id = "clamp-swiglu",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = clamp_swiglu,
      .options = "--activation-func-clamp-value",
      .what = "a clamped SwiGLU is for experts, positive, without offset",
      .why = "Only the experts' kernels clamp.",
      .fix = "drop --activation-func-clamp-value" },
    { .id = "rotary-interleaved-fusion",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = interleaved_fusion,
      .options = "--rotary-interleaved",
      .what = "--rotary-interleaved with the fused rotary kernel needs Transformer Engine 2.3",
      .why = "Before, the kernel rotated halves, not pairs.",
      .fix = "--no-rope-fusion" },
    { .id = "rope-fusion-avail",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = rope_fusion_available,
      .options = "--position-embedding-type",
      .needs = "rotary-interleaved-fusion",
      .what = "the fused rotary kernel needs Transformer Engine 1.4",
      .why = "The fusion is on by default with rotary positions.",
      .fix = "--no-rope-fusion" },
    { .id = "mla-rope-fusion",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_12_0,
      .check = mla_rope_fusion_old,
      .options = "--multi-latent-attention --position-embedding-type",
      .needs = "rotary-interleaved-fusion",
      .what = "multi-latent attention excludes the fused rotary kernel",
      .why = "The fusion is on by default with rotary positions; yarn's came with 0.13.",
      .fix = "--no-rope-fusion" },
    { .id = "mla-interleaved",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = mla_interleaved,
      .options = "--multi-latent-attention --rotary-interleaved",
      .needs = "rotary-interleaved-fusion",
      .what = "multi-latent attention excludes --rotary-interleaved",
      .why = "It interleaves by itself.",
      .fix = "drop --rotary-interleaved" },
    { .id = "mup-base-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = mup_base_default,
      .what = "--mup-base-hidden-size is --hidden-size unless given",
      .why = "The model is then its own base." },
    { .id = "mup-base",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = mup_base,
      .options = "--mup-base-hidden-size",
      .what = "--mup-base-hidden-size is positive",
      .why = "Widths are divided by it.",
      .fix = "the hidden size of the model whose learning rate is known" },
    { .id = "mup-width",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = mup_width,
      .what = "--use-mup scales by --hidden-size / --mup-base-hidden-size",
      .why = "Initialization, logits and attention follow it." },
    { .id = "layers-positive",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = layers_positive,
      .shape = true,
      .options = "--num-layers --hybrid-layer-pattern",
      .what = "the model has layers",
      .why = "Initial weights are scaled by the square root of their number.",
      .fix = "--num-layers 1 or more" },
};

const struct rule_section config_activation_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
