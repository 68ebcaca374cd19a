/* Last part of TransformerConfig and MLATransformerConfig: overlap of expert communication, context
 * parallelism, layers without rotation, inference, batch invariance, latents. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer permute_fusion(struct walk *walk, struct finding *finding)
{
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(walk->job->moe_permute_fusion))
        return NOT_APPLICABLE;
    if (!package_is_older(te, "2.1.0"))
        return HOLDS;
    return violated(walk, finding,
                    "--moe-permute-fusion needs Transformer Engine 2.1, %s is installed",
                    te->value);
}

/* What is wrong, collected so that one edit can answer all of it. */
struct faults {
    const char *text; /* NULL: nothing */
    int asked;        /* tests so far; each is a place of its own */
    int first;        /* the first that failed */
};

static void fault(struct walk *walk, struct faults *faults, bool wrong, const char *text)
{
    if (wrong && !faults->text)
        faults->first = faults->asked;
    if (wrong)
        faults->text =
            faults->text ? arena_printf(walk->arena, "%s; %s", faults->text, text) : text;
    faults->asked++;
}

static void overlap_recompute_faults(struct walk *walk, struct faults *faults)
{
    const struct job *job = walk->job;

    fault(walk, faults, is_word(job->recompute_granularity, "full"), "full recomputation is on");
    fault(walk, faults, job->recompute_method && !is_word(job->recompute_granularity, "full"),
          "--recompute-method is given");
    fault(walk, faults,
          is_set(job->recompute_num_layers) && !is_word(job->recompute_granularity, "full"),
          "--recompute-num-layers is given");
    fault(walk, faults, walk->release >= RELEASE_0_17_0 && list_has(&job->recompute_modules, "moe"),
          "--recompute-modules has moe");
}

static bool graphs_experts(const struct walk *walk)
{
    const struct job *job = walk->job;
    const struct list *modules =
        walk->release >= RELEASE_0_18_2 ? &job->cuda_graph_modules : &job->cuda_graph_scope;

    if (walk->release < RELEASE_0_16_0 || !job->cuda_graph_impl ||
        is_word(job->cuda_graph_impl, "none"))
        return false;
    if (is_word(job->cuda_graph_impl, "transformer_engine"))
        return list_has(modules, "moe") || list_has(modules, "mlp");
    return walk->release < RELEASE_0_18_2;
}

static bool too_many_mtp(const struct walk *walk)
{
    int64_t depths = walk->job->mtp_num_layers;

    if (!is_set(depths) || depths == 1)
        return false;
    return depths != 0 || walk->release < RELEASE_0_19_0;
}

static enum answer ep_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *dispatcher = job->moe_token_dispatcher_type;
    struct faults faults = { 0 };
    bool offloads_fc1 = is_on(job->fine_grained_activation_offloading) &&
                        list_has(&job->offload_modules, "expert_fc1");

    if (!is_on(job->overlap_moe_expert_parallel_comm))
        return NOT_APPLICABLE;
    fault(walk, &faults, package_is_older(&walk->facts->torch, "2.6.0"), "torch is older than 2.6");
    fault(walk, &faults,
          job->pipeline_model_parallel_size > 1 &&
              !is_set(job->virtual_pipeline_model_parallel_size),
          "PP > 1 without interleaved model chunks (--num-virtual-stages-per-pipeline-rank)");
    fault(walk, &faults, job->expert_model_parallel_size <= 1, "EP is 1");
    fault(walk, &faults, !is_word(dispatcher, "alltoall") && !is_word(dispatcher, "flex"),
          "the dispatcher is neither alltoall nor flex");
    overlap_recompute_faults(walk, &faults);
    fault(walk, &faults, !is_on(job->bf16) && !is_on(job->fp16), "neither --bf16 nor --fp16");
    fault(walk, &faults, is_on(job->moe_shared_expert_overlap),
          "--moe-shared-expert-overlap is given");
    fault(walk, &faults, too_many_mtp(walk), "--mtp-num-layers is not 1");
    fault(walk, &faults,
          walk->release >= RELEASE_0_16_0 && walk->release <= RELEASE_0_17_0 &&
              job->mtp_num_layers == 1 && job->pipeline_model_parallel_size <= 1,
          "--mtp-num-layers needs PP > 1 here");
    fault(walk, &faults,
          walk->release >= RELEASE_0_19_0 && is_word(dispatcher, "flex") &&
              is_word(job->moe_flex_dispatcher_backend, "ncclep") && offloads_fc1,
          "ncclep with --offload-modules expert_fc1");
    fault(walk, &faults, graphs_experts(walk), "CUDA graphs capture MLP or experts");
    if (!faults.text)
        return HOLDS;
    return violated_at(walk, finding, faults.first,
                       "--overlap-moe-expert-parallel-comm does not work here: %s", faults.text);
}

