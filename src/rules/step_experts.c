/* The first forward pass of layers with experts. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static enum answer moe_tp_needs_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || job->tensor_model_parallel_size <= 1 || is_on(job->skip_train))
        return NOT_APPLICABLE;
    if (is_on(job->sequence_parallel))
        return HOLDS;
    return violated(walk, finding,
                    "layers with experts train on TP = %" PRId64
                    " only with sequence parallelism, which "
                    "is off",
                    job->tensor_model_parallel_size);
}

static enum answer topk_le_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !is_set(job->moe_router_topk))
        return NOT_APPLICABLE;
    if (job->moe_router_topk <= job->num_experts)
        return HOLDS;
    return violated(walk, finding,
                    "--moe-router-topk %" PRId64 " is more than the %" PRId64 " experts",
                    job->moe_router_topk, job->num_experts);
}

static enum answer group_topk_divides(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t groups = job->moe_router_num_groups, chosen = job->moe_router_group_topk;
    int64_t wanted;

    if (!has_experts(walk) || !is_nonzero(groups) || !is_nonzero(chosen) ||
        !is_set(job->moe_router_topk))
        return NOT_APPLICABLE;
    /* 0.11 ranks groups by their best two, later releases by as many as are taken from each. */
    wanted = walk->release == RELEASE_0_11_0 ? 2 : job->moe_router_topk / chosen;
    if (wanted <= job->num_experts / groups)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " experts of each of %" PRId64
                    " groups are wanted, but a group has %" PRId64,
                    wanted, chosen, job->num_experts / groups);
}

/* The fused activation of experts takes routing weights along; only gated ones can. */
static enum answer expert_activation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !is_on(job->bias_activation_fusion) ||
        is_on(job->moe_use_legacy_grouped_gemm))
        return NOT_APPLICABLE;
    if (is_on(job->gated_linear_unit) &&
        (is_word(job->activation_func, "silu") || is_word(job->activation_func, "quick_gelu")))
        return HOLDS;
    return violated(walk, finding,
                    "experts have a fused activation for SwiGLU and quick-GEGLU only, and "
                    "fusion is on for %s",
                    job->activation_func);
}

static enum answer probs_on_input(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !is_on(job->moe_apply_probs_on_input))
        return NOT_APPLICABLE;
    if (job->moe_router_topk == 1)
        return HOLDS;
    return violated(walk, finding,
                    "--moe-apply-probs-on-input works with --moe-router-topk 1, not %" PRId64,
                    job->moe_router_topk);
}

static bool has_aux_loss(const struct list *coefficients)
{
    for (int i = 0; i < coefficients->count; i++)
        if (strspn(coefficients->item[i], "+-0.eE") != strlen(coefficients->item[i]))
            return true;
    return false;
}

static enum answer sinkhorn_aux(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !list_has(&job->moe_router_load_balancing_type, "sinkhorn"))
        return NOT_APPLICABLE;
    if (!has_aux_loss(&job->moe_aux_loss_coeff))
        return HOLDS;
    return violated(walk, finding, "sinkhorn balances by itself, but --moe-aux-loss-coeff is %s",
                    job->moe_aux_loss_coeff.item[0]);
}

static enum answer quantile_balancing(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !list_has(&job->moe_router_load_balancing_type, "quantile_balancing"))
        return NOT_APPLICABLE;
    if (is_on(job->moe_router_fusion))
        return violated_at(walk, finding, 0,
                           "quantile balancing does not work with --moe-router-fusion");
    if (is_set(job->moe_router_num_groups) || is_set(job->moe_router_group_topk))
        return violated_at(walk, finding, 1, "quantile balancing does not work with router groups");
    return HOLDS;
}

static enum answer router_fusion(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;
    const char *version =
        is_word(job->moe_router_score_function, "sqrtsoftplus") ? "2.13.0" : "2.6.0";

    if (!has_experts(walk) || !is_on(job->moe_router_fusion))
        return NOT_APPLICABLE;
    if (!package_is_older(te, version))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-router-fusion needs Transformer Engine %s, %s is installed", version,
                    te->value);
}

static enum answer latent_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !is_nonzero(job->moe_latent_size) ||
        !is_set(job->moe_shared_expert_intermediate_size))
        return NOT_APPLICABLE;
    if (!is_on(job->moe_shared_expert_overlap))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-shared-expert-overlap does not work with --moe-latent-size "
                    "%" PRId64,
                    job->moe_latent_size);
}

static const struct rule rows[] = {
    { .id = "moe-tp-needs-sp",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = moe_tp_needs_sp,
      .options = "--tensor-model-parallel-size --num-experts",
      .needs = "ep-tp-sp-warn",
      .what = "training experts with TP > 1 needs --sequence-parallel",
      .why = "Refused in the first forward pass, after everything is set up.",
      .fix = "add --sequence-parallel" },
    { .id = "topk-le-experts",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = topk_le_experts,
      .options = "--moe-router-topk --num-experts",
      .needs = "experts-positive",
      .what = "--moe-router-topk is at most --num-experts",
      .why = "A token goes to different experts.",
      .fix = "a smaller --moe-router-topk" },
    { .id = "group-topk-divides",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = group_topk_divides,
      .options = "--moe-router-topk --moe-router-group-topk --moe-router-num-groups",
      .needs = "group-topk topk-le-experts",
      .what = "each chosen group has the experts wanted from it",
      .why = "--moe-router-topk / --moe-router-group-topk come from each group.",
      .fix = "fewer --moe-router-num-groups, or more --moe-router-group-topk" },
    { .id = "sinkhorn-aux",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = sinkhorn_aux,
      .options = "--moe-router-load-balancing-type --moe-aux-loss-coeff",
      .what = "sinkhorn excludes --moe-aux-loss-coeff",
      .why = "It balances by itself.",
      .fix = "drop --moe-aux-loss-coeff" },
    { .id = "quantile-balancing",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = quantile_balancing,
      .options = "--moe-router-load-balancing-type --moe-router-fusion --moe-router-num-groups",
      .what = "quantile balancing excludes router fusion and groups",
      .why = "It looks at all scores of a sequence.",
      .fix = "another load balancing" },
    { .id = "router-fusion-te",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = router_fusion,
      .options = "--moe-router-fusion",
      .what = "--moe-router-fusion needs Transformer Engine 2.6 (2.13 for sqrtsoftplus)",
      .why = "The kernels are its own.",
      .fix = "drop --moe-router-fusion" },
    { .id = "latent-overlap",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = latent_overlap,
      .options = "--moe-latent-size --moe-shared-expert-overlap",
      .what = "--moe-latent-size excludes --moe-shared-expert-overlap",
      .why = "Shared experts do not work on latents.",
      .fix = "drop --moe-shared-expert-overlap" },
    { .id = "te-grouped-act",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = expert_activation,
      .options = "--moe-grouped-gemm --num-experts --swiglu --no-bias-gelu-fusion",
      .needs = "moe-bias-etp te-grouped-bias act-fusion-kind op-fuser-moe",
      .what = "the fused activation of experts is SwiGLU or quick-GEGLU",
      .why = "Fusion is on by default and takes routing weights along.",
      .fix = "--no-bias-gelu-fusion, or --swiglu" },
    { .id = "apply-probs-topk1",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = probs_on_input,
      .options = "--moe-apply-probs-on-input --moe-router-topk",
      .what = "--moe-apply-probs-on-input needs --moe-router-topk 1",
      .why = "Inputs go to several experts otherwise.",
      .fix = "drop --moe-apply-probs-on-input" },
};

const struct rule_section step_expert_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
