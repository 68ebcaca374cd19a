/* What Megatron does with the user's words without saying it loudly: options that nothing reads,
 * and values that it replaces. Notes only; each looks at what was given on the command line. */
#include <inttypes.h>
#include <stdlib.h>

#include "megatron/layer_pattern.h"
#include "rules/micro_batches.h"
#include "rules/sections.h"
#include "rules/truth.h"

static bool has_latents(const struct job *job)
{
    return is_on(job->multi_latent_attention);
}

static bool has_routing(const struct job *job)
{
    return is_nonzero(job->num_experts);
}

static bool runs_fp8(const struct job *job)
{
    return job->fp8 != NULL;
}

static bool runs_fp4(const struct job *job)
{
    return job->fp4 != NULL;
}

static bool shards_by_fsdp(const struct job *job)
{
    return is_on(job->use_megatron_fsdp) || is_on(job->use_custom_fsdp);
}

static bool offloads_optimizer(const struct job *job)
{
    return is_on(job->optimizer_cpu_offload);
}

static bool offloads_activations(const struct job *job)
{
    return is_on(job->fine_grained_activation_offloading);
}

static bool predicts_tokens(const struct job *job)
{
    return is_nonzero(job->mtp_num_layers);
}

static bool overlaps_reduction(const struct job *job)
{
    return is_on(job->overlap_grad_reduce);
}

static bool defers_embedding(const struct job *job)
{
    return is_on(job->defer_embedding_wgrad_compute);
}

static bool scales_rope(const struct job *job)
{
    return is_on(job->use_rope_scaling);
}

static bool saves(const struct job *job)
{
    return job->save != NULL;
}

static bool captures_graphs(const struct job *job)
{
    return (job->cuda_graph_impl && !is_word(job->cuda_graph_impl, "none")) ||
           is_on(job->enable_cuda_graph) || is_on(job->external_cuda_graph);
}

/* Options that are read only where something else is on. */
static const struct {
    enum job_field field;
    const char *option, *needed;
    bool (*read)(const struct job *);
} readers[] = {
    { JOB_q_lora_rank, "--q-lora-rank", "--multi-latent-attention", has_latents },
    { JOB_kv_lora_rank, "--kv-lora-rank", "--multi-latent-attention", has_latents },
    { JOB_qk_head_dim, "--qk-head-dim", "--multi-latent-attention", has_latents },
    { JOB_v_head_dim, "--v-head-dim", "--multi-latent-attention", has_latents },
    { JOB_moe_router_topk, "--moe-router-topk", "--num-experts", has_routing },
    { JOB_moe_grouped_gemm, "--moe-grouped-gemm", "--num-experts", has_routing },
    { JOB_moe_shared_expert_intermediate_size, "--moe-shared-expert-intermediate-size",
      "--num-experts", has_routing },
    { JOB_fp8_recipe, "--fp8-recipe", "--fp8-format", runs_fp8 },
    { JOB_fp4_recipe, "--fp4-recipe", "--fp4-format", runs_fp4 },
    { JOB_data_parallel_sharding_strategy, "--data-parallel-sharding-strategy",
      "--use-megatron-fsdp", shards_by_fsdp },
    { JOB_optimizer_offload_fraction, "--optimizer-offload-fraction", "--optimizer-cpu-offload",
      offloads_optimizer },
    { JOB_offload_modules, "--offload-modules", "--fine-grained-activation-offloading",
      offloads_activations },
    { JOB_cuda_graph_scope, "--cuda-graph-scope", "CUDA graphs", captures_graphs },
    { JOB_cuda_graph_modules, "--cuda-graph-modules", "--cuda-graph-impl", captures_graphs },
    { JOB_mtp_loss_scaling_factor, "--mtp-loss-scaling-factor", "--mtp-num-layers",
      predicts_tokens },
    { JOB_ddp_bucket_size, "--ddp-bucket-size", "--overlap-grad-reduce", overlaps_reduction },
    { JOB_ddp_num_buckets, "--ddp-num-buckets", "--overlap-grad-reduce", overlaps_reduction },
    { JOB_wgrad_deferral_limit, "--wgrad-deferral-limit", "--defer-embedding-wgrad-compute",
      defers_embedding },
    { JOB_rope_scaling_factor, "--rope-scaling-factor", "--use-rope-scaling", scales_rope },
    { JOB_save_interval, "--save-interval", "--save", saves },
};

