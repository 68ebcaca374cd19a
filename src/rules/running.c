/* What comes after the model is built: data sets, the first step, the first evaluation. */
#include <inttypes.h>
#include <stdlib.h>

#include "megatron/layer_pattern.h"
#include "rules/micro_batches.h"
#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static bool builds_data(const struct walk *walk)
{
    return trainer_kind(walk) != TRAINER_OTHER && !is_on(walk->job->perform_rl_step);
}

static enum answer eval_interval(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool needed = !is_on(job->full_validation) && !is_on(job->skip_train) &&
                  (is_nonzero(job->train_iters) || is_nonzero(job->train_samples));

    if (!builds_data(walk) || !needed)
        return NOT_APPLICABLE;
    if (is_nonzero(job->eval_interval))
        return HOLDS;
    if (is_set(job->eval_interval))
        return violated(walk, finding, "--eval-interval 0 divides by zero when the data sets are sized");
    finding->severity = severity_of_seen_trainer(walk);
    return violated(walk, finding, "--eval-interval is not given and has no default since 0.16: sizing the "
                                   "data sets fails, even without evaluation");
}

static enum answer full_validation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || !is_on(job->multiple_validation_sets))
        return NOT_APPLICABLE;
    return is_on(job->full_validation) || is_on(job->skip_train)
               ? HOLDS
               : violated(walk, finding,
                          "--multiple-validation-sets is given without --full-validation");
}

static bool splits_given(const struct job *job)
{
    return job->train_data_path.count >= 0 || job->valid_data_path.count >= 0 ||
           job->test_data_path.count >= 0 || job->per_split_data_args_path;
}

static enum answer split_per_set(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || !splits_given(job))
        return NOT_APPLICABLE;
    if (!job->split)
        return HOLDS;
    return violated(walk, finding, "--split %s divides what separate data sets have already divided",
                    job->split);
}

static enum answer data_required(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || walk->job->use_legacy_models == 1)
        return NOT_APPLICABLE;
    if (is_on(job->mock_data) || job->data_path.count >= 0 || job->data_args_path || splits_given(job))
        return HOLDS;
    finding->severity = severity_of_seen_trainer(walk);
    return violated(walk, finding, "no data is given");
}

static enum answer fast_cache(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool fast = is_on(job->dataloader_fast_cache_load);
    bool defer = is_on(job->dataloader_defer_npy_index_mmap);

    if (!builds_data(walk) || (!fast && !defer))
        return NOT_APPLICABLE;
    if (!job->data_cache_path)
        return violated(walk, finding, "%s needs --data-cache-path",
                        fast ? "--dataloader-fast-cache-load" : "--dataloader-defer-npy-index-mmap");
    if (fast && (job->data_path.count >= 0 || job->data_args_path))
        return violated(walk, finding, "--dataloader-fast-cache-load does not work with --data-path");
    return HOLDS;
}

/* A pipeline in model chunks wants groups of micro-batches that keep all its ranks busy. */
static enum answer interleave(struct walk *walk, struct finding *finding, int64_t micro_batches,
                              const char *whose)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size;
    int64_t group = value_or(job->microbatch_group_size_per_vp_stage, pp);

    if (group < pp)
        return violated(walk, finding,
                        "groups of %" PRId64 " micro-batches do not fill PP = %" PRId64
                        " interleaved pipeline ranks",
                        group, pp);
    if (group <= micro_batches)
        return HOLDS;
    finding_fix(walk, finding, "%s of %" PRId64 " or more, or no model chunks",
                strcmp(whose, "a step") == 0 ? "--global-batch-size" : "--eval-global-batch-size",
                group * (strcmp(whose, "a step") == 0 ? samples_a_pass(job)
                                                      : samples_an_evaluation_pass(job)));
    return violated(walk, finding,
                    "%s has %" PRId64 " micro-batches, but interleaving over PP = %" PRId64 " wants at "
                    "least %" PRId64,
                    whose, micro_batches, pp, group);
}

