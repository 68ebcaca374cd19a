/* Last part of validate_args: delayed weight gradients, activation offloading, CUDA graphs. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void cpu_offload_layers(struct walk *walk)
{
    if (is_set(walk->job->cpu_offloading_num_layers) && walk->job->cpu_offloading_num_layers > 0)
        walk->job->cpu_offloading = 1;
}

static bool has_graphs(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->release >= RELEASE_0_15_0)
        return !is_word(job->cuda_graph_impl, "none");
    return is_on(job->enable_cuda_graph) || is_on(job->external_cuda_graph);
}

static void graph_rng(struct walk *walk)
{
    struct job *job = walk->job;

    if (has_graphs(walk) &&
        (is_word(job->transformer_impl, "transformer_engine") ||
         (walk->release >= RELEASE_0_16_0 && is_word(job->cuda_graph_impl, "transformer_engine"))))
        job->te_rng_tracker = 1;
}

static void graph_scope_full(struct walk *walk)
{
    if (list_has(&walk->job->cuda_graph_scope, "full"))
        walk->job->cuda_graph_scope = (struct list) { .count = 0 };
}

static enum answer delay_wgrad_te(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->delay_wgrad_compute))
        return NOT_APPLICABLE;
    if (walk->release == RELEASE_0_13_0 && is_on(job->moe_use_legacy_grouped_gemm))
        return violated_at(walk, finding, 0,
                           "--delay-wgrad-compute does not work with the legacy grouped "
                           "GEMM");
    if (!is_word(job->transformer_impl, "transformer_engine"))
        return violated_at(walk, finding, walk->release == RELEASE_0_13_0,
                           "--delay-wgrad-compute needs Transformer Engine, not "
                           "'--transformer-impl %s'",
                           job->transformer_impl);
    if (walk->release >= RELEASE_0_14_0 &&
        ((is_on(job->overlap_grad_reduce) &&
          version_below(te, walk->release == RELEASE_0_14_0 ? "2.7.0" : "2.8.0")) ||
         (!is_on(job->gradient_accumulation_fusion) && version_below(te, "2.7.0"))))
        return violated_at(walk, finding, 1,
                           "--delay-wgrad-compute needs a newer Transformer Engine than %s",
                           te->value);
    return HOLDS;
}

static enum answer delay_wgrad_ogr(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->delay_wgrad_compute))
        return NOT_APPLICABLE;
    if (!is_on(job->overlap_grad_reduce))
        return HOLDS;
    return violated(walk, finding,
                    "--delay-wgrad-compute does not work with --overlap-grad-reduce");
}

static const struct list *captured(const struct walk *walk)
{
    return walk->release >= RELEASE_0_18_2 ? &walk->job->cuda_graph_modules
                                           : &walk->job->cuda_graph_scope;
}

static enum answer graph_delay_wgrad(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool attention = list_has(captured(walk), "attn");
    bool router = list_has(captured(walk), "moe_router") &&
                  is_set(job->moe_shared_expert_intermediate_size) &&
                  !is_on(job->moe_shared_expert_overlap);

    if (!is_on(job->delay_wgrad_compute) || !is_on(job->overlap_grad_reduce) ||
        (!attention && !router))
        return NOT_APPLICABLE;
    if (version_below(&walk->facts->transformer_engine, "2.12.0"))
        return violated_at(walk, finding, 0,
                           "delayed weight gradients in a graph need Transformer Engine "
                           "2.12, %s is installed",
                           walk->facts->transformer_engine.value);
    if (!is_on(job->gradient_accumulation_fusion))
        return violated_at(walk, finding, 1,
                           "delayed weight gradients in a graph need the gradient "
                           "accumulation fusion");
    if (!attention || (!is_on(job->add_bias_linear) && !is_on(job->add_qkv_bias)))
        return HOLDS;
    return violated_at(walk, finding, 2,
                       "delayed weight gradients in a graph of attention know no bias");
}

static enum answer activation_offload(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct environment *env = &walk->facts->environment;

    if (!is_on(job->fine_grained_activation_offloading))
        return NOT_APPLICABLE;
    if (!is_word(job->transformer_impl, "transformer_engine"))
        return violated_at(walk, finding, 0,
                           "--fine-grained-activation-offloading needs Transformer Engine, "
                           "not '--transformer-impl %s'",
                           job->transformer_impl);
    if (!env->known || version_below(&walk->facts->transformer_engine, "2.10.0") ||
        is_word(environment_get(env, "NVTE_CPU_OFFLOAD_V1"), "1"))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--fine-grained-activation-offloading would offload weights too "
                       "without NVTE_CPU_OFFLOAD_V1=1");
}

static enum answer mtp_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *type = job->position_embedding_type;

    if (!is_nonzero(job->mtp_num_layers))
        return NOT_APPLICABLE;
    if (is_on(job->use_legacy_models))
        return violated(walk, finding, "legacy models have no multi-token prediction");
    if (is_word(type, "rope") || is_word(type, "none"))
        return HOLDS;
    return violated(walk, finding, "multi-token prediction does not work with %s positions", type);
}

static enum answer mtp_cp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->mtp_num_layers))
        return NOT_APPLICABLE;
    if (job->context_parallel_size == 1)
        return HOLDS;
    return violated(walk, finding,
                    "multi-token prediction does not work with context parallelism "
                    "before 0.14");
}

static enum answer graph_rng_given(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->external_cuda_graph))
        return NOT_APPLICABLE;
    if (is_on(job->te_rng_tracker))
        return HOLDS;
    return violated(walk, finding, "--external-cuda-graph comes without --te-rng-tracker");
}

static enum answer graph_flags_exclude(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->enable_cuda_graph) || !is_on(job->external_cuda_graph))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--enable-cuda-graph and --external-cuda-graph exclude each other");
}

/* Graphs that expandable segments would move: up to 0.14 external ones, in 0.15 all, then those of
 * Transformer Engine. */
