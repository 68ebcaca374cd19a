/* What validate_args asks of a reinforcement learning step (--perform-rl-step): inference engines
 * and graphs after the ranks are known, batch sizes after the batch. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static enum answer rl_graphs(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step))
        return NOT_APPLICABLE;
    if ((!is_on(job->rl_persist_cuda_graphs) && !is_on(job->rl_training_cuda_graphs)) ||
        !is_word(job->cuda_graph_impl, "none"))
        return HOLDS;
    return violated_at(walk, finding, !is_on(job->rl_persist_cuda_graphs),
                       "%s has no CUDA graphs: --cuda-graph-impl is none",
                       is_on(job->rl_persist_cuda_graphs) ? "--rl-persist-cuda-graphs"
                                                          : "--rl-training-cuda-graphs");
}

static enum answer rl_kv_offload(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || !is_word(job->rl_kv_cache_management_mode, "offload"))
        return NOT_APPLICABLE;
    if (!is_on(job->rl_persist_cuda_graphs))
        return violated_at(walk, finding, 0,
                           "an offloaded KV cache is lost when CUDA graphs are captured "
                           "again: no --rl-persist-cuda-graphs");
    if (is_nonzero(job->inference_dynamic_batching_unified_memory_level))
        return violated_at(walk, finding, 1,
                           "the KV cache is offloaded twice: by hand and by unified memory");
    return HOLDS;
}

static enum answer rl_kv_offload_uvm(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->rl_offload_kv_cache_during_training))
        return NOT_APPLICABLE;
    if (!is_nonzero(job->inference_dynamic_batching_unified_memory_level))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "the KV cache is offloaded twice: by hand and by unified memory");
}

static enum answer rl_kv_once(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || !is_on(job->rl_remove_kv_cache_during_training))
        return NOT_APPLICABLE;
    if (is_on(job->rl_offload_kv_cache_during_training))
        return violated_at(walk, finding, 0, "the KV cache cannot be both removed and offloaded");
    if (is_on(job->rl_partial_rollouts))
        return violated_at(walk, finding, 1,
                           "partial rollouts need the KV cache that training removes");
    return HOLDS;
}

static enum answer rl_weights_uvm(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || !is_on(job->rl_offload_inference_model_weights_when_idle))
        return NOT_APPLICABLE;
    if (job->rl_inference_model_unified_memory_level == 1)
        return HOLDS;
    return violated(walk, finding,
                    "idle inference weights are offloaded through unified memory, "
                    "which is at level %" PRId64,
                    job->rl_inference_model_unified_memory_level);
}

static enum answer rl_legacy_gemm(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ep = job->rl_inference_expert_model_parallel_size;

    if (!is_on(job->perform_rl_step) || !is_set(ep) || ep == job->expert_model_parallel_size)
        return NOT_APPLICABLE;
    if (!is_on(job->moe_use_legacy_grouped_gemm))
        return HOLDS;
    return violated(walk, finding,
                    "the legacy grouped GEMM cannot change expert parallelism from "
                    "%" PRId64 " in training to %" PRId64 " in inference",
                    job->expert_model_parallel_size, ep);
}

/* Generations ahead of training: by batches (lag) or, on main, by requests in flight. */
static void rl_lag(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t batch = value_or(job->grpo_prompts_per_step, 0) * value_or(job->grpo_group_size, 0);

    if (!is_on(job->perform_rl_step))
        return;
    if (is_set(job->rl_max_inflight_requests) && batch > 0)
        job->rl_generation_lag = (double)job->rl_max_inflight_requests / (double)batch - 1;
    else if (is_none_float(job->rl_generation_lag) && !is_on(job->rl_partial_rollouts))
        job->rl_generation_lag = 0;
}

