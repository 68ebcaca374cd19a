/* Eighth part of TransformerConfig: CUDA graphs. The captured modules are --cuda-graph-modules, up
 * to 0.17
 * --cuda-graph-scope; none named means whole layers. */
#include <inttypes.h>

#include "rules/module_names.h"
#include "rules/sections.h"
#include "rules/truth.h"

static const struct list *captured(const struct walk *walk)
{
    return walk->release >= RELEASE_0_18_2 ? &walk->job->cuda_graph_modules
                                           : &walk->job->cuda_graph_scope;
}

static bool captures(const struct walk *walk, const char *module)
{
    return list_has(captured(walk), module);
}

static bool graphs_on(const struct job *job)
{
    return job->cuda_graph_impl && !is_word(job->cuda_graph_impl, "none");
}

/* Graphs of layers, not of the whole iteration. */
static bool layer_graphs(const struct walk *walk)
{
    return graphs_on(walk->job) && !is_word(walk->job->cuda_graph_impl, "full_iteration");
}

static bool whole_layers(const struct walk *walk)
{
    return is_word(walk->job->cuda_graph_impl, "full_iteration") || captured(walk)->count <= 0 ||
           captures(walk, "full_iteration");
}

static enum answer no_recompute(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->enable_cuda_graph))
        return NOT_APPLICABLE;
    if (!job->recompute_granularity)
        return HOLDS;
    return violated_at(walk, finding, 10, "--enable-cuda-graph does not work with %s recomputation",
                       job->recompute_granularity);
}

static enum answer little_recompute(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!graphs_on(job) || !job->recompute_granularity)
        return NOT_APPLICABLE;
    if (!is_word(job->recompute_granularity, "selective") ||
        !is_word(job->cuda_graph_impl, "transformer_engine") || !captures(walk, "attn"))
        return violated_at(walk, finding, 0,
                           "CUDA graphs of '%s' do not work with %s recomputation: only "
                           "--cuda-graph-impl transformer_engine --cuda-graph-scope attn "
                           "does, with selective",
                           job->cuda_graph_impl, job->recompute_granularity);
    if (list_has(&job->recompute_modules, "core_attn") ||
        list_has(&job->recompute_modules, "mla_up_proj"))
        return violated_at(
            walk, finding, 1, "--recompute-modules %s lies inside the captured attention",
            list_has(&job->recompute_modules, "core_attn") ? "core_attn" : "mla_up_proj");
    return HOLDS;
}

static enum answer full_iteration_impl(struct walk *walk, struct finding *finding)
{
    if (!is_word(walk->job->cuda_graph_impl, "transformer_engine"))
        return NOT_APPLICABLE;
    if (!captures(walk, "full_iteration"))
        return HOLDS;
    finding->fix = "--cuda-graph-impl local";
    return violated(walk, finding,
                    "--cuda-graph-scope full_iteration does not work with the transformer_engine "
                    "implementation");
}

static enum answer cpu_offload(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!graphs_on(walk->job) || (walk->release >= RELEASE_0_18_2 && !layer_graphs(walk)))
        return NOT_APPLICABLE;
    return is_on(walk->job->cpu_offloading) ? VIOLATED : HOLDS;
}

static bool only_experts(const struct freq *freq)
{
    if (freq->kind == FREQ_INT)
        return freq->every == 1;
    for (int i = 0; i < freq->count; i++)
        if (freq->item[i] == 0)
            return false;
    return freq->kind == FREQ_LIST;
}

/* The local implementation does not tell router from preprocessing: each brings the other. */
static bool captures_router(const struct walk *walk)
{
    return captures(walk, "moe_router") ||
           (is_word(walk->job->cuda_graph_impl, "local") && captures(walk, "moe_preprocess"));
}

static bool captures_preprocess(const struct walk *walk)
{
    return captures(walk, "moe_preprocess") ||
           (is_word(walk->job->cuda_graph_impl, "local") && captures(walk, "moe_router"));
}

static bool syncs_in_preprocess(const struct job *job)
{
    return is_word(job->moe_token_dispatcher_type, "alltoall") &&
           (!is_none_float(job->moe_expert_capacity_factor) ||
            is_on(job->moe_router_padding_for_fp8));
}

static enum answer expert_modules(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool padded = !is_none_float(job->moe_expert_capacity_factor) &&
                  is_on(job->moe_pad_expert_input_to_capacity);

    if (only_experts(&job->moe_layer_freq) && captures(walk, "mlp"))
        return violated_at(walk, finding, 3,
                           "CUDA graphs capture mlp, but every layer has experts instead");
    if (padded)
        return HOLDS;
    if (captures(walk, "moe"))
        return violated_at(walk, finding, 4,
                           "CUDA graphs capture moe, but the number of tokens of an expert "
                           "varies without --moe-expert-capacity-factor and "
                           "--moe-pad-expert-input-to-capacity");
    if (captures_preprocess(walk) && syncs_in_preprocess(job))
        return violated_at(walk, finding, 5,
                           "CUDA graphs capture moe_preprocess, which waits for the device "
                           "with this alltoall dispatcher");
    return HOLDS;
}