static enum answer delay_wgrad(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->delay_wgrad_compute))
        return NOT_APPLICABLE;
    if (!is_on(job->overlap_moe_expert_parallel_comm))
        return violated_at(walk, finding, 10,
                           "--delay-wgrad-compute needs --overlap-moe-expert-parallel-comm");
    if (walk->release <= RELEASE_0_16_0 && is_on(job->moe_use_legacy_grouped_gemm))
        return violated_at(
            walk, finding, 11,
            "--delay-wgrad-compute does not work with --moe-use-legacy-grouped-gemm");
    if (walk->release >= RELEASE_0_16_0 && is_word(job->cuda_graph_impl, "transformer_engine") &&
        package_is_older(te, "2.10.0"))
        return violated_at(walk, finding, 12,
                           "--delay-wgrad-compute with CUDA graphs needs Transformer Engine "
                           "2.10, %s is installed",
                           te->value);
    return HOLDS;
}

static enum answer dispatch_backward_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_dispatch_backward_with_experts_wgrad))
        return NOT_APPLICABLE;
    if (is_on(job->overlap_moe_expert_parallel_comm))
        return violated_at(walk, finding, 0,
                           "--overlap-dispatch-backward-with-experts-wgrad and "
                           "--overlap-moe-expert-parallel-comm exclude each other");
    if (is_on(job->delay_wgrad_compute))
        return violated_at(walk, finding, 1,
                           "--overlap-dispatch-backward-with-experts-wgrad and "
                           "--delay-wgrad-compute exclude each other");
    if (package_is_older(&walk->facts->transformer_engine, "2.3.0"))
        return violated_at(walk, finding, 2,
                           "--overlap-dispatch-backward-with-experts-wgrad needs "
                           "Transformer Engine 2.3, %s is installed",
                           walk->facts->transformer_engine.value);
    return HOLDS;
}

static enum answer early_release(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->ep_overlap_early_attn_memory_release))
        return NOT_APPLICABLE;
    return is_on(walk->job->overlap_moe_expert_parallel_comm) ? HOLDS : VIOLATED;
}

static enum answer cp_comm_len(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int count = job->cp_comm_type.count;

    if (count < 2 || !is_set(job->num_layers) ||
        (walk->release >= RELEASE_0_12_0 && job->context_parallel_size <= 1))
        return NOT_APPLICABLE;
    if (count == job->num_layers)
        return HOLDS;
    return violated(walk, finding,
                    "--cp-comm-type names %d kinds of communication for %" PRId64 " layers", count,
                    job->num_layers);
}

static enum answer pp_positive(struct walk *walk, struct finding *finding)
{
    if (walk->job->pipeline_model_parallel_size > 0)
        return HOLDS;
    return violated(walk, finding, "--pipeline-model-parallel-size %" PRId64 " is not positive",
                    walk->job->pipeline_model_parallel_size);
}

static enum answer many_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_experts) || job->num_experts < 32 || job->moe_router_dtype)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " experts are routed in the parameters' dtype; fp32 is steadier",
                    job->num_experts);
}

static enum answer symmetric_reduce(struct walk *walk, struct finding *finding)
{
    const struct facts *facts = walk->facts;

    if (!walk->job->symmetric_ar_type)
        return NOT_APPLICABLE;
    if (package_is_older(&facts->torch, "2.7.0a0"))
        return violated_at(walk, finding, 0, "--symmetric-ar-type needs torch 2.7, %s is installed",
                           facts->torch.value);
    if (package_is_older(&facts->transformer_engine, "2.3.0.dev0"))
        return violated_at(walk, finding, 1,
                           "--symmetric-ar-type needs Transformer Engine 2.3, %s is "
                           "installed",
                           facts->transformer_engine.value);
    return HOLDS;
}

