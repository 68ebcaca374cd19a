/* From arguments to config: what the entry script selects, and the parallel part of the config. The
 * sections of TransformerConfig follow in config_*.c, in the order of its checks. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static enum answer hetero_without_mla(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->heterogeneous_layers_config_path)
        return NOT_APPLICABLE;
    if (!is_on(job->multi_latent_attention))
        return HOLDS;
    return violated(walk, finding,
                    "--heterogeneous-layers-config-path describes attention without latents, but "
                    "--multi-latent-attention is given");
}

static void set_pipeline_tensors(struct walk *walk)
{
    struct job *job = walk->job;

    job->pipeline_dtype = job->params_dtype;
    job->batch_p2p_comm = !is_on(job->overlap_p2p_comm);
    job->variable_seq_lengths = 0;
}

static enum answer one_activation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool geglu = walk->release >= RELEASE_0_15_0 && is_on(job->quick_geglu);

    if (!is_on(job->swiglu))
        return NOT_APPLICABLE;
    if (!is_on(job->squared_relu) && !geglu)
        return HOLDS;
    return violated_at(walk, finding, !is_on(job->squared_relu),
                       "--swiglu and %s are two activations for one MLP",
                       is_on(job->squared_relu) ? "--squared-relu" : "--quick-geglu");
}

static void choose_activation(struct walk *walk)
{
    struct job *job = walk->job;

    job->gated_linear_unit = is_on(job->swiglu);
    job->activation_func = is_on(job->swiglu) ? "silu" : "gelu";
    job->bias_activation_fusion =
        is_on(job->swiglu) ? job->bias_swiglu_fusion : job->bias_gelu_fusion;
    if (is_on(job->squared_relu)) {
        job->activation_func = "squared_relu";
    } else if (is_on(job->quick_geglu)) {
        job->gated_linear_unit = 1;
        job->activation_func = "quick_gelu";
    }
}

static void groups_without_gqa(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->group_query_attention))
        job->num_query_groups = job->num_attention_heads;
}

static enum answer rope_type(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->rope_type || is_on(job->multi_latent_attention))
        return NOT_APPLICABLE;
    if (is_word(job->rope_type, "rope"))
        return HOLDS;
    return violated(walk, finding, "--rope-type %s is for --multi-latent-attention only",
                    job->rope_type);
}

static void rope_type_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->multi_latent_attention))
        job->rope_type = NULL;
    else if (!job->rope_type)
        job->rope_type = "yarn";
}

static void unwrap_cp_comm_type(struct walk *walk)
{
    if (walk->job->cp_comm_type.count == 1)
        walk->job->cp_comm_type.scalar = true;
}

static void dsa_of_pattern(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->hybrid_layer_pattern && strchr(job->hybrid_layer_pattern, 'D'))
        job->experimental_attention_variant = "dsa";
}

static void etp_default(struct walk *walk)
{
    if (!is_set(walk->job->expert_tensor_parallel_size))
        walk->job->expert_tensor_parallel_size = walk->job->tensor_model_parallel_size;
}

static enum answer init_xavier(struct walk *walk, struct finding *finding)
{
    if (!is_on(walk->job->init_method_xavier_uniform))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--init-method-xavier-uniform is passed on under a name that no "
                    "config knows");
}

static enum answer defer_wgrad(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->defer_embedding_wgrad_compute))
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size == 1) {
        finding->fix = "drop --defer-embedding-wgrad-compute";
        return violated_at(
            walk, finding, 0,
            "--defer-embedding-wgrad-compute fills the pipeline's idle time, but PP = 1 "
            "has none");
    }
    if (!is_on(job->gradient_accumulation_fusion)) {
        finding->fix = "drop --no-gradient-accumulation-fusion or --defer-embedding-wgrad-compute";
        return violated_at(
            walk, finding, 1,
            "--defer-embedding-wgrad-compute needs fused gradient accumulation, which is "
            "off");
    }
    if (job->wgrad_deferral_limit < 0) {
        finding->fix = "--wgrad-deferral-limit 0 defers without limit";
        return violated_at(walk, finding, 2, "--wgrad-deferral-limit %" PRId64 " is negative",
                           job->wgrad_deferral_limit);
    }
    return HOLDS;
}

static enum answer ep_tp_needs_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->expert_model_parallel_size <= 1 || job->tensor_model_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (job->sequence_parallel != 0)
        return HOLDS;
    return violated(walk, finding,
                    "EP = %" PRId64 " with TP = %" PRId64
                    " needs sequence parallelism, which is off",
                    job->expert_model_parallel_size, job->tensor_model_parallel_size);
}

static void microbatch_group_default(struct walk *walk)
{
    if (!is_set(walk->job->microbatch_group_size_per_vp_stage))
        walk->job->microbatch_group_size_per_vp_stage = walk->job->pipeline_model_parallel_size;
}

static enum answer warmup_flush(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_p2p_comm_warmup_flush))
        return NOT_APPLICABLE;
    if (is_on(job->overlap_p2p_comm) && !is_on(job->batch_p2p_comm))
        return HOLDS;
    return violated(walk, finding,
                    "--overlap-p2p-communication-warmup-flush needs overlapped point-to-point "
                    "communication, which is off%s",
                    is_set(job->virtual_pipeline_model_parallel_size)
                        ? ""
                        : " without interleaved model chunks");
}

static const struct rule rows[] = {
    { .id = "hetero-mla",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = hetero_without_mla,
      .options = "--heterogeneous-layers-config-path --multi-latent-attention",
      .what = "heterogeneous layers exclude multi-latent attention",
      .why = "The two have config classes that cannot be combined.",
      .fix = "drop --multi-latent-attention or the heterogeneous config" },
    { .id = "batch-p2p",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = set_pipeline_tensors,
      .what = "point-to-point calls are batched unless they overlap",
      .why = "Tensors between stages have the dtype of the parameters." },
    { .id = "swiglu-xor",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = one_activation,
      .options = "--swiglu --squared-relu --quick-geglu",
      .what = "--swiglu excludes --squared-relu and --quick-geglu",
      .why = "Each selects the activation of the MLP.",
      .fix = "keep one of them" },
    { .id = "activation-select",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = choose_activation,
      .what =
          "the activation is gelu unless --swiglu, --squared-relu or --quick-geglu says otherwise",
      .why = "SwiGLU and quick-GEGLU double the width of the first linear layer." },
    { .id = "gqa-groups",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = groups_without_gqa,
      .what = "without --group-query-attention there are as many groups as heads",
      .why = "--num-query-groups alone is ignored." },
    { .id = "rope-type",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = rope_type,
      .options = "--rope-type",
      .what = "--rope-type yarn needs --multi-latent-attention",
      .why = "Common attention knows one kind of rotation.",
      .fix = "drop --rope-type" },
    { .id = "rope-type-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .adjust = rope_type_default,
      .what = "multi-latent attention rotates with yarn unless told otherwise",
      .why = "The default of its config class; the common one has no such field." },
    { .id = "cp-comm-single",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = unwrap_cp_comm_type,
      .what = "one --cp-comm-type is for all layers",
      .why = "Several are one for each layer." },
    { .id = "hyb-dsa",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = dsa_of_pattern,
      .what = "'D' in a hybrid pattern is DSA attention",
      .why = "The symbol selects --experimental-attention-variant dsa." },
    { .id = "etp-config-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = etp_default,
      .what = "experts are split over TP unless --expert-tensor-parallel-size is given",
      .why = "With many experts and TP > 1 this needs EP x TP x PP ranks." },
    { .id = "init-xavier",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = init_xavier,
      .options = "--init-method-xavier-uniform",
      .what = "weights are not initialized by --init-method-xavier-uniform",
      .why = "It sets 'scaled_init_method', which is no field of the config (TypeError).",
      .fix = "drop --init-method-xavier-uniform" },
    { .id = "defer-wgrad",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = defer_wgrad,
      .options = "--defer-embedding-wgrad-compute --pipeline-model-parallel-size "
                 "--no-gradient-accumulation-fusion --wgrad-deferral-limit",
      .what = "--defer-embedding-wgrad-compute needs PP > 1 and fused gradient accumulation",
      .why = "The output layer's weight gradient is computed while the pipeline drains.",
      .fix = "drop --defer-embedding-wgrad-compute" },
    { .id = "ep-tp-sp-warn",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .check = ep_tp_needs_sp,
      .options = "--expert-model-parallel-size --tensor-model-parallel-size",
      .what = "experts and tensor parallelism need --sequence-parallel",
      .why = "Up to 0.14 refused here; 0.15 means to warn and fails in the attempt.",
      .fix = "add --sequence-parallel" },
    { .id = "microbatch-group-default",
      .stage = STAGE_CONFIG,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = microbatch_group_default,
      .what = "the interleaved schedule works on groups of PP micro-batches",
      .why = "Unless --microbatch-group-size-per-virtual-pipeline-stage says otherwise." },
    { .id = "warmup-flush",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = warmup_flush,
      .options = "--overlap-p2p-communication-warmup-flush --no-overlap-p2p-communication",
      .what = "--overlap-p2p-communication-warmup-flush needs interleaving with overlap",
      .why = "It extends the overlap of the interleaved schedule to its ends.",
      .fix = "drop --overlap-p2p-communication-warmup-flush, or interleave with "
             "--num-virtual-stages-per-pipeline-rank" },
};

const struct rule_section config_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