static const char *joined(struct walk *walk, const char *list, const char *between,
                          const char *text)
{
    return list ? arena_printf(walk->arena, "%s%s%s", list, between, text) : text;
}

static enum answer read_by_nobody(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *options = NULL, *text = NULL;

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (!job_given(job, readers[i].field) || readers[i].read(job))
            continue;
        options = joined(walk, options, " ", readers[i].option);
        text = joined(
            walk, text, ", ",
            arena_printf(walk->arena, "%s without %s", readers[i].option, readers[i].needed));
    }
    if (!text)
        return NOT_APPLICABLE;
    finding->options = options;
    return violated(walk, finding, "read by nobody: %s", text);
}

/* Options that the parser still takes. */
static const struct {
    enum job_field field;
    enum release since;
    const char *option, *instead;
} leftovers[] = {
    { JOB_deprecated_use_mcore_models, RELEASE_0_8_0, "--use-mcore-models", "always so" },
    { JOB_use_dist_ckpt_deprecated, RELEASE_0_9_0, "--use-dist-ckpt", "--ckpt-format decides" },
    { JOB_dist_ckpt_format_deprecated, RELEASE_0_9_0, "--dist-ckpt-format",
      "--ckpt-format decides" },
    { JOB_ckpt_fully_parallel_save_deprecated, RELEASE_0_8_0, "--ckpt-fully-parallel-save",
      "always so" },
    { JOB_disable_msc_deprecated, RELEASE_0_18_2, "--disable-msc", "off unless --enable-msc" },
};

static enum answer without_effect(struct walk *walk, struct finding *finding)
{
    const char *options = NULL, *text = NULL;

    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        if (walk->release < leftovers[i].since || !job_given(walk->job, leftovers[i].field))
            continue;
        options = joined(walk, options, " ", leftovers[i].option);
        text =
            joined(walk, text, ", ",
                   arena_printf(walk->arena, "%s (%s)", leftovers[i].option, leftovers[i].instead));
    }
    if (!text)
        return NOT_APPLICABLE;
    finding->options = options;
    return violated(walk, finding, "taken, and without effect: %s", text);
}

static enum answer sequence_parallel_off(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job_given(job, JOB_sequence_parallel))
        return NOT_APPLICABLE;
    if (job->tensor_model_parallel_size != 1)
        return HOLDS;
    return violated(walk, finding, "--sequence-parallel is switched off, because TP is 1");
}

/* The value as typed; NULL: not on the command line. */
static const char *typed(const struct walk *walk, enum job_field field)
{
    int index = walk->job->place[field].index;
    const char *equals;

    if (index < 0 || !walk->launch || index >= walk->launch->argc)
        return NULL;
    equals = strchr(walk->launch->argv[index], '=');
    if (equals)
        return equals + 1;
    return index + 1 < walk->launch->argc ? walk->launch->argv[index + 1] : NULL;
}

static enum answer selective_after_all(struct walk *walk, struct finding *finding)
{
    if (!job_given(walk->job, JOB_recompute_activations) ||
        !is_word(typed(walk, JOB_recompute_granularity), "full"))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--recompute-activations makes recomputation selective, although "
                    "--recompute-granularity says full");
}

static enum answer batch_rounded(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t batch = job->global_batch_size, pass = samples_a_pass(job);

    if (!is_on(job->decrease_batch_size_if_needed) || !is_set(batch) || pass <= 0)
        return NOT_APPLICABLE;
    if (batch % pass == 0)
        return HOLDS;
    return violated(walk, finding,
                    "a step takes %" PRId64 " samples, not --global-batch-size %" PRId64,
                    batch - batch % pass, batch);
}