static enum answer norope(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct freq *freq = &job->no_rope_freq;

    if (freq->kind == FREQ_NONE || (freq->kind == FREQ_INT && freq->every == 0) ||
        (freq->kind == FREQ_LIST && freq->count == 0) || !is_set(job->num_layers))
        return NOT_APPLICABLE;
    if (is_on(job->flash_decode))
        return violated_at(walk, finding, 0, "--no-rope-freq does not work with --flash-decode");
    if (freq->kind == FREQ_INT && job->num_layers % freq->every != 0)
        return violated_at(walk, finding, 1,
                           "%" PRId64 " layers are not a multiple of --no-rope-freq %" PRId64,
                           job->num_layers, freq->every);
    if (freq->kind == FREQ_LIST && freq->count != job->num_layers)
        return violated_at(walk, finding, 2,
                           "--no-rope-freq lists %d layers, the model has %" PRId64, freq->count,
                           job->num_layers);
    return HOLDS;
}

static enum answer inference_model(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->transformer_impl, "inference_optimized"))
        return NOT_APPLICABLE;
    if (!is_word(job->normalization, "RMSNorm"))
        return violated_at(walk, finding, 0,
                           "--transformer-impl inference_optimized needs RMSNorm, not '%s'",
                           job->normalization);
    if (is_on(job->layernorm_zero_centered_gamma))
        return violated_at(walk, finding, 1,
                           "--transformer-impl inference_optimized does not know "
                           "--apply-layernorm-1p");
    if (is_on(job->add_bias_linear) || is_on(job->add_qkv_bias))
        return violated_at(walk, finding, is_on(job->add_bias_linear) ? 2 : 3,
                           "--transformer-impl inference_optimized does not know %s",
                           is_on(job->add_bias_linear) ? "linear bias, which is on"
                                                       : "--add-qkv-bias");
    return HOLDS;
}

static bool all_gather_everywhere(const struct list *types)
{
    for (int i = 0; i < types->count; i++)
        if (strcmp(types->item[i], "all_gather") != 0 && strcmp(types->item[i], "allgather") != 0)
            return false;
    return types->count > 0;
}

static enum answer dsa_rope_fusion(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_word(job->experimental_attention_variant, "dsa"))
        return NOT_APPLICABLE;
    return is_on(job->apply_rope_fusion) ? VIOLATED : HOLDS;
}

static enum answer cp_dsa(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->experimental_attention_variant, "dsa") || job->context_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (walk->release < RELEASE_0_19_0)
        return violated_at(walk, finding, 0,
                           "DSA attention does not work with CP = %" PRId64 " in this release",
                           job->context_parallel_size);
    if (all_gather_everywhere(&job->cp_comm_type))
        return HOLDS;
    finding->fix = "--cp-comm-type all_gather";
    return violated_at(walk, finding, 1,
                       "DSA attention with CP = %" PRId64
                       " needs --cp-comm-type all_gather, not '%s'",
                       job->context_parallel_size,
                       job->cp_comm_type.count > 0 ? job->cp_comm_type.item[0] : "none");
}

static enum answer inference_fusions(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool fuse = is_on(job->inference_fuse_tp_communication);
    bool nvls = is_on(job->inference_disable_triton_nvls_kernels);

    if (!fuse && !nvls)
        return NOT_APPLICABLE;
    if (!is_word(job->transformer_impl, "inference_optimized"))
        return violated_at(
            walk, finding, fuse ? 0 : 2, "%s is for --transformer-impl inference_optimized only",
            fuse ? "--inference-fuse-tp-communication" : "--inference-disable-triton-nvls-kernels");
    if (fuse && walk->release >= RELEASE_0_17_0 && is_set(job->num_experts))
        return violated_at(walk, finding, 1,
                           "--inference-fuse-tp-communication does not work with experts");
    return HOLDS;
}