static bool graphs_fix_addresses(const struct walk *walk)
{
    if (walk->release <= RELEASE_0_14_0)
        return is_on(walk->job->external_cuda_graph);
    if (walk->release == RELEASE_0_15_0)
        return has_graphs(walk);
    return is_word(walk->job->cuda_graph_impl, "transformer_engine");
}

static enum answer graph_expandable(struct walk *walk, struct finding *finding)
{
    const struct environment *env = &walk->facts->environment;
    const char *allocator = environment_get(env, "PYTORCH_CUDA_ALLOC_CONF");

    if (!graphs_fix_addresses(walk) || !allocator)
        return NOT_APPLICABLE;
    if (!strstr(allocator, "expandable_segments:True"))
        return HOLDS;
    if (walk->release >= RELEASE_0_16_0 &&
        is_word(environment_get(env, "NCCL_GRAPH_REGISTER"), "0"))
        return HOLDS;
    if (walk->release >= RELEASE_0_16_0)
        finding_fix(walk, finding, "export NCCL_GRAPH_REGISTER=0");
    return violated(walk, finding, "PYTORCH_CUDA_ALLOC_CONF=%s moves memory that CUDA graphs hold",
                    allocator);
}

static enum answer graph_full_recompute(struct walk *walk, struct finding *finding)
{
    if (!graphs_fix_addresses(walk))
        return NOT_APPLICABLE;
    if (!is_word(walk->job->recompute_granularity, "full"))
        return HOLDS;
    return violated(walk, finding, "CUDA graphs do not work with full recomputation");
}

static enum answer iteration_modules(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->cuda_graph_impl, "full_iteration"))
        return NOT_APPLICABLE;
    if (job->cuda_graph_modules.count <= 0)
        return HOLDS;
    return violated(walk, finding,
                    "a graph of the whole iteration has no parts, --cuda-graph-modules "
                    "names %d",
                    job->cuda_graph_modules.count);
}

static enum answer scope_full_alone(struct walk *walk, struct finding *finding)
{
    const struct list *scope = &walk->job->cuda_graph_scope;

    if (!list_has(scope, "full"))
        return NOT_APPLICABLE;
    if (scope->count == 1)
        return HOLDS;
    return violated(walk, finding, "'full' is the whole layer and stands alone, not with %d others",
                    scope->count - 1);
}

static enum answer mla_no_gqa(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->multi_latent_attention))
        return NOT_APPLICABLE;
    if (!is_on(job->group_query_attention))
        return HOLDS;
    return violated(walk, finding,
                    "latent attention has no groups: --group-query-attention contradicts "
                    "--multi-latent-attention");
}

static enum answer mla_downproj(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->mla_down_proj_fusion))
        return NOT_APPLICABLE;
    if (is_on(job->multi_latent_attention))
        return HOLDS;
    return violated(walk, finding, "--mla-down-proj-fusion comes without --multi-latent-attention");
}