static enum answer moe_modules(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!layer_graphs(walk))
        return NOT_APPLICABLE;
    if (captures(walk, "moe") && captures_router(walk))
        return violated_at(walk, finding, 0,
                           "CUDA graphs capture both moe and its part moe_router");
    if (captures_preprocess(walk) && !captures_router(walk))
        return violated_at(walk, finding, 1,
                           "CUDA graphs capture moe_preprocess without moe_router");
    if (value_or(job->num_experts, 0) > 1)
        return expert_modules(walk, finding);
    if (captures(walk, "moe") || captures_router(walk))
        return violated_at(walk, finding, 2, "CUDA graphs capture experts, but the model has none");
    return HOLDS;
}

static enum answer recompute_full(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!graphs_on(job) || !is_word(job->recompute_granularity, "full"))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_18_2
            ? is_word(job->cuda_graph_impl, "full_iteration")
            : captured(walk)->count == 1 && captures(walk, "full_iteration"))
        return HOLDS;
    return violated(walk, finding,
                    "full recomputation works with CUDA graphs of the full iteration "
                    "only, not with --cuda-graph-impl %s",
                    job->cuda_graph_impl);
}

static enum answer recompute_moe(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_word(walk->job->cuda_graph_impl, "transformer_engine") ||
        !is_recomputed(walk->job, "moe"))
        return NOT_APPLICABLE;
    return captures(walk, "moe_router") ? VIOLATED : HOLDS;
}

static enum answer recompute_dropout(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool whole = whole_layers(walk);

    if (!graphs_on(job) || !is_word(job->recompute_granularity, "selective"))
        return NOT_APPLICABLE;
    if (job->attention_dropout != 0.0 && is_recomputed(job, "core_attn") &&
        (whole || captures(walk, "attn"))) {
        finding->fix = "--attention-dropout 0";
        return violated_at(walk, finding, 0,
                           "--attention-dropout %g cannot be recomputed inside a CUDA graph",
                           job->attention_dropout);
    }
    if (job->hidden_dropout != 0.0 &&
        ((is_recomputed(job, "mlp") && (whole || captures(walk, "mlp"))) ||
         (is_recomputed(job, "moe") && (whole || captures(walk, "moe"))))) {
        finding->fix = "--hidden-dropout 0";
        return violated_at(walk, finding, 1,
                           "--hidden-dropout %g cannot be recomputed inside a CUDA graph",
                           job->hidden_dropout);
    }
    if (!is_none_float(job->moe_input_jitter_eps) && is_recomputed(job, "moe") &&
        (whole || captures(walk, "moe"))) {
        finding->fix = "drop --moe-input-jitter-eps";
        return violated_at(walk, finding, 2,
                           "--moe-input-jitter-eps cannot be recomputed inside a CUDA graph");
    }
    return HOLDS;
}

static enum answer gtp_shared(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (value_or(job->gtp_weight_remat_size, 1) <= 1 || !is_word(job->cuda_graph_impl, "local") ||
        (!job->fp8 && !job->fp4) || !is_recomputed(job, "shared_experts") ||
        !is_set(job->moe_shared_expert_intermediate_size) || is_on(job->moe_shared_expert_overlap))
        return NOT_APPLICABLE;
    if (!whole_layers(walk) && !captures(walk, "moe") && !captures_router(walk))
        return HOLDS;
    return violated(walk, finding,
                    "local CUDA graphs cannot recompute shared_experts with weight shards "
                    "in fp8 or fp4");
}

static bool inside_experts(const char *module)
{
    return is_word(module, "expert_fc1") || is_word(module, "moe_act") ||
           is_word(module, "fused_group_mlp");
}

/* What the local implementation allows since 0.19: parts of experts, while the rest is captured. */
static bool local_offload(const struct walk *walk)
{
    const struct list *modules = &walk->job->offload_modules;

    if (walk->release < RELEASE_0_19_0 || modules->count <= 0 || captured(walk)->count <= 0)
        return false;
    for (int i = 0; i < modules->count; i++)
        if (!inside_experts(modules->item[i]))
            return false;
    return !captures(walk, "moe");
}