static void batch_invariant_expert_faults(struct walk *walk, struct faults *faults)
{
    const struct job *job = walk->job;

    fault(walk, faults,
          !is_word(job->transformer_impl, "inference_optimized") &&
              !is_word(job->moe_token_dispatcher_type, "alltoall"),
          "the dispatcher is not alltoall");
    fault(walk, faults, job->fp8 || job->fp4, "experts run in fp8 or fp4");
    fault(walk, faults,
          is_on(job->moe_permute_fusion) || is_on(job->moe_permute_fusion_into_hybridep),
          "permutation is fused");
    fault(walk, faults,
          is_on(job->moe_pad_expert_input_to_capacity) ||
              is_on(job->moe_pad_experts_for_cuda_graph_inference),
          "experts are padded");
}

static enum answer batch_invariant(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool pinned = walk->release >= RELEASE_0_19_0;
    struct faults faults = { 0 };

    if (!is_on(job->batch_invariant_mode))
        return NOT_APPLICABLE;
    fault(walk, &faults,
          walk->release >= RELEASE_MAIN && !is_word(job->params_dtype, "torch.bfloat16"),
          "parameters are not bf16");
    fault(walk, &faults, !is_word(job->attention_backend, "flash"),
          "--attention-backend is not flash");
    fault(walk, &faults,
          pinned && job->flash_attention_version != 3 && job->flash_attention_version != 4,
          "--flash-attention-version is neither 3 nor 4");
    fault(walk, &faults, pinned && job->context_parallel_size != 1, "CP is not 1");
    fault(walk, &faults, pinned && job->attention_dropout != 0.0, "--attention-dropout is not 0");
    if (walk->release >= RELEASE_MAIN && is_nonzero(job->num_experts))
        batch_invariant_expert_faults(walk, &faults);
    if (!faults.text)
        return HOLDS;
    return violated_at(walk, finding, faults.first, "--batch-invariant-mode does not work here: %s",
                       faults.text);
}

static enum answer mla_rope_fusion(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->multi_latent_attention) || !is_on(job->apply_rope_fusion))
        return NOT_APPLICABLE;
    if (is_word(job->rope_type, "yarn"))
        return HOLDS;
    return violated(walk, finding,
                    "multi-latent attention has a fused rotary kernel for yarn only, not "
                    "for --rope-type %s",
                    job->rope_type);
}

static enum answer mla_output_gate(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->multi_latent_attention))
        return NOT_APPLICABLE;
    return is_on(walk->job->attention_output_gate) ? VIOLATED : HOLDS;
}

static enum answer mla_latents_rope(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_on(job->multi_latent_attention) || !is_on(job->cache_mla_latents))
        return NOT_APPLICABLE;
    return is_on(job->apply_rope_fusion) ? VIOLATED : HOLDS;
}