static enum answer rl_inflight(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || !is_set(job->rl_max_inflight_requests))
        return NOT_APPLICABLE;
    if (!is_none_float(job->rl_generation_lag))
        return violated_at(
            walk, finding, 0,
            "--rl-max-inflight-requests and --rl-generation-lag say the same thing twice");
    if (job->rl_max_inflight_requests >= 1)
        return HOLDS;
    return violated_at(walk, finding, 1, "%" PRId64 " requests in flight generate nothing",
                       job->rl_max_inflight_requests);
}

static enum answer rl_lag_partial(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || is_none_float(job->rl_generation_lag))
        return NOT_APPLICABLE;
    if (walk->release == RELEASE_MAIN && job->rl_generation_lag < -1)
        return violated_at(walk, finding, 0, "a generation lag of %g is below -1",
                           job->rl_generation_lag);
    if (job->rl_generation_lag <= 0 || is_on(job->rl_partial_rollouts))
        return HOLDS;
    return violated_at(walk, finding, 1, "a generation lag of %g needs --rl-partial-rollouts",
                       job->rl_generation_lag);
}

static enum answer rl_granularity(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *submit = job->rl_submission_granularity;

    if (!is_on(job->perform_rl_step) || !submit)
        return NOT_APPLICABLE;
    if (!is_on(job->rl_partial_rollouts) && !is_word(submit, "B") &&
        (walk->release == RELEASE_MAIN || is_word(submit, "R")))
        return violated_at(walk, finding, 0,
                           "'--rl-submission-granularity %s' needs --rl-partial-rollouts", submit);
    if (is_word(job->rl_consumption_granularity, "R"))
        return violated_at(walk, finding, 1, "'--rl-consumption-granularity R' is not implemented");
    if (is_word(submit, "B") && is_word(job->rl_consumption_granularity, "G"))
        return violated_at(walk, finding, 2,
                           "batches are submitted whole and cannot be consumed by group");
    return HOLDS;
}

static enum answer rl_generations(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t generations = job->rl_num_parallel_generations;
    bool ahead = is_set(generations) || is_set(job->rl_num_parallel_generation_batches);

    if (!is_on(job->perform_rl_step))
        return NOT_APPLICABLE;
    if (is_set(generations) && is_set(job->rl_parallel_generation_tasks))
        return violated_at(walk, finding, 0,
                           "--rl-num-parallel-generations and "
                           "--rl-parallel-generation-tasks say the same thing twice");
    if (is_set(job->rl_num_parallel_generation_batches) &&
        (is_set(generations) || is_set(job->rl_parallel_generation_tasks)))
        return violated_at(walk, finding, 1,
                           "--rl-num-parallel-generation-batches comes with another "
                           "number of parallel generations");
    if ((ahead || is_set(job->rl_parallel_generation_tasks)) && !is_on(job->rl_partial_rollouts))
        return violated_at(walk, finding,
                           is_set(generations) || is_set(job->rl_parallel_generation_tasks) ? 2 : 4,
                           "parallel generations need --rl-partial-rollouts");
    if (is_set(generations) && is_nonzero(job->grpo_group_size) &&
        floor_mod(generations, job->grpo_group_size) != 0)
        return violated_at(walk, finding, 3,
                           "%" PRId64 " parallel generations are not a multiple of "
                           "--grpo-group-size %" PRId64,
                           generations, job->grpo_group_size);
    return HOLDS;
}

static enum answer rl_packing(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->perform_rl_step) || !is_on(job->rl_use_sequence_packing))
        return NOT_APPLICABLE;
    if (walk->release == RELEASE_0_15_0) {
        if (!is_set(job->seq_length) || job->seq_length <= job->rl_sequence_packing_bin_size)
            return HOLDS;
        return violated_at(walk, finding, 0,
                           "a sequence of %" PRId64 " does not fit a bin of %" PRId64,
                           job->seq_length, job->rl_sequence_packing_bin_size);
    }
    if (job->micro_batch_size == 1)
        return HOLDS;
    return violated_at(walk, finding, 1, "packed sequences need --micro-batch-size 1");
}