static enum answer latent_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->moe_latent_size))
        return NOT_APPLICABLE;
    if (job->moe_latent_size <= 0)
        return violated_at(walk, finding, 0, "a latent expert size of %" PRId64,
                           job->moe_latent_size);
    if (!is_set(job->num_experts))
        return violated_at(walk, finding, 1,
                           "--moe-latent-size %" PRId64 " has no experts to shrink",
                           job->moe_latent_size);
    if (is_on(job->use_legacy_models))
        return violated_at(walk, finding, 2, "legacy models have no latent experts");
    if (walk->release == RELEASE_0_16_0 && is_on(job->moe_use_legacy_grouped_gemm))
        return violated_at(walk, finding, walk->release == RELEASE_0_16_0 ? 3 : 2,
                           "the legacy grouped GEMM has no latent experts");
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "delay-wgrad",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .options = "--delay-wgrad-compute --transformer-impl",
      .check = delay_wgrad_te,
      .what = "--delay-wgrad-compute needs Transformer Engine",
      .why = "Its linear layers split their backward in two.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "delay-wgrad-ogr-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_0_13_0,
      .options = "--delay-wgrad-compute --overlap-grad-reduce",
      .check = delay_wgrad_ogr,
      .what = "--delay-wgrad-compute excludes --overlap-grad-reduce in 0.13",
      .why = "Buckets would be reduced before their gradients exist.",
      .fix = "remove one of the two" },
    { .id = "cg-delay-wgrad",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--delay-wgrad-compute --cuda-graph-modules --cuda-graph-scope "
                 "--no-gradient-accumulation-fusion --disable-bias-linear",
      .check = graph_delay_wgrad,
      .what = "delayed weight gradients in a graph need the accumulation fusion and no "
              "attention bias",
      .why = "Graphs need fixed addresses.",
      .fix = "--disable-bias-linear, without --no-gradient-accumulation-fusion" },
    { .id = "fga-offload-te",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--fine-grained-activation-offloading --transformer-impl $NVTE_CPU_OFFLOAD_V1",
      .check = activation_offload,
      .what = "--fine-grained-activation-offloading needs Transformer Engine and "
              "NVTE_CPU_OFFLOAD_V1=1",
      .why = "Since Transformer Engine 2.10 weights would be offloaded too.",
      .fix = "export NVTE_CPU_OFFLOAD_V1=1" },
    { .id = "cp-mtp-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_13_0,
      .options = "--mtp-num-layers --context-parallel-size",
      .check = mtp_cp,
      .what = "multi-token prediction excludes context parallelism up to 0.13",
      .why = "Shifted tokens cross ranks.",
      .fix = "--context-parallel-size 1" },
    { .id = "mtp-posemb",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_16_0,
      .options = "--mtp-num-layers --position-embedding-type --use-legacy-models",
      .check = mtp_old,
      .what = "multi-token prediction needs rope or no positions, and no legacy models",
      .why = "Shifted tokens would need shifted learned positions.",
      .fix = "--position-embedding-type rope" },
    { .id = "cpu-offload-layers",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = cpu_offload_layers,
      .what = "--cpu-offloading-num-layers above 0 offloads activations",
      .why = "cpu_offloading has no option of its own." },
    { .id = "cg-rng",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_0_13_0,
      .options = "--external-cuda-graph --te-rng-tracker",
      .check = graph_rng_given,
      .what = "--external-cuda-graph needs --te-rng-tracker in 0.13",
      .why = "A captured graph needs a random state that can be captured.",
      .fix = "--te-rng-tracker" },
    { .id = "cg-legacy-xor",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_0_14_0,
      .options = "--enable-cuda-graph --external-cuda-graph",
      .check = graph_flags_exclude,
      .what = "--enable-cuda-graph excludes --external-cuda-graph",
      .why = "They are two implementations.",
      .fix = "keep one of the two" },
    { .id = "cg-rng-on",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .adjust = graph_rng,
      .what = "CUDA graphs with Transformer Engine turn --te-rng-tracker on",
      .why = "A captured graph needs a random state that can be captured." },
    { .id = "cg-expandable",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "$PYTORCH_CUDA_ALLOC_CONF $NCCL_GRAPH_REGISTER --cuda-graph-impl "
                 "--external-cuda-graph",
      .check = graph_expandable,
      .what = "CUDA graphs exclude expandable segments",
      .why = "Since 0.16 NCCL_GRAPH_REGISTER=0 makes up for it.",
      .fix = "remove expandable_segments:True from PYTORCH_CUDA_ALLOC_CONF" },
    { .id = "cg-no-recompute",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_0_15_0,
      .options = "--recompute-granularity --cuda-graph-impl --external-cuda-graph",
      .check = graph_full_recompute,
      .what = "CUDA graphs exclude full recomputation",
      .why = "A graph cannot run its forward again.",
      .fix = "--recompute-granularity selective" },
    { .id = "cg-fulliter-mods",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--cuda-graph-impl --cuda-graph-modules --cuda-graph-scope",
      .check = iteration_modules,
      .what = "a graph of the whole iteration names no modules",
      .why = "Modules cut a layer into graphs.",
      .fix = "remove --cuda-graph-modules" },
    { .id = "cg-full-alone",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .options = "--cuda-graph-scope",
      .check = scope_full_alone,
      .what = "full is the only scope given",
      .why = "It means the whole layer.",
      .fix = "--cuda-graph-scope full" },
    { .id = "graph-scope-full",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .adjust = graph_scope_full,
      .what = "--cuda-graph-scope full is the empty list",
      .why = "No part named: the whole layer." },
    { .id = "mla-no-gqa",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--group-query-attention --multi-latent-attention",
      .check = mla_no_gqa,
      .what = "latent attention excludes --group-query-attention",
      .why = "Its keys are one latent vector.",
      .fix = "remove --group-query-attention" },
    { .id = "mla-downproj",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--mla-down-proj-fusion --multi-latent-attention",
      .check = mla_downproj,
      .what = "--mla-down-proj-fusion needs --multi-latent-attention",
      .why = "It fuses the down-projections of latent attention.",
      .fix = "--multi-latent-attention" },
    { .id = "latent-positive",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--moe-latent-size --num-experts",
      .check = latent_experts,
      .what = "--moe-latent-size is above 0 and has experts",
      .why = "Tokens are projected to this width for the experts.",
      .fix = "--num-experts N, or remove --moe-latent-size" },
};

const struct rule_section validate_graphs_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