static bool interleaved(const struct job *job)
{
    return is_set(job->virtual_pipeline_model_parallel_size) && job->pipeline_model_parallel_size > 1;
}

/* Micro-batches of the first step, 0: not known. */
static int64_t first_micro_batches(const struct walk *walk)
{
    int64_t pass = samples_a_pass(walk->job), batch = first_batch(walk);

    return pass > 0 && is_set(batch) ? batch / pass : 0;
}

static enum answer interleave_group(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    return interleave(walk, finding, micro_batches, "a step");
}

static enum answer remainder_of(struct walk *walk, struct finding *finding, int64_t micro_batches,
                                const char *whose)
{
    int64_t pp = walk->job->pipeline_model_parallel_size;
    int64_t group = value_or(walk->job->microbatch_group_size_per_vp_stage, pp);
    int64_t rest;

    if (group < 1)
        return NOT_APPLICABLE;
    rest = micro_batches % group;
    if (rest == 0 || rest >= pp)
        return HOLDS;
    finding_fix(walk, finding, "%" PRId64 " or %" PRId64 " micro-batches", micro_batches - rest,
                micro_batches - rest + group);
    return violated(walk, finding,
                    "the %" PRId64 " micro-batches of %s leave a last group of %" PRId64
                    ", fewer than PP = %" PRId64,
                    micro_batches, whose, rest, pp);
}

static enum answer interleave_remainder(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    return remainder_of(walk, finding, micro_batches, "a step");
}

static enum answer interleave_old(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);
    int64_t pp = walk->job->pipeline_model_parallel_size;

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    if (micro_batches % pp == 0)
        return HOLDS;
    return violated(walk, finding, "the %" PRId64 " micro-batches of a step are not a multiple of PP = %" PRId64,
                    micro_batches, pp);
}

static enum answer sequence_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, cp = job->context_parallel_size;

    if (!is_on(job->sequence_parallel) || !is_set(job->seq_length) || tp < 1 || cp < 1)
        return NOT_APPLICABLE;
    if (job->seq_length / cp % tp == 0)
        return HOLDS;
    finding_fix(walk, finding, "--seq-length %" PRId64,
                (job->seq_length / (2 * cp * tp) + 1) * 2 * cp * tp);
    return violated(walk, finding,
                    "sequence parallelism cannot split %" PRId64 " tokens%s over TP = %" PRId64,
                    job->seq_length / cp, cp > 1 ? " of a context parallel rank" : "", tp);
}

static enum answer moe_tp_needs_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || job->tensor_model_parallel_size <= 1 || is_on(job->skip_train))
        return NOT_APPLICABLE;
    if (is_on(job->sequence_parallel))
        return HOLDS;
    return violated(walk, finding,
                    "layers with experts train on TP = %" PRId64 " only with sequence parallelism, which "
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
    return violated(walk, finding, "--moe-router-topk %" PRId64 " is more than the %" PRId64 " experts",
                    job->moe_router_topk, job->num_experts);
}

static enum answer group_topk_divides(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t groups = job->moe_router_num_groups, chosen = job->moe_router_group_topk;

    if (!has_experts(walk) || !is_nonzero(groups) || !is_nonzero(chosen) ||
        !is_set(job->moe_router_topk))
        return NOT_APPLICABLE;
    if (job->moe_router_topk / chosen <= job->num_experts / groups)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " experts of each of %" PRId64 " groups are wanted, but a group has %" PRId64,
                    job->moe_router_topk / chosen, chosen, job->num_experts / groups);
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
    return violated(walk, finding, "experts have a fused activation for SwiGLU and quick-GEGLU only, and "
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
    return violated(walk, finding, "--moe-apply-probs-on-input works with --moe-router-topk 1, not %" PRId64,
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
        return violated(walk, finding, "quantile balancing does not work with --moe-router-fusion");
    if (is_set(job->moe_router_num_groups) || is_set(job->moe_router_group_topk))
        return violated(walk, finding, "quantile balancing does not work with router groups");
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
    if (!package_lacks(te, version))
        return HOLDS;
    return violated(walk, finding, "--moe-router-fusion needs Transformer Engine %s, %s is installed",
                    version, package_text(te));
}

static enum answer latent_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_experts(walk) || !is_nonzero(job->moe_latent_size) ||
        !is_set(job->moe_shared_expert_intermediate_size))
        return NOT_APPLICABLE;
    if (!is_on(job->moe_shared_expert_overlap))
        return HOLDS;
    return violated(walk, finding, "--moe-shared-expert-overlap does not work with --moe-latent-size "
                                   "%" PRId64,
                    job->moe_latent_size);
}