static const struct rule rows[] = {
    { .id = "permute-fusion-te",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = permute_fusion,
      .options = "--moe-permute-fusion",
      .what = "--moe-permute-fusion needs Transformer Engine 2.1",
      .why = "The kernels are its own.",
      .fix = "drop --moe-permute-fusion" },
    { .id = "ep-overlap",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = ep_overlap,
      .options = "--overlap-moe-expert-parallel-comm",
      .what =
          "--overlap-moe-expert-parallel-comm needs EP > 1, alltoall or flex, model chunks with "
          "PP > 1, half precision, no full recomputation",
      .why = "It interleaves one micro-batch's communication with another's computation.",
      .fix = "drop --overlap-moe-expert-parallel-comm, or change what excludes it" },
    { .id = "delay-wgrad",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = delay_wgrad,
      .options = "--delay-wgrad-compute",
      .what = "--delay-wgrad-compute needs --overlap-moe-expert-parallel-comm",
      .why = "Weight gradients fill the time of that communication.",
      .fix = "drop --delay-wgrad-compute" },
    { .id = "dispatch-bwd-overlap",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = dispatch_backward_overlap,
      .options = "--overlap-dispatch-backward-with-experts-wgrad "
                 "--overlap-moe-expert-parallel-comm --delay-wgrad-compute",
      .what = "--overlap-dispatch-backward-with-experts-wgrad excludes other overlaps of experts",
      .why = "Each schedules the same weight gradients.",
      .fix = "keep one of them" },
    { .id = "ep-early-release",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = early_release,
      .options = "--ep-overlap-early-attn-memory-release",
      .what = "--ep-overlap-early-attn-memory-release needs --overlap-moe-expert-parallel-comm",
      .why = "It is a choice inside that schedule.",
      .fix = "drop --ep-overlap-early-attn-memory-release" },
    { .id = "cp-comm-len",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = cp_comm_len,
      .options = "--cp-comm-type --num-layers",
      .what = "--cp-comm-type is one kind of communication, or one for each layer",
      .why = "Up to 0.11 checked without context parallelism too.",
      .fix = "one --cp-comm-type for all layers" },
    { .id = "pp-positive",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = pp_positive,
      .shape = true,
      .options = "--pipeline-model-parallel-size",
      .needs = "world-divides-model sizes-positive pipeline-split-rank",
      .what = "--pipeline-model-parallel-size is positive",
      .why = "Layers are divided by it.",
      .fix = "--pipeline-model-parallel-size 1 or more" },
    { .id = "many-experts-fp32",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = many_experts,
      .options = "--num-experts",
      .what = "32 or more experts are better routed in fp32",
      .why = "Scores of many experts differ in bits that bf16 does not have.",
      .fix = "--moe-router-dtype fp32" },
    { .id = "symmetric-ar",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = symmetric_reduce,
      .options = "--symmetric-ar-type",
      .what = "--symmetric-ar-type needs torch 2.7 and Transformer Engine 2.3",
      .why = "Symmetric memory is younger than these.",
      .fix = "drop --symmetric-ar-type" },
    { .id = "norope",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = norope,
      .options = "--no-rope-freq --num-layers --flash-decode",
      .what = "--no-rope-freq divides the layers, or lists all of them",
      .why = "Every Nth layer, or each by itself.",
      .fix = "a --no-rope-freq that fits --num-layers" },
    { .id = "inf-opt",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = inference_model,
      .options = "--transformer-impl --normalization --apply-layernorm-1p --disable-bias-linear "
                 "--add-qkv-bias",
      .what = "--transformer-impl inference_optimized needs RMSNorm and no biases",
      .why = "The inference kernels implement nothing else.",
      .fix = "--transformer-impl transformer_engine for training" },
    { .id = "dsa-rope-fusion",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = dsa_rope_fusion,
      .options = "--experimental-attention-variant --position-embedding-type",
      .what = "DSA attention excludes the fused rotary kernel",
      .why = "The fusion is on by default with rotary positions.",
      .fix = "--no-rope-fusion" },
    { .id = "cp-dsa",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = cp_dsa,
      .options = "--context-parallel-size --cp-comm-type",
      .what = "DSA attention with context parallelism needs --cp-comm-type all_gather (0.19)",
      .why = "The indexer sees all keys.",
      .fix = "--context-parallel-size 1" },
    { .id = "inf-misc",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = inference_fusions,
      .options = "--inference-fuse-tp-communication --inference-disable-triton-nvls-kernels",
      .what = "options of inference kernels need --transformer-impl inference_optimized",
      .why = "They change its kernels.",
      .fix = "drop the option" },
    { .id = "batch-invariant",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = batch_invariant,
      .options = "--batch-invariant-mode",
      .what =
          "--batch-invariant-mode needs flash attention (3 or 4), CP 1, no attention dropout, bf16",
      .why = "Results must not depend on what else is in the batch.",
      .fix = "drop --batch-invariant-mode, or change what excludes it" },
    { .id = "mla-rope-fusion",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mla_rope_fusion,
      .options = "--rope-type --multi-latent-attention",
      .what = "multi-latent attention with --rope-type rope excludes the fused rotary kernel",
      .why = "The fusion is on by default with rotary positions.",
      .fix = "--no-rope-fusion" },
    { .id = "mla-output-gate",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = mla_output_gate,
      .options = "--multi-latent-attention --attention-output-gate",
      .what = "multi-latent attention excludes --attention-output-gate",
      .why = "The gate is not implemented there.",
      .fix = "drop --attention-output-gate" },
    { .id = "mla-latents-rope",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = mla_latents_rope,
      .options = "--cache-mla-latents",
      .what = "--cache-mla-latents excludes the fused rotary kernel",
      .why = "Latents are cached before rotation.",
      .fix = "--no-rope-fusion" },
};

const struct rule_section config_late_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