static enum answer offload_graphs(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!graphs_on(job) || !is_on(job->fine_grained_activation_offloading))
        return NOT_APPLICABLE;
    if (is_word(job->cuda_graph_impl, "local") && !local_offload(walk))
        return violated_at(walk, finding, 0,
                           "--fine-grained-activation-offloading does not work with local "
                           "CUDA graphs of these modules");
    if (captures(walk, "moe"))
        return violated_at(walk, finding, 1,
                           "--fine-grained-activation-offloading does not work when CUDA "
                           "graphs capture moe");
    if (is_set(job->cuda_graph_warmup_steps) && job->cuda_graph_warmup_steps <= 0)
        return violated_at(walk, finding, 2,
                           "--fine-grained-activation-offloading needs "
                           "--cuda-graph-warmup-steps above 0");
    if (is_word(job->cuda_graph_impl, "full_iteration") &&
        value_or(job->fine_grained_offloading_max_inflight_offloads, -1) < 0)
        return violated_at(walk, finding, 3,
                           "--fine-grained-activation-offloading in a graph of the full "
                           "iteration needs --fine-grained-offloading-max-inflight-offloads");
    return HOLDS;
}

#define GRAPHS "--cuda-graph-impl --enable-cuda-graph --external-cuda-graph "
#define MODULES "--cuda-graph-modules --cuda-graph-scope "

static const struct rule rows[] = {
    { .id = "cg-no-recompute",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_14_0,
      .check = no_recompute,
      .options = "--enable-cuda-graph --recompute-granularity --recompute-activations",
      .what = "--enable-cuda-graph excludes recomputation up to 0.14",
      .why = "Graphs cannot be captured while backward runs forward again.",
      .fix = "drop --enable-cuda-graph or --recompute-granularity" },
    { .id = "cg-little-recompute",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_0_15_0,
      .check = little_recompute,
      .needs = "cg-no-recompute",
      .options = GRAPHS MODULES "--recompute-granularity --recompute-modules",
      .what = "in 0.15 only graphs of attention by Transformer Engine go with recomputation",
      .why = "And only with modules outside attention.",
      .fix = "drop the CUDA graphs or the recomputation" },
    { .id = "cg-fulliter-te",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .check = full_iteration_impl,
      .options = GRAPHS MODULES,
      .what = "--cuda-graph-scope full_iteration needs --cuda-graph-impl local",
      .why = "Transformer Engine captures modules.",
      .fix = "--cuda-graph-impl local" },
    { .id = "cg-cpu-offload",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = cpu_offload,
      .options = GRAPHS "--cpu-offloading-num-layers",
      .what = "CUDA graphs exclude --cpu-offloading-num-layers",
      .why = "Copies to the host are not captured (the full iteration may, since 0.18).",
      .fix = "drop --cpu-offloading-num-layers" },
    { .id = "cg-moe-mods",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = moe_modules,
      .options = MODULES,
      .what = "captured parts of experts have fixed sizes and go together",
      .why = "moe only with padded experts, moe_preprocess only with moe_router.",
      .fix = "--cuda-graph-modules attn moe_router" },
    { .id = "cg-recompute-full",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = recompute_full,
      .options = GRAPHS "--recompute-granularity",
      .what = "full recomputation needs CUDA graphs of the full iteration, or none",
      .why = "A graph of a layer cannot run again inside backward.",
      .fix = "--recompute-granularity selective, or drop the CUDA graphs" },
    { .id = "cg-recompute-moe",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = recompute_moe,
      .options = MODULES "--recompute-modules",
      .what = "--recompute-modules moe excludes capturing moe_router with Transformer Engine",
      .why = "A recomputed module must not contain a graph.",
      .fix = "drop moe_router or moe" },
    { .id = "cg-recompute-dropout",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = recompute_dropout,
      .options = "--attention-dropout --hidden-dropout --moe-input-jitter-eps --recompute-modules "
                 "--cuda-graph-impl",
      .what = "what is recomputed inside a CUDA graph draws no random numbers",
      .why = "Dropout is 0.1 unless set to 0.",
      .fix = "--attention-dropout 0 --hidden-dropout 0" },
    { .id = "cg-gtp-shared",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = gtp_shared,
      .options = "--recompute-modules --cuda-graph-impl --tensor-parallel-num-weight-shards",
      .what = "local graphs with weight shards in fp8 exclude recomputing shared experts",
      .why = "Warm-up of the graph cannot run their checkpoint.",
      .fix = "drop shared_experts from --recompute-modules" },
    { .id = "fga-offload-graphs",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = offload_graphs,
      .options = "--fine-grained-activation-offloading --cuda-graph-impl --offload-modules "
                 "--cuda-graph-warmup-steps --fine-grained-offloading-max-inflight-offloads",
      .needs = "fga-offload-modules",
      .what = "offloading works with graphs by Transformer Engine or of the full iteration",
      .why = "Local graphs leave only parts of experts outside (since 0.19).",
      .fix = "--cuda-graph-impl transformer_engine" },
};

const struct rule_section config_graph_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