static enum answer mtp_full_uniform(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->mtp_num_layers) || !is_word(job->recompute_granularity, "full") ||
        !is_word(job->recompute_method, "uniform"))
        return NOT_APPLICABLE;
    if (job->recompute_num_layers == 1)
        return HOLDS;
    return violated(walk, finding, "MTP layers are recomputed one by one, not in groups of %" PRId64,
                    job->recompute_num_layers);
}

static bool known_exchange(const char *name)
{
    static const char *const names[] = { "p2p", "all_gather", "a2a", "a2a+p2p", "allgather" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool te_context_parallel(const struct walk *walk)
{
    return walk->job->context_parallel_size > 1 && trainer_kind(walk) != TRAINER_OTHER &&
           is_word(walk->job->transformer_impl, "transformer_engine") &&
           !is_word(walk->job->experimental_attention_variant, "dsa");
}

static enum answer cp_value_names(struct walk *walk, struct finding *finding)
{
    const struct list *types = &walk->job->cp_comm_type;

    if (!te_context_parallel(walk))
        return NOT_APPLICABLE;
    for (int i = 0; i < types->count; i++)
        if (!known_exchange(types->item[i]))
            return violated(walk, finding, "--cp-comm-type '%s' is none of p2p, all_gather, a2a, a2a+p2p",
                            types->item[i]);
    return HOLDS;
}

/* Ranks that exchange heads: all of CP, or the inner level of two. */
static int64_t head_exchange_ranks(const struct job *job)
{
    if (list_has(&job->cp_comm_type, "a2a"))
        return job->context_parallel_size;
    if (list_has(&job->cp_comm_type, "a2a+p2p") && job->hierarchical_context_parallel_sizes.count > 0)
        return strtoll(job->hierarchical_context_parallel_sizes.item[0], NULL, 10);
    return 1;
}

static enum answer cp_a2a_heads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ranks = head_exchange_ranks(job), tp = job->tensor_model_parallel_size;
    int64_t heads, groups;

    if (!te_context_parallel(walk) || ranks <= 1 || tp < 1 || !is_set(job->num_attention_heads) ||
        !is_set(job->num_query_groups))
        return NOT_APPLICABLE;
    heads = job->num_attention_heads / tp;
    groups = is_on(job->multi_latent_attention) ? heads
             : job->num_query_groups < tp       ? 1
                                                : job->num_query_groups / tp;
    if (heads % ranks == 0 && groups % ranks == 0)
        return HOLDS;
    finding->fix = "--cp-comm-type p2p";
    return violated(walk, finding,
                    "--cp-comm-type a2a cannot share the %" PRId64 " heads and %" PRId64
                    " key-value heads of a rank between %" PRId64 " context parallel ranks",
                    heads, groups, ranks);
}

static enum answer cp_window(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct list *types = &job->cp_comm_type;

    if (!te_context_parallel(walk) || job->window_size.count < 0)
        return NOT_APPLICABLE;
    for (int i = 0; i < types->count; i++)
        if (strcmp(types->item[i], "a2a") != 0 && strcmp(types->item[i], "all_gather") != 0)
            return violated(walk, finding, "--window-size with CP = %" PRId64
                                           " works with --cp-comm-type a2a or all_gather, not '%s'",
                            job->context_parallel_size, types->item[i]);
    return HOLDS;
}

static enum answer sft(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->sft))
        return NOT_APPLICABLE;
    if (job->create_attention_mask_in_dataloader == 1) {
        finding->fix = "add --no-create-attention-mask-in-dataloader";
        return violated(walk, finding, "--sft makes no attention masks, but the data loader is to make "
                                       "them");
    }
    if (is_on(job->reset_attention_mask) || is_on(job->reset_position_ids))
        return violated(walk, finding, "--sft does not work with %s",
                        is_on(job->reset_attention_mask) ? "--reset-attention-mask"
                                                         : "--reset-position-ids");
    return HOLDS;
}

