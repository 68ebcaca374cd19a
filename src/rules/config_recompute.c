/* Fourth part of TransformerConfig: what is recomputed, and what is kept on the host instead. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/module_names.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer cpu_offload_layers(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t layers = job->cpu_offloading_num_layers;

    if (!is_on(job->cpu_offloading) || !is_set(job->num_layers))
        return NOT_APPLICABLE;
    if (layers >= 0 && layers < job->num_layers)
        return HOLDS;
    finding_fix(walk, finding, "--cpu-offloading-num-layers %" PRId64 " or less",
                job->num_layers - 1);
    return violated(walk, finding,
                    "--cpu-offloading-num-layers %" PRId64 " leaves none of %" PRId64
                    " layers on the device",
                    layers, job->num_layers);
}

static enum answer cpu_offload_pp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->cpu_offloading))
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size <= 1)
        return HOLDS;
    return violated(walk, finding, "--cpu-offloading-num-layers does not work with PP = %" PRId64,
                    job->pipeline_model_parallel_size);
}

static enum answer cpu_offload_recompute(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->cpu_offloading))
        return NOT_APPLICABLE;
    if (!job->recompute_granularity)
        return HOLDS;
    return violated(walk, finding,
                    "--cpu-offloading-num-layers and %s recomputation both replace "
                    "saved activations",
                    job->recompute_granularity);
}

static enum answer full_method(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->recompute_granularity, "full"))
        return NOT_APPLICABLE;
    if (job->recompute_method)
        return HOLDS;
    if (!is_set(job->recompute_num_layers))
        finding->fix = "add --recompute-method uniform --recompute-num-layers 1";
    return violated(walk, finding, "--recompute-granularity full needs --recompute-method");
}

static enum answer full_layers(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->recompute_granularity, "full"))
        return NOT_APPLICABLE;
    if (is_set(job->recompute_num_layers))
        return HOLDS;
    return violated(walk, finding, "--recompute-granularity full needs --recompute-num-layers");
}

static enum answer selective_layers(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->recompute_granularity, "selective"))
        return NOT_APPLICABLE;
    if (!is_set(job->recompute_num_layers))
        return HOLDS;
    return violated(walk, finding,
                    "--recompute-num-layers %" PRId64
                    " has no meaning with selective recomputation",
                    job->recompute_num_layers);
}

static enum answer distributed_with_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->recompute_granularity || !is_on(job->distribute_saved_activations))
        return NOT_APPLICABLE;
    if (!is_on(job->sequence_parallel))
        return HOLDS;
    return violated_at(walk, finding, 10,
                       "--distribute-saved-activations splits what sequence parallelism "
                       "has already split");
}

static void recompute_modules_default(struct walk *walk)
{
    static const char *const core_attention[] = { "core_attn" };

    if (walk->job->recompute_modules.count < 0)
        walk->job->recompute_modules = (struct list) { .count = 1, .item = core_attention };
}

static bool selective(const struct job *job)
{
    return is_word(job->recompute_granularity, "selective");
}

static enum answer modules_set(struct walk *walk, struct finding *finding)
{
    const char *unknown;

    if (!selective(walk->job))
        return NOT_APPLICABLE;
    unknown = unknown_module(&walk->job->recompute_modules, MODULE_RECOMPUTE, walk->release);
    if (!unknown)
        return HOLDS;
    finding_fix(walk, finding, "modules of this release are %s",
                module_names(MODULE_RECOMPUTE, walk->release, walk->arena));
    return violated(walk, finding,
                    "--recompute-modules '%s' is not a module this release can recompute", unknown);
}

static enum answer recompute_moe_act(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_recomputed(walk->job, "moe_act"))
        return NOT_APPLICABLE;
    return is_on(walk->job->moe_grouped_gemm) ? HOLDS : VIOLATED;
}

static enum answer recompute_mla(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_recomputed(walk->job, "mla_up_proj"))
        return NOT_APPLICABLE;
    return is_on(walk->job->multi_latent_attention) ? HOLDS : VIOLATED;
}

static enum answer recompute_gdn(struct walk *walk, struct finding *finding)
{
    const char *variant = walk->job->experimental_attention_variant;

    (void)finding;
    if (!is_recomputed(walk->job, "gdn_norm_out"))
        return NOT_APPLICABLE;
    if (walk->release < RELEASE_MAIN)
        return is_word(variant, "gated_delta_net") ? HOLDS : VIOLATED;
    return is_word(variant, "gdn") || is_word(variant, "gdn2") ? HOLDS : VIOLATED;
}

static enum answer recompute_shared(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_recomputed(job, "shared_experts") || !is_set(job->moe_shared_expert_intermediate_size))
        return NOT_APPLICABLE;
    return is_on(job->moe_shared_expert_overlap) ? VIOLATED : HOLDS;
}

static enum answer recompute_fp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *module = is_recomputed(job, "moe_act") ? "moe_act" : "layernorm";

    if (!job->fp8 || !is_recomputed(job, module))
        return NOT_APPLICABLE;
    if (walk->release < RELEASE_0_14_0)
        return violated_at(walk, finding, 0,
                           "recomputing '%s' does not work with fp8 in this release", module);
    if (is_word(job->fp8_recipe, "delayed"))
        return violated_at(walk, finding, 1,
                           "recomputing '%s' does not work with delayed fp8 scaling", module);
    if (package_is_older(&walk->facts->transformer_engine, "2.6.0dev0"))
        return violated_at(walk, finding, 2,
                           "recomputing '%s' in fp8 needs Transformer Engine 2.6, %s is installed",
                           module, walk->facts->transformer_engine.value);
    return HOLDS;
}

static enum answer moe_layer_recompute(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->moe_layer_recompute))
        return NOT_APPLICABLE;
    return is_word(walk->job->recompute_granularity, "full") ? VIOLATED : HOLDS;
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

static enum answer mhc_recompute(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_recomputed(job, "mhc"))
        return NOT_APPLICABLE;
    if (!is_on(job->enable_mhc_connections))
        return violated_at(walk, finding, 0,
                           "--recompute-modules mhc needs --enable-mhc-connections");
    if (is_recomputed(job, "mlp"))
        return violated_at(walk, finding, 1,
                           "--recompute-modules mhc and mlp checkpoint in ways that "
                           "exclude each other");
    if (is_set(job->mhc_recompute_layer_num) && job->mhc_recompute_layer_num < 1)
        return violated_at(walk, finding, 2,
                           "--mhc-recompute-layer-num %" PRId64 " is not positive",
                           job->mhc_recompute_layer_num);
    if (is_on(job->fine_grained_activation_offloading))
        return violated_at(walk, finding, 3,
                           "--recompute-modules mhc does not work with "
                           "--fine-grained-activation-offloading");
    return HOLDS;
}

static enum answer mtp_mhc(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->enable_mhc_connections))
        return NOT_APPLICABLE;
    if (!is_set(job->mtp_num_layers))
        return HOLDS;
    return violated(walk, finding,
                    "--enable-mhc-connections does not work with --mtp-num-layers %" PRId64,
                    job->mtp_num_layers);
}

static enum answer mhc(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->enable_mhc_connections))
        return NOT_APPLICABLE;
    if (is_word(job->recompute_granularity, "full"))
        return violated_at(walk, finding, 0,
                           "--enable-mhc-connections does not work with full recomputation");
    if (is_on(job->inference_fuse_tp_communication))
        return violated_at(walk, finding, 1,
                           "--enable-mhc-connections does not work with "
                           "--inference-fuse-tp-communication");
    if (job->pipeline_model_parallel_size > 1)
        return violated_at(walk, finding, 2,
                           "--enable-mhc-connections does not work with PP = %" PRId64,
                           job->pipeline_model_parallel_size);
    if (is_on(job->fp32_residual_connection))
        return violated_at(walk, finding, 3,
                           "--enable-mhc-connections does not work with "
                           "--fp32-residual-connection");
    if (is_set(job->mhc_sinkhorn_iterations) && job->mhc_sinkhorn_iterations < 1)
        return violated_at(walk, finding, 4,
                           "--mhc-sinkhorn-iterations %" PRId64 " is not positive",
                           job->mhc_sinkhorn_iterations);
    if (job->mhc_init_gating_factor < 0)
        return violated_at(walk, finding, 5, "--mhc-init-gating-factor %g is negative",
                           job->mhc_init_gating_factor);
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "cpu-offload-layers",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = cpu_offload_layers,
      .options = "--cpu-offloading-num-layers",
      .what = "--cpu-offloading-num-layers is less than --num-layers",
      .why = "The last layer's activations are needed at once.",
      .fix = "fewer --cpu-offloading-num-layers" },
    { .id = "cpu-offload-pp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = cpu_offload_pp,
      .options = "--cpu-offloading-num-layers --pipeline-model-parallel-size",
      .what = "--cpu-offloading-num-layers needs PP = 1",
      .why = "Offloading does not follow the order of a pipeline's micro-batches.",
      .fix = "drop --cpu-offloading-num-layers (--fine-grained-activation-offloading works with "
             "pipelines)" },
    { .id = "cpu-offload-recompute",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = cpu_offload_recompute,
      .options = "--cpu-offloading-num-layers --recompute-granularity --recompute-activations",
      .what = "--cpu-offloading-num-layers excludes recomputation",
      .why = "Both hook the tensors saved for backward.",
      .fix = "drop --recompute-granularity or --cpu-offloading-num-layers" },
    { .id = "recompute-full-method",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = full_method,
      .options = "--recompute-granularity",
      .what = "--recompute-granularity full needs --recompute-method",
      .why = "uniform recomputes all layers in groups, block the first ones of each chunk.",
      .fix = "add --recompute-method uniform" },
    { .id = "recompute-full-layers",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = full_layers,
      .options = "--recompute-granularity",
      .needs = "recompute-full-method",
      .what = "--recompute-granularity full needs --recompute-num-layers",
      .why = "The number of layers in a group (uniform) or recomputed at all (block).",
      .fix = "add --recompute-num-layers 1" },
    { .id = "recompute-sel-layers",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = selective_layers,
      .options = "--recompute-num-layers --recompute-granularity --recompute-activations",
      .needs = "recompute-sel-method",
      .what = "selective recomputation excludes --recompute-num-layers",
      .why = "It recomputes parts of every layer.",
      .fix = "drop --recompute-num-layers" },
    { .id = "dist-saved-act",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = distributed_with_sp,
      .options = "--distribute-saved-activations --sequence-parallel",
      .what = "--distribute-saved-activations excludes --sequence-parallel",
      .why = "Saved inputs are split over tensor-parallel ranks in either case.",
      .fix = "drop --distribute-saved-activations" },
    { .id = "recompute-modules-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .adjust = recompute_modules_default,
      .what = "selective recomputation recomputes core attention unless told otherwise",
      .why = "--recompute-modules is core_attn by default." },
    { .id = "recompute-modules-set",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = modules_set,
      .options = "--recompute-modules",
      .what = "--recompute-modules are modules of this release",
      .why = "The parser takes any word.",
      .fix = "one of the release's modules" },
    { .id = "recompute-moe-act",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = recompute_moe_act,
      .options = "--recompute-modules",
      .needs = "recompute-modules-set",
      .what = "--recompute-modules moe_act needs --moe-grouped-gemm",
      .why = "Only grouped experts have the activation as a step of its own.",
      .fix = "add --moe-grouped-gemm, or drop moe_act" },
    { .id = "recompute-mla",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = recompute_mla,
      .options = "--recompute-modules",
      .needs = "recompute-modules-set",
      .what = "--recompute-modules mla_up_proj needs --multi-latent-attention",
      .why = "Other attention has no up-projection.",
      .fix = "drop mla_up_proj" },
    { .id = "recompute-gdn",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = recompute_gdn,
      .options = "--recompute-modules --experimental-attention-variant",
      .needs = "recompute-modules-set",
      .what = "--recompute-modules gdn_norm_out needs gated delta net attention",
      .why = "The norm is a part of it.",
      .fix = "drop gdn_norm_out" },
    { .id = "recompute-shared",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = recompute_shared,
      .options = "--recompute-modules --moe-shared-expert-overlap",
      .needs = "recompute-modules-set",
      .what = "--recompute-modules shared_experts excludes --moe-shared-expert-overlap",
      .why = "Overlapped shared experts run in pieces.",
      .fix = "drop one of the two" },
    { .id = "recompute-fp8",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = recompute_fp8,
      .options = "--recompute-modules --fp8-recipe",
      .needs = "recompute-modules-set",
      .what = "recomputing moe_act or layernorm in fp8 needs a recipe without history",
      .why = "Delayed scaling would count the recomputed values twice (0.13: no recipe works).",
      .fix = "--fp8-recipe tensorwise, or drop the module" },
    { .id = "moe-layer-recompute",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = moe_layer_recompute,
      .options = "--moe-layer-recompute --recompute-granularity",
      .what = "--moe-layer-recompute excludes --recompute-granularity full",
      .why = "It means --recompute-granularity selective --recompute-modules moe.",
      .fix = "drop --moe-layer-recompute: full recomputation covers it" },
    { .id = "moe-layer-recompute-selective",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .adjust = recompute_moe_layers,
      .what = "--moe-layer-recompute adds moe to the recomputed modules",
      .why = "The older name of --recompute-modules moe." },
    { .id = "mhc-recompute",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = mhc_recompute,
      .options = "--recompute-modules --enable-mhc-connections --mhc-recompute-layer-num",
      .what = "--recompute-modules mhc needs hyper connections and excludes mlp and offloading",
      .why = "It has a checkpoint mechanism of its own.",
      .fix = "drop mhc" },
    { .id = "mtp-mhc",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = mtp_mhc,
      .options = "--enable-mhc-connections --mtp-num-layers",
      .what = "--enable-mhc-connections excludes multi-token prediction",
      .why = "Prediction layers know one residual stream.",
      .fix = "drop --mtp-num-layers" },
    { .id = "mhc",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = mhc,
      .options = "--enable-mhc-connections --recompute-granularity --pipeline-model-parallel-size "
                 "--fp32-residual-connection --mhc-sinkhorn-iterations --mhc-init-gating-factor",
      .what = "--enable-mhc-connections needs PP = 1, no full recomputation, bf16 residuals",
      .why = "Several residual streams are not yet supported by these.",
      .fix = "drop --enable-mhc-connections, or what excludes it" },
};

const struct rule_section config_recompute_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
