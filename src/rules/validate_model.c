/* Tenth part of validate_args: biases, positions, experts, checkpoint format against the model,
 * data. */
#include <inttypes.h>

#include "rules/nearest.h"
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

static enum answer qk_clip(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->qk_clip))
        return NOT_APPLICABLE;
    if (version_below(&walk->facts->transformer_engine, "2.9.0"))
        return violated_at(walk, finding, 0,
                           "--qk-clip needs Transformer Engine 2.9, %s is installed",
                           walk->facts->transformer_engine.value);
    if (!(job->qk_clip_alpha > 0 && job->qk_clip_alpha < 1))
        return violated_at(walk, finding, 1, "--qk-clip-alpha %g is not between 0 and 1",
                           job->qk_clip_alpha);
    if (job->qk_clip_threshold > 0)
        return HOLDS;
    return violated_at(walk, finding, 2, "--qk-clip-threshold %g is not above 0",
                       job->qk_clip_threshold);
}

static enum answer log_max_logit(struct walk *walk, struct finding *finding)
{
    if (!is_on(walk->job->log_max_attention_logit))
        return NOT_APPLICABLE;
    if (!version_below(&walk->facts->transformer_engine, "2.9.0"))
        return HOLDS;
    return violated(walk, finding,
                    "--log-max-attention-logit needs Transformer Engine 2.9, %s is installed",
                    walk->facts->transformer_engine.value);
}

static enum answer retro(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->retro_add_retriever))
        return NOT_APPLICABLE;
    if (!is_set(job->train_samples) && !job->retro_project_dir)
        return violated_at(walk, finding, 0,
                           "--retro-add-retriever comes without --retro-project-dir");
    if (is_on(job->sequence_parallel))
        return violated_at(walk, finding, 1,
                           "--retro-add-retriever does not work with --sequence-parallel");
    if (job->pipeline_model_parallel_size != 1)
        return violated_at(walk, finding, 2,
                           "--retro-add-retriever works on one pipeline rank, not %" PRId64,
                           job->pipeline_model_parallel_size);
    return HOLDS;
}

static enum answer decoupled_lr(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_none_float(job->decoupled_lr) && is_none_float(job->decoupled_min_lr))
        return NOT_APPLICABLE;
    if (is_on(job->use_legacy_models))
        return violated_at(walk, finding, 0, "legacy models have no decoupled learning rate");
    if (walk->release == RELEASE_0_8_0 && is_on(job->use_dist_ckpt))
        return violated_at(walk, finding, 1,
                           "a decoupled learning rate cannot be saved by --use-dist-ckpt");
    return HOLDS;
}

static enum answer rotary_interleaved(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->rotary_interleaved))
        return NOT_APPLICABLE;
    if (is_on(job->apply_rope_fusion) && walk->release <= RELEASE_0_13_0)
        return violated_at(walk, finding, 0,
                           "--rotary-interleaved does not work with the rope fusion, which "
                           "is on by default");
    if (is_on(job->use_legacy_models))
        return violated_at(walk, finding, walk->release <= RELEASE_0_13_0,
                           "legacy models have no --rotary-interleaved");
    return HOLDS;
}

static enum answer posemb_nopos(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->add_position_embedding != 0)
        return NOT_APPLICABLE;
    if (is_word(job->position_embedding_type, "rope"))
        return HOLDS;
    return violated(walk, finding, "--no-position-embedding contradicts %s positions",
                    job->position_embedding_type);
}

static enum answer posemb_relative(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->position_embedding_type, "relative"))
        return NOT_APPLICABLE;
    if (is_word(job->transformer_impl, "transformer_engine"))
        return HOLDS;
    return violated(walk, finding,
                    "relative positions need Transformer Engine, not "
                    "'--transformer-impl %s'",
                    job->transformer_impl);
}

static enum answer posemb_mrope(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->position_embedding_type, "mrope"))
        return NOT_APPLICABLE;
    if (job->mrope_section.count >= 0)
        return HOLDS;
    return violated(walk, finding, "mrope positions come without --mrope-section");
}

static enum answer spec_none(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_experts))
        return NOT_APPLICABLE;
    if (job->spec.count < 0)
        return HOLDS;
    return violated(walk, finding,
                    "--num-experts %" PRId64 " contradicts --spec, which names its own "
                    "layers",
                    job->num_experts);
}

static enum answer legacy_cp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->context_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (!is_on(job->use_legacy_models))
        return HOLDS;
    return violated(walk, finding, "legacy models have no context parallelism");
}

static enum answer ep_needs_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->expert_model_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (is_set(job->num_experts))
        return HOLDS;
    return violated(walk, finding,
                    "--expert-model-parallel-size %" PRId64 " has no experts to split",
                    job->expert_model_parallel_size);
}

static enum answer ep_divides_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ep = job->expert_model_parallel_size;
    int64_t experts = job->num_experts;

    if (ep <= 1 || !is_set(experts))
        return NOT_APPLICABLE;
    if (floor_mod(experts, ep) == 0)
        return HOLDS;
    if (experts > 0)
        finding_fix(walk, finding,
                    "--expert-model-parallel-size %" PRId64 ", or --num-experts %" PRId64,
                    nearest_divisor(experts, experts, ep), round_up(experts, ep));
    return violated(walk, finding,
                    "%" PRId64 " experts cannot be split over %" PRId64 " expert parallel ranks",
                    experts, ep);
}