/* Micro-batches of an evaluation step, 0: none or not known. */
static int64_t evaluation_micro_batches(const struct walk *walk)
{
    const struct job *job = walk->job;
    int64_t pass = samples_an_evaluation_pass(job);
    int64_t batch = value_or(job->eval_global_batch_size, job->global_batch_size);

    if (!interleaved(job) || pass == 0 || !is_set(batch) ||
        (!is_on(job->full_validation) && job->eval_iters == 0))
        return 0;
    return batch / pass;
}

static enum answer evaluation_group(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = evaluation_micro_batches(walk);

    return micro_batches ? interleave(walk, finding, micro_batches, "an evaluation step")
                         : NOT_APPLICABLE;
}

static enum answer evaluation_remainder(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = evaluation_micro_batches(walk);

    return micro_batches ? remainder_of(walk, finding, micro_batches, "an evaluation step")
                         : NOT_APPLICABLE;
}

#define CHUNKS                                                                                      \
    "--num-virtual-stages-per-pipeline-rank --num-layers-per-virtual-pipeline-stage "              \
    "--pipeline-model-parallel-layout --pipeline-model-parallel-size "
#define GROUP "--microbatch-group-size-per-virtual-pipeline-stage "
#define GRID "world-divides-model gbs-divisible microbatches-min mbs-required "

