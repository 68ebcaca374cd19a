/* Ninth part of validate_args: biases, positions, experts, checkpoint format against the model, data. */
#include "rules/sections.h"
#include "rules/truth.h"

static void bias_sync(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->add_bias_linear))
        job->bias_gelu_fusion = 0;
    else if (walk->release >= RELEASE_0_10_0)
        job->add_qkv_bias = 1;
}

static void legacy_rope(struct walk *walk)
{
    if (is_on(walk->job->use_rotary_position_embeddings))
        walk->job->position_embedding_type = "rope";
}

static void rope_fusion_off(struct walk *walk)
{
    if (!is_word(walk->job->position_embedding_type, "rope"))
        walk->job->apply_rope_fusion = 0;
}

static void experts_zero(struct walk *walk)
{
    if (walk->job->num_experts == 0)
        walk->job->num_experts = NONE_INT;
}

static void moe_ffn_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->moe_ffn_hidden_size) &&
        (walk->release < RELEASE_0_13_0 || is_set(job->num_experts)))
        job->moe_ffn_hidden_size = job->ffn_hidden_size;
}

static void lb_single_list(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->moe_router_load_balancing_type.count == 1)
        job->moe_router_load_balancing_type.scalar = true;
    if (job->moe_aux_loss_coeff.count == 1)
        job->moe_aux_loss_coeff.scalar = true;
}

static void softmax_fp32(struct walk *walk)
{
    if (is_on(walk->job->apply_query_key_layer_scaling))
        walk->job->attention_softmax_in_fp32 = 1;
}

static const struct rule rows[] = {
    { .id = "bias-sync", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = bias_sync,
      .what = "linear biases bring the qkv bias; without them the bias-gelu fusion is off",
      .why = "--disable-bias-linear decides both." },
    { .id = "legacy-rope", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = legacy_rope,
      .what = "--use-rotary-position-embeddings is --position-embedding-type rope",
      .why = "It is read late: checks above it see the default, learned_absolute." },
    { .id = "rope-fusion-off", .stage = STAGE_VALIDATE, .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN, .adjust = rope_fusion_off,
      .what = "the rope fusion is off unless positions are rope",
      .why = "There is nothing to fuse." },
    { .id = "experts-zero", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = experts_zero, .what = "--num-experts 0 is a dense model",
      .why = "The same as leaving it out." },
    { .id = "moe-ffn-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN, .adjust = moe_ffn_default,
      .what = "--moe-ffn-hidden-size is --ffn-hidden-size unless given",
      .why = "Each expert is then as wide as a dense layer." },
    { .id = "lb-single-list", .stage = STAGE_VALIDATE, .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN, .adjust = lb_single_list,
      .what = "one load balancing type or coefficient is a value, not a list of one",
      .why = "Lists are for several auxiliary losses." },
    { .id = "softmax-fp32", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = softmax_fp32,
      .what = "--apply-query-key-layer-scaling computes softmax in fp32",
      .why = "attention_softmax_in_fp32 is switched on." },
};

const struct rule_section validate_model_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