/* Samples one round of inference generates for training. */
static int64_t rl_samples(const struct job *job)
{
    return value_or(job->grpo_prompts_per_step, 0) * value_or(job->grpo_group_size, 0) *
           value_or(job->grpo_iterations, 0);
}

static enum answer rl_batch(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t samples = rl_samples(job);

    if (!is_on(job->perform_rl_step))
        return NOT_APPLICABLE;
    if (!is_set(job->global_batch_size))
        return walk->release >= RELEASE_0_17_0
                   ? NOT_APPLICABLE
                   : violated_at(walk, finding, 0,
                                 "reinforcement learning has no --global-batch-size");
    if (job->global_batch_size == 0 || floor_mod(samples, job->global_batch_size) == 0)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "%" PRId64 " generated samples (prompts x group x iterations) are "
                       "not a multiple of the global batch of %" PRId64,
                       samples, job->global_batch_size);
}

static enum answer rl_intervals(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t steps;

    if (!is_on(job->perform_rl_step) || !is_nonzero(job->global_batch_size))
        return NOT_APPLICABLE;
    steps = floor_div(rl_samples(job), job->global_batch_size);
    if (steps == 0)
        return NOT_APPLICABLE;
    if (is_set(job->exit_interval) && floor_mod(job->exit_interval, steps) != 0)
        return violated_at(walk, finding, 0,
                           "--exit-interval %" PRId64 " is not a multiple of the "
                           "%" PRId64 " steps one round of inference feeds",
                           job->exit_interval, steps);
    if (is_set(job->save_interval) && floor_mod(job->save_interval, steps) != 0)
        return violated_at(walk, finding, 1,
                           "--save-interval %" PRId64 " is not a multiple of the "
                           "%" PRId64 " steps one round of inference feeds",
                           job->save_interval, steps);
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "rl-graphs",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--rl-persist-cuda-graphs --rl-training-cuda-graphs --cuda-graph-impl",
      .check = rl_graphs,
      .what = "reinforcement learning keeps CUDA graphs only if it has some",
      .why = "Inference and training share one model; graphs hold its addresses.",
      .fix = "--cuda-graph-impl local" },
    { .id = "rl-kv-offload",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_16_0,
      .options = "--rl-offload-kv-cache-during-training "
                 "--inference-dynamic-batching-unified-memory-level",
      .check = rl_kv_offload_uvm,
      .what = "an offloaded KV cache is not in unified memory",
      .why = "Unified memory moves the cache by itself.",
      .fix = "--inference-dynamic-batching-unified-memory-level 0" },
    { .id = "rl-kv-offload",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--rl-kv-cache-management-mode --rl-persist-cuda-graphs "
                 "--inference-dynamic-batching-unified-memory-level",
      .check = rl_kv_offload,
      .what = "an offloaded KV cache keeps its graphs and is not in unified memory",
      .why = "Inference and training share one model; graphs hold its addresses.",
      .fix = "--rl-persist-cuda-graphs, or --rl-kv-cache-management-mode persist" },
    { .id = "rl-kv-once",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_0_16_0,
      .options = "--rl-remove-kv-cache-during-training --rl-offload-kv-cache-during-training "
                 "--rl-partial-rollouts",
      .check = rl_kv_once,
      .what = "a KV cache removed for training is neither offloaded nor used by partial "
              "rollouts",
      .why = "A removed cache cannot be continued.",
      .fix = "remove --rl-remove-kv-cache-during-training" },
    { .id = "rl-weights-uvm",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_16_0,
      .options = "--rl-offload-inference-model-weights-when-idle "
                 "--rl-inference-model-unified-memory-level",
      .check = rl_weights_uvm,
      .what = "idle inference weights are offloaded through unified memory",
      .why = "Addresses must stay the same.",
      .fix = "--rl-inference-model-unified-memory-level 1" },
    { .id = "rl-legacy-gemm",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_16_0,
      .options = "--moe-use-legacy-grouped-gemm --rl-inference-expert-model-parallel-size",
      .check = rl_legacy_gemm,
      .what = "the legacy grouped GEMM keeps one expert parallel size",
      .why = "Its weights cannot be reshaped for inference.",
      .fix = "remove --moe-use-legacy-grouped-gemm" },
    { .id = "rl-inflight",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .options = "--rl-max-inflight-requests --rl-generation-lag",
      .check = rl_inflight,
      .what = "--rl-max-inflight-requests is at least 1 and replaces --rl-generation-lag",
      .why = "Both say how far generation runs ahead.",
      .fix = "remove one of the two" },
    { .id = "rl-generation-lag",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = rl_lag,
      .what = "--rl-max-inflight-requests sets the generation lag",
      .why = "Requests in flight / requests a batch - 1; 0 without partial rollouts." },
    { .id = "rl-lag-partial",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--rl-generation-lag --rl-max-inflight-requests --rl-partial-rollouts",
      .needs = "rl-inflight",
      .check = rl_lag_partial,
      .what = "generating ahead of training needs --rl-partial-rollouts",
      .why = "Rollouts then span steps of training.",
      .fix = "--rl-partial-rollouts" },
    { .id = "rl-granularity",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--rl-submission-granularity --rl-consumption-granularity --rl-partial-rollouts",
      .check = rl_granularity,
      .what = "submission and consumption of rollouts fit together",
      .why = "Only some combinations are implemented.",
      .fix = "--rl-submission-granularity B --rl-consumption-granularity B" },
    { .id = "rl-generations",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_0_18_2,
      .options = "--rl-num-parallel-generations --rl-parallel-generation-tasks "
                 "--rl-num-parallel-generation-batches --rl-partial-rollouts",
      .check = rl_generations,
      .what = "one number of parallel generations, with partial rollouts",
      .why = "Three options say how many run at a time.",
      .fix = "keep one of the options" },
    { .id = "rl-batch",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_0_16_0,
      .options = "--global-batch-size --grpo-prompts-per-step --grpo-group-size "
                 "--grpo-iterations",
      .check = rl_batch,
      .what = "generated samples are a multiple of the global batch",
      .why = "A round of inference feeds a whole number of steps.",
      .fix = "a --global-batch-size that divides prompts x group x iterations" },
    { .id = "rl-intervals",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_0_16_0,
      .options = "--exit-interval --save-interval",
      .needs = "rl-batch",
      .check = rl_intervals,
      .what = "exit and save intervals are multiples of the steps of one round",
      .why = "Checkpoints are written between rounds only.",
      .fix = "a multiple of the steps of one round" },
    { .id = "rl-packing",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--rl-use-sequence-packing --micro-batch-size",
      .check = rl_packing,
      .what = "packed sequences need a micro batch of 1 (0.15: fit their bin)",
      .why = "A packed bin is a micro batch.",
      .fix = "--micro-batch-size 1" },
};

static const struct rule batch_rows[] = {
    { .id = "rl-batch",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--global-batch-size --grpo-prompts-per-step --grpo-group-size "
                 "--grpo-iterations",
      .needs = "gbs-positive",
      .check = rl_batch,
      .what = "generated samples are a multiple of the global batch",
      .why = "A round of inference feeds a whole number of steps.",
      .fix = "a --global-batch-size that divides prompts x group x iterations" },
    { .id = "rl-intervals",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--exit-interval --save-interval",
      .needs = "rl-batch",
      .check = rl_intervals,
      .what = "exit and save intervals are multiples of the steps of one round",
      .why = "Checkpoints are written between rounds only.",
      .fix = "a multiple of the steps of one round" },
};

const struct rule_section validate_rl_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
const struct rule_section validate_rl_batch_rules = { batch_rows,
                                                      sizeof(batch_rows) / sizeof(batch_rows[0]) };