static enum answer pattern_counts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *text =
        job->hybrid_layer_pattern ? job->hybrid_layer_pattern : job->hybrid_override_pattern;
    const char *given = typed(walk, JOB_num_layers);
    struct hybrid_pattern pattern = hybrid_pattern_of(text);

    if (!text || !given)
        return NOT_APPLICABLE;
    if (strtoll(given, NULL, 10) == pattern.layers)
        return HOLDS;
    return violated(walk, finding,
                    "the hybrid pattern has %" PRId64 " layers, --num-layers %s is ignored",
                    pattern.layers, given);
}

static enum answer saves_in_line(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job_given(job, JOB_async_save) || !is_on(job->use_dist_ckpt))
        return NOT_APPLICABLE;
    if (is_on(job->use_persistent_ckpt_worker))
        return HOLDS;
    return violated(walk, finding,
                    "--async-save is switched off without --use-persistent-ckpt-worker");
}

static const struct rule rows[] = {
    { .id = "option-unread",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = read_by_nobody,
      .options = "--q-lora-rank --kv-lora-rank --qk-head-dim "
                 "--v-head-dim --moe-router-topk --moe-grouped-gemm "
                 "--moe-shared-expert-intermediate-size --fp8-recipe --fp4-recipe "
                 "--data-parallel-sharding-strategy --optimizer-offload-fraction --offload-modules "
                 "--cuda-graph-scope --cuda-graph-modules --mtp-loss-scaling-factor "
                 "--ddp-bucket-size --ddp-num-buckets --wgrad-deferral-limit "
                 "--rope-scaling-factor --save-interval",
      .what = "options that belong to something are given with it",
      .why = "Megatron parses them and looks at them only where it is on.",
      .fix = "turn it on, or drop the option" },
    { .id = "option-leftover",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = without_effect,
      .options = "--use-mcore-models --use-dist-ckpt --dist-ckpt-format --ckpt-fully-parallel-save "
                 "--disable-msc",
      .what = "options that once did something are not given",
      .why = "The parser takes them so that old scripts start.",
      .fix = "drop it" },
    { .id = "sp-off",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = sequence_parallel_off,
      .options = "--sequence-parallel",
      .what = "--sequence-parallel needs TP > 1",
      .why = "With one rank there is nothing to share.",
      .fix = "drop --sequence-parallel" },
    { .id = "recompute-overridden",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = selective_after_all,
      .options = "--recompute-activations --recompute-granularity",
      .what = "--recompute-activations and --recompute-granularity are not given together",
      .why = "The first is an old name of 'selective' and comes last.",
      .fix = "drop --recompute-activations" },
    { .id = "batch-rounded",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .check = batch_rounded,
      .options = "--global-batch-size --decrease-batch-size-if-needed",
      .needs = "world-divides-model mbs-required gbs-positive microbatches-min",
      .what = "--global-batch-size is a multiple also with --decrease-batch-size-if-needed",
      .why = "The remainder is left out of every step; samples are counted as trained.",
      .fix = "a multiple of micro batch x DP" },
    { .id = "num-layers-ignored",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = pattern_counts,
      .options = "--num-layers --hybrid-layer-pattern",
      .needs = "hyb-symbols",
      .what = "--num-layers is the number of layers of the hybrid pattern",
      .why = "The pattern's wins.",
      .fix = "drop --num-layers" },
    { .id = "async-save-off",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = saves_in_line,
      .options = "--async-save --use-persistent-ckpt-worker",
      .what = "--async-save comes with --use-persistent-ckpt-worker",
      .why = "Training waits for every checkpoint otherwise.",
      .fix = "add --use-persistent-ckpt-worker" },
};

const struct rule_section ignored_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