static enum answer ep_fp16(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->expert_model_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (!is_on(job->fp16))
        return HOLDS;
    return violated(walk, finding, "expert parallelism does not work with --fp16 before 0.16");
}

static const struct rule rows[] = {
    { .id = "bias-sync",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = bias_sync,
      .what = "linear biases bring the qkv bias; without them the bias-gelu fusion is off",
      .why = "--disable-bias-linear decides both." },
    { .id = "qk-clip",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--qk-clip --qk-clip-alpha --qk-clip-threshold",
      .check = qk_clip,
      .what = "--qk-clip has an alpha between 0 and 1 and a threshold above 0",
      .why = "Attention logits above the threshold shrink the weights.",
      .fix = "--qk-clip-alpha 0.5 --qk-clip-threshold 100" },
    { .id = "log-max-logit",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--log-max-attention-logit",
      .check = log_max_logit,
      .what = "--log-max-attention-logit needs Transformer Engine 2.9",
      .why = "Older attention kernels do not return it.",
      .fix = "a newer Transformer Engine" },
    { .id = "retro",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .options = "--retro-add-retriever --retro-project-dir --sequence-parallel "
                 "--pipeline-model-parallel-size",
      .check = retro,
      .what = "--retro-add-retriever needs a project, one pipeline rank, no sequence parallel",
      .why = "Retro models are built whole on every rank.",
      .fix = "--pipeline-model-parallel-size 1, without --sequence-parallel" },
    { .id = "decoupled-lr-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--decoupled-lr --decoupled-min-lr --use-legacy-models --use-dist-ckpt",
      .check = decoupled_lr,
      .what = "a decoupled learning rate excludes legacy models (0.8: and distributed "
              "checkpoints)",
      .why = "It splits parameter groups.",
      .fix = "remove --decoupled-lr" },
    { .id = "legacy-rope",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = legacy_rope,
      .what = "--use-rotary-position-embeddings is --position-embedding-type rope",
      .why = "It is read late: checks above it see the default, learned_absolute." },
    { .id = "rotary-interleaved-fusion",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--rotary-interleaved --no-rope-fusion --use-legacy-models",
      .check = rotary_interleaved,
      .what = "--rotary-interleaved excludes the rope fusion (up to 0.13) and legacy models",
      .why = "The fused kernel rotates halves only.",
      .fix = "--no-rope-fusion" },
    { .id = "rope-fusion-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = rope_fusion_off,
      .what = "the rope fusion is off unless positions are rope",
      .why = "There is nothing to fuse." },
    { .id = "posemb-nopos",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--no-position-embedding --position-embedding-type",
      .check = posemb_nopos,
      .what = "--no-position-embedding needs rope",
      .why = "It is deprecated: the type decides.",
      .fix = "--position-embedding-type none, or remove --no-position-embedding" },
    { .id = "posemb-relative",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--position-embedding-type --transformer-impl",
      .check = posemb_relative,
      .what = "relative positions need Transformer Engine",
      .why = "The local attention takes no bias.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "posemb-mrope",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--position-embedding-type --mrope-section",
      .check = posemb_mrope,
      .what = "mrope positions need --mrope-section",
      .why = "It says how channels are shared by time, height and width.",
      .fix = "--mrope-section T H W" },
    { .id = "experts-zero",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = experts_zero,
      .what = "--num-experts 0 is a dense model",
      .why = "The same as leaving it out." },
    { .id = "spec-none-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .options = "--num-experts --spec",
      .check = spec_none,
      .what = "--num-experts excludes --spec",
      .why = "A specification names its own layers.",
      .fix = "remove --spec" },
    { .id = "moe-ffn-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = moe_ffn_default,
      .what = "--moe-ffn-hidden-size is --ffn-hidden-size unless given",
      .why = "Each expert is then as wide as a dense layer." },
    { .id = "legacy-models-cp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--context-parallel-size --use-legacy-models",
      .check = legacy_cp,
      .what = "context parallelism excludes legacy models",
      .why = "Only Megatron-core attention knows it.",
      .fix = "remove --use-legacy-models" },
    { .id = "ep-needs-experts",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--expert-model-parallel-size --num-experts",
      .shape = true,
      .check = ep_needs_experts,
      .what = "expert parallelism needs experts",
      .why = "There is nothing to split otherwise.",
      .fix = "--num-experts N, or --expert-model-parallel-size 1" },
    { .id = "ep-divides-experts",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--num-experts --expert-model-parallel-size",
      .shape = true,
      .check = ep_divides_experts,
      .what = "experts are a multiple of the expert parallel ranks",
      .why = "Every rank holds the same number of experts.",
      .fix = "an --expert-model-parallel-size that divides --num-experts" },
    { .id = "ep-fp16-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .options = "--expert-model-parallel-size --fp16",
      .check = ep_fp16,
      .what = "expert parallelism excludes --fp16",
      .why = "Loss scaling did not see the experts.",
      .fix = "--bf16" },
    { .id = "lb-single-list",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .adjust = lb_single_list,
      .what = "one load balancing type or coefficient is a value, not a list of one",
      .why = "Lists are for several auxiliary losses." },
};

const struct rule_section validate_model_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