static const struct rule rows[] = {
    { .id = "eval-interval", .stage = STAGE_DATA, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0, .until = RELEASE_0_15_0, .check = eval_interval,
      .options = "--eval-interval", .what = "--eval-interval is not 0",
      .why = "The number of evaluations is training's length divided by it.",
      .fix = "--eval-interval 1000" },
    { .id = "eval-interval", .stage = STAGE_DATA, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0, .until = RELEASE_MAIN, .check = eval_interval,
      .options = "--eval-interval", .what = "--eval-interval is given, unless --full-validation",
      .why = "The number of evaluations is training's length divided by it; the default went with 0.16.",
      .fix = "add --eval-interval 1000" },
    { .id = "full-val", .stage = STAGE_DATA, .severity = SEVERITY_ERROR, .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN, .check = full_validation,
      .options = "--multiple-validation-sets --full-validation",
      .what = "--multiple-validation-sets needs --full-validation",
      .why = "Partial evaluation counts samples of one set.", .fix = "add --full-validation" },
    { .id = "fast-cache", .stage = STAGE_DATA, .severity = SEVERITY_ERROR, .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN, .check = fast_cache,
      .options = "--dataloader-fast-cache-load --dataloader-defer-npy-index-mmap --data-cache-path "
                 "--data-path",
      .what = "fast loading of data indices needs --data-cache-path and separate data sets",
      .why = "It trusts what the cache holds.", .fix = "add --data-cache-path" },
    { .id = "split-perset", .stage = STAGE_DATA, .severity = SEVERITY_ERROR, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .check = split_per_set,
      .options = "--split --train-data-path --valid-data-path --test-data-path",
      .what = "data given for each set excludes --split", .why = "There is nothing left to split.",
      .fix = "drop --split" },
    { .id = "data-required", .stage = STAGE_DATA, .severity = SEVERITY_ERROR, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .check = data_required, .options = "--data-path --mock-data",
      .what = "training data or --mock-data is given",
      .why = "Without any the real data set is built and fails.", .fix = "add --mock-data" },

    { .id = "interleave-m-pp", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0, .until = RELEASE_0_9_0, .check = interleave_old, .shape = true,
      .options = CHUNKS "--global-batch-size", .needs = GRID,
      .what = "with model chunks the micro-batches of a step are a multiple of PP",
      .why = "The interleaved schedule works on groups of PP.", .fix = "another --global-batch-size" },
    { .id = "interleave-group", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = interleave_group, .shape = true,
      .options = CHUNKS GROUP "--global-batch-size --micro-batch-size", .needs = GRID "vpp-pp-min",
      .what = "PP <= micro-batches a group <= micro-batches a step, with model chunks",
      .why = "A group is PP micro-batches unless told otherwise.",
      .fix = "a larger --global-batch-size, or no model chunks" },
    { .id = "interleave-remainder", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = interleave_remainder, .shape = true,
      .options = CHUNKS GROUP "--global-batch-size --micro-batch-size",
      .needs = GRID "vpp-pp-min interleave-group",
      .what = "the last group of micro-batches is full or has at least PP of them",
      .why = "Fewer would leave ranks waiting for each other.", .fix = "another --global-batch-size" },
    { .id = "sp-seq-divisible", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0, .until = RELEASE_MAIN, .check = sequence_tp, .shape = true,
      .options = "--seq-length --sequence-parallel --tensor-model-parallel-size "
                 "--context-parallel-size",
      .needs = "cp-seq", .what = "--seq-length / CP is a multiple of TP under sequence parallelism",
      .why = "Tokens are split over tensor-parallel ranks.", .fix = "another --seq-length" },
    { .id = "moe-tp-needs-sp", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0, .until = RELEASE_MAIN, .check = moe_tp_needs_sp,
      .options = "--tensor-model-parallel-size --num-experts", .needs = "ep-tp-sp-warn",
      .what = "training experts with TP > 1 needs --sequence-parallel",
      .why = "Refused in the first forward pass, after everything is set up.",
      .fix = "add --sequence-parallel" },
    { .id = "topk-le-experts", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0, .until = RELEASE_MAIN, .check = topk_le_experts,
      .options = "--moe-router-topk --num-experts", .what = "--moe-router-topk is at most --num-experts",
      .why = "A token goes to different experts.", .fix = "a smaller --moe-router-topk" },
    { .id = "group-topk-divides", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0, .until = RELEASE_MAIN, .check = group_topk_divides,
      .options = "--moe-router-topk --moe-router-group-topk --moe-router-num-groups",
      .needs = "group-topk topk-le-experts",
      .what = "each chosen group has the experts wanted from it",
      .why = "--moe-router-topk / --moe-router-group-topk come from each group.",
      .fix = "fewer --moe-router-num-groups, or more --moe-router-group-topk" },
    { .id = "sinkhorn-aux", .stage = STAGE_STEP, .severity = SEVERITY_ERROR, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .check = sinkhorn_aux,
      .options = "--moe-router-load-balancing-type --moe-aux-loss-coeff",
      .what = "sinkhorn excludes --moe-aux-loss-coeff", .why = "It balances by itself.",
      .fix = "drop --moe-aux-loss-coeff" },
    { .id = "quantile-balancing", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0, .until = RELEASE_MAIN, .check = quantile_balancing,
      .options = "--moe-router-load-balancing-type --moe-router-fusion --moe-router-num-groups",
      .what = "quantile balancing excludes router fusion and groups",
      .why = "It looks at all scores of a sequence.", .fix = "another load balancing" },
    { .id = "router-fusion-te", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0, .until = RELEASE_MAIN, .check = router_fusion,
      .options = "--moe-router-fusion",
      .what = "--moe-router-fusion needs Transformer Engine 2.6 (2.13 for sqrtsoftplus)",
      .why = "The kernels are its own.", .fix = "drop --moe-router-fusion" },
    { .id = "latent-overlap", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0, .until = RELEASE_MAIN, .check = latent_overlap,
      .options = "--moe-latent-size --moe-shared-expert-overlap",
      .what = "--moe-latent-size excludes --moe-shared-expert-overlap",
      .why = "Shared experts do not work on latents.", .fix = "drop --moe-shared-expert-overlap" },
    { .id = "te-grouped-act", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0, .until = RELEASE_MAIN, .check = expert_activation,
      .options = "--moe-grouped-gemm --num-experts --swiglu --no-bias-gelu-fusion",
      .needs = "moe-bias-etp te-grouped-bias act-fusion-kind op-fuser-moe",
      .what = "the fused activation of experts is SwiGLU or quick-GEGLU",
      .why = "Fusion is on by default and takes routing weights along.",
      .fix = "--no-bias-gelu-fusion, or --swiglu" },
    { .id = "apply-probs-topk1", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0, .until = RELEASE_MAIN, .check = probs_on_input,
      .options = "--moe-apply-probs-on-input --moe-router-topk",
      .what = "--moe-apply-probs-on-input needs --moe-router-topk 1",
      .why = "Inputs go to several experts otherwise.", .fix = "drop --moe-apply-probs-on-input" },
    { .id = "mtp-full-uniform", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0, .until = RELEASE_MAIN, .check = mtp_full_uniform,
      .options = "--recompute-num-layers --mtp-num-layers", .needs = "recompute-full-layers",
      .what = "full uniform recomputation with MTP needs --recompute-num-layers 1",
      .why = "A depth is one layer.", .fix = "--recompute-num-layers 1" },
    { .id = "cp-value-names", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = cp_value_names,
      .options = "--cp-comm-type", .needs = "cp-comm-len",
      .what = "--cp-comm-type is p2p, all_gather, a2a or a2a+p2p",
      .why = "The parser takes any word, Transformer Engine does not.", .fix = "--cp-comm-type p2p" },
    { .id = "cp-a2a-heads", .stage = STAGE_STEP, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = cp_a2a_heads,
      .options = "--cp-comm-type --context-parallel-size --num-attention-heads --num-query-groups "
                 "--tensor-model-parallel-size",
      .needs = "cp-value-names tp-divides-heads gqa-tp gqa-tp-old gqa-divides-heads",
      .what = "with --cp-comm-type a2a heads and groups of a rank are multiples of CP",
      .why = "Transformer Engine exchanges whole heads.", .fix = "--cp-comm-type p2p" },
    { .id = "cp-window", .stage = STAGE_STEP, .severity = SEVERITY_ERROR, .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN, .check = cp_window, .needs = "cp-value-names",
      .options = "--window-size --context-parallel-size --cp-comm-type",
      .what = "--window-size with context parallelism needs --cp-comm-type a2a or all_gather",
      .why = "Transformer Engine's ring does not know windows.", .fix = "--cp-comm-type a2a" },
    { .id = "sft", .stage = STAGE_STEP, .severity = SEVERITY_ERROR, .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN, .check = sft,
      .options = "--sft --no-create-attention-mask-in-dataloader --reset-attention-mask "
                 "--reset-position-ids",
      .what = "--sft excludes attention masks from the data loader and resets within a sample",
      .why = "Samples are packed with their lengths.", .fix = "drop the option" },

    { .id = "interleave-group", .stage = STAGE_EVAL, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = evaluation_group, .shape = true,
      .options = CHUNKS GROUP "--eval-global-batch-size --eval-micro-batch-size",
      .needs = GRID "vpp-pp-min eval-gbs-divisible interleave-group",
      .what = "evaluation has enough micro-batches to fill the pipeline",
      .why = "It runs the schedule of training with its own batch.",
      .fix = "a larger --eval-global-batch-size" },
    { .id = "interleave-remainder", .stage = STAGE_EVAL, .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0, .until = RELEASE_MAIN, .check = evaluation_remainder, .shape = true,
      .options = CHUNKS GROUP "--eval-global-batch-size --eval-micro-batch-size",
      .needs = GRID "vpp-pp-min eval-gbs-divisible interleave-group interleave-remainder",
      .what = "the last group of evaluation's micro-batches is full or has at least PP of them",
      .why = "It runs the schedule of training with its own batch.",
      .fix = "another --eval-global-batch-size" },
};

const struct rule_section run_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
