/* Sixth part of validate_args: what is sharded over data parallel ranks (distributed optimizer,
 * torch FSDP2, Megatron-FSDP), 8 and 4 bit parameters. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void custom_fsdp_overlaps(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_word(job->data_parallel_sharding_strategy, "optim_grads_params"))
        job->overlap_param_gather = 1;
    if (is_word(job->data_parallel_sharding_strategy, "optim_grads_params") ||
        is_word(job->data_parallel_sharding_strategy, "optim_grads"))
        job->overlap_grad_reduce = 1;
}

static void fsdp2_fp8_gather_off(struct walk *walk)
{
    struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!is_on(job->use_torch_fsdp2) || !is_on(job->fp8_param_gather))
        return;
    if (!te->known || (*te->value && version_compare(te->value, "2.0.0") >= 0))
        job->fp8_param_gather = 0;
}

static void grad_comm_dtype(struct walk *walk)
{
    if (is_on(walk->job->grad_reduce_in_bf16))
        walk->job->megatron_fsdp_grad_comm_dtype = "bf16";
}

static void stream_dequant_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->fp8 && is_word(job->fp8_recipe, "tensorwise"))
        job->stream_ckpt_dequant = 0;
}

static void mfsdp_dopt(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return;
    job->use_custom_fsdp = 1;
    if (walk->release < RELEASE_0_18_2)
        return;
    if (walk->release < RELEASE_MAIN || job->megatron_fsdp_version != 2)
        job->use_distributed_optimizer = 1;
    job->reuse_grad_buf_for_mxfp8_param_ag = 0;
}

static void mfsdp_buffers(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return;
    if (is_on(job->nccl_ub)) {
        job->fsdp_manual_registration = 1;
        if (walk->release >= RELEASE_0_19_0)
            job->fsdp_double_buffer = 1;
    }
    if (is_on(job->megatron_fsdp_max_pool_double_buffer))
        job->fsdp_double_buffer = 1;
}

static void manual_registration_no_reuse(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->fsdp_manual_registration) && is_on(job->use_megatron_fsdp))
        job->reuse_grad_buf_for_mxfp8_param_ag = 0;
}

static enum answer opg_sharded(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_param_gather))
        return NOT_APPLICABLE;
    if (is_on(job->use_distributed_optimizer))
        return HOLDS;
    if (walk->release >= RELEASE_0_14_0 && is_on(job->use_megatron_fsdp))
        return HOLDS;
    if (walk->release >= RELEASE_0_17_0 && is_word(job->optimizer, "dist_muon"))
        return HOLDS;
    return violated(walk, finding,
                    "--overlap-param-gather has no sharded parameters to gather: no "
                    "--use-distributed-optimizer");
}

static enum answer opg_ogr(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_param_gather))
        return NOT_APPLICABLE;
    if (is_on(job->overlap_grad_reduce))
        return HOLDS;
    return violated(walk, finding, "--overlap-param-gather comes without --overlap-grad-reduce");
}

static enum answer opg_legacy(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_param_gather))
        return NOT_APPLICABLE;
    if (!is_on(job->use_legacy_models))
        return HOLDS;
    return violated(walk, finding, "legacy models cannot overlap the gathering of parameters");
}

/* In the order in which Megatron asks. */
static enum answer fsdp2_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool torch_ckpt = is_word(job->ckpt_format, "torch_dist") ||
                      (walk->release >= RELEASE_0_12_0 && is_word(job->ckpt_format, "torch_dcp"));
    const struct {
        bool conflict;
        const char *with;
    } row[] = {
        { job->pipeline_model_parallel_size != 1, "pipeline parallelism" },
        { job->expert_model_parallel_size != 1, "expert parallelism" },
        { is_on(job->use_distributed_optimizer), "--use-distributed-optimizer" },
        { is_on(job->gradient_accumulation_fusion),
          "the gradient accumulation fusion: no --no-gradient-accumulation-fusion" },
        { !torch_ckpt, arena_printf(walk->arena, "'--ckpt-format %s'", job->ckpt_format) },
        { !is_on(job->untie_embeddings_and_output_weights),
          "tied embeddings: no --untie-embeddings-and-output-weights" },
        { is_on(job->fp16), "--fp16" },
    };

    if (!is_on(job->use_torch_fsdp2))
        return NOT_APPLICABLE;
    for (int i = 0; i < (int)(sizeof(row) / sizeof(row[0])); i++)
        if (row[i].conflict)
            return violated_at(walk, finding, i, "--use-torch-fsdp2 does not work with %s",
                               row[i].with);
    return HOLDS;
}

static enum answer fsdp2_torch(struct walk *walk, struct finding *finding)
{
    if (!is_on(walk->job->use_torch_fsdp2))
        return NOT_APPLICABLE;
    if (!version_below(&walk->facts->torch, "2.4.0"))
        return HOLDS;
    return violated(walk, finding, "torch %s has no FSDP2, 2.4 does", walk->facts->torch.value);
}

/* One connection serializes the streams that FSDP overlaps. */
static enum answer connections(struct walk *walk, struct finding *finding, int place,
                               const char *option)
{
    const struct environment *env = &walk->facts->environment;

    if (!env->known)
        return NOT_APPLICABLE;
    if (!is_word(environment_get(env, "CUDA_DEVICE_MAX_CONNECTIONS"), "1"))
        return HOLDS;
    return violated_at(walk, finding, place,
                       "CUDA_DEVICE_MAX_CONNECTIONS=1 serializes what %s overlaps", option);
}

static enum answer fsdp2_connections(struct walk *walk, struct finding *finding)
{
    return is_on(walk->job->use_torch_fsdp2) ? connections(walk, finding, 0, "--use-torch-fsdp2")
                                             : NOT_APPLICABLE;
}

static enum answer opg_step(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->overlap_param_gather_with_optimizer_step))
        return NOT_APPLICABLE;
    if (!is_on(job->use_distributed_optimizer))
        return violated(walk, finding,
                        "--overlap-param-gather-with-optimizer-step comes without "
                        "--use-distributed-optimizer");
    if (!is_on(job->overlap_param_gather))
        return violated_at(walk, finding, 1,
                           "--overlap-param-gather-with-optimizer-step comes without "
                           "--overlap-param-gather");
    if (!is_set(job->virtual_pipeline_model_parallel_size))
        return violated_at(walk, finding, 2,
                           "--overlap-param-gather-with-optimizer-step has no model "
                           "chunks to interleave");
    if (is_on(job->use_dist_ckpt))
        return violated_at(walk, finding, 3,
                           "--overlap-param-gather-with-optimizer-step does not work "
                           "with distributed checkpoints (--ckpt-format %s)",
                           job->ckpt_format);
    return HOLDS;
}

static enum answer fp8_gather(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp8_param_gather))
        return NOT_APPLICABLE;
    if (is_on(job->use_distributed_optimizer) ||
        (walk->release >= RELEASE_0_12_0 && is_on(job->use_torch_fsdp2)) ||
        (walk->release >= RELEASE_0_14_0 && is_on(job->use_megatron_fsdp)))
        return HOLDS;
    return violated(walk, finding,
                    "--fp8-param-gather has no sharded parameters to gather: no "
                    "--use-distributed-optimizer");
}

static enum answer fp4_xor_fp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->fp4)
        return NOT_APPLICABLE;
    if (!job->fp8)
        return HOLDS;
    return violated(walk, finding, "'--fp4-format %s' and '--fp8-format %s' exclude each other",
                    job->fp4, job->fp8);
}

static enum answer fp4_params(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp4_param_gather) && !is_on(job->fp4_param))
        return NOT_APPLICABLE;
    if (job->fp4)
        return HOLDS;
    return violated(walk, finding, "--fp4-param-gather has no fp4 parameters: no --fp4-format");
}

static enum answer fp4_te(struct walk *walk, struct finding *finding)
{
    if (!walk->job->fp4)
        return NOT_APPLICABLE;
    if (!version_below(&walk->facts->transformer_engine, "2.7.0.dev0"))
        return HOLDS;
    return violated(walk, finding, "Transformer Engine %s has no fp4, 2.7 does",
                    walk->facts->transformer_engine.value);
}

static enum answer mfsdp2_dopt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp) || job->megatron_fsdp_version != 2)
        return NOT_APPLICABLE;
    if (!is_on(job->use_distributed_optimizer))
        return HOLDS;
    return violated(walk, finding,
                    "--megatron-fsdp-version 2 shards the optimizer itself: "
                    "--use-distributed-optimizer is in the way");
}

static enum answer mfsdp_grouped(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return NOT_APPLICABLE;
    if (!is_on(job->moe_single_grouped_weight) && !is_on(job->moe_single_grouped_bias))
        return HOLDS;
    return violated(walk, finding, "Megatron-FSDP cannot shard single grouped weights or biases");
}

static enum answer mfsdp_optimizer(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return NOT_APPLICABLE;
    if (is_word(job->optimizer, "sgd") || is_word(job->optimizer, "adam"))
        return HOLDS;
    return violated(walk, finding, "Megatron-FSDP does not know '--optimizer %s'", job->optimizer);
}

static bool any_mfsdp(const struct walk *walk)
{
    return is_on(walk->release < RELEASE_0_14_0 ? walk->job->use_custom_fsdp
                                                : walk->job->use_megatron_fsdp);
}

static enum answer mfsdp_connections(struct walk *walk, struct finding *finding)
{
    const char *option =
        walk->release < RELEASE_0_14_0 ? "--use-custom-fsdp" : "--use-megatron-fsdp";

    return any_mfsdp(walk) ? connections(walk, finding, 1, option) : NOT_APPLICABLE;
}

static enum answer mfsdp_hash(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!any_mfsdp(walk) || !is_word(job->data_parallel_sharding_strategy, "optim_grads_params"))
        return NOT_APPLICABLE;
    if (!is_set(job->check_weight_hash_across_dp_replicas_interval))
        return HOLDS;
    return violated(walk, finding,
                    "sharded parameters have no replicas to compare every %" PRId64 " iterations",
                    job->check_weight_hash_across_dp_replicas_interval);
}

static enum answer mfsdp_ckpt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp))
        return NOT_APPLICABLE;
    if (is_word(job->ckpt_format, "fsdp_dtensor"))
        return HOLDS;
    return violated(walk, finding, "Megatron-FSDP cannot write '--ckpt-format %s'",
                    job->ckpt_format);
}

static enum answer mfsdp_meta(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_megatron_fsdp) || !is_on(job->init_model_with_meta_device))
        return NOT_APPLICABLE;
    if (!is_word(job->data_parallel_sharding_strategy, "no_shard"))
        return HOLDS;
    return violated(walk, finding,
                    "--init-model-with-meta-device needs shards, the strategy is no_shard");
}

static enum answer custom_fsdp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_custom_fsdp))
        return NOT_APPLICABLE;
    if (!is_on(job->use_distributed_optimizer))
        return violated_at(walk, finding, 0,
                           "--use-custom-fsdp comes without --use-distributed-optimizer");
    if (is_on(job->gradient_accumulation_fusion) &&
        (is_word(job->data_parallel_sharding_strategy, "optim_grads_params") ||
         is_word(job->data_parallel_sharding_strategy, "optim_grads")))
        return violated_at(walk, finding, 1,
                           "sharded gradients exclude the gradient accumulation fusion");
    return HOLDS;
}

static enum answer fsdp_registration(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fsdp_manual_registration))
        return NOT_APPLICABLE;
    if (is_on(job->use_megatron_fsdp) && is_on(job->nccl_ub))
        return HOLDS;
    return violated_at(walk, finding, is_on(job->use_megatron_fsdp),
                       "--fsdp-manual-registration comes without %s",
                       is_on(job->use_megatron_fsdp) ? "--use-nccl-ub" : "--use-megatron-fsdp");
}

static const struct rule rows[] = {
    { .id = "custom-fsdp-overlaps",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_13_0,
      .adjust = custom_fsdp_overlaps,
      .what = "a sharding strategy beyond the optimizer turns the overlaps on",
      .why = "--overlap-param-gather and --overlap-grad-reduce." },
    { .id = "opg-needs-dopt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--overlap-param-gather --use-distributed-optimizer",
      .check = opg_sharded,
      .what = "--overlap-param-gather needs --use-distributed-optimizer",
      .why = "Only sharded parameters are gathered; Megatron-FSDP (0.14) or dist_muon "
             "(0.17) will do too.",
      .fix = "--use-distributed-optimizer" },
    { .id = "opg-needs-ogr",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--overlap-param-gather --overlap-grad-reduce",
      .check = opg_ogr,
      .what = "--overlap-param-gather needs --overlap-grad-reduce",
      .why = "Both walk the same buckets.",
      .fix = "--overlap-grad-reduce" },
    { .id = "legacy-models-opg",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--overlap-param-gather --use-legacy-models",
      .check = opg_legacy,
      .what = "--overlap-param-gather excludes legacy models",
      .why = "Only Megatron-core modules gather in their forward.",
      .fix = "remove --use-legacy-models" },
    { .id = "fsdp2-torch",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--use-torch-fsdp2",
      .check = fsdp2_torch,
      .what = "torch FSDP2 needs torch 2.4",
      .why = "fully_shard() is not there before.",
      .fix = "a newer torch" },
    { .id = "fsdp2-excludes",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--use-torch-fsdp2 --pipeline-model-parallel-size "
                 "--expert-model-parallel-size --use-distributed-optimizer --ckpt-format "
                 "--fp16",
      .check = fsdp2_alone,
      .what = "torch FSDP2 excludes pipelines, experts, the distributed optimizer and more",
      .why = "It shards whole modules with DTensor and owns their gradients.",
      .fix = "--no-gradient-accumulation-fusion --untie-embeddings-and-output-weights "
             "--ckpt-format torch_dist, without the options named" },
    { .id = "cdmc-fsdp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --use-torch-fsdp2 --use-megatron-fsdp "
                 "--use-custom-fsdp",
      .check = fsdp2_connections,
      .what = "FSDP excludes CUDA_DEVICE_MAX_CONNECTIONS=1",
      .why = "Its streams run at the same time; unset is fine.",
      .fix = "unset CUDA_DEVICE_MAX_CONNECTIONS" },
    { .id = "fsdp2-fp8-gather-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .adjust = fsdp2_fp8_gather_off,
      .what = "--fp8-param-gather is off with torch FSDP2",
      .why = "Transformer Engine 2 cannot gather fp8 parameters there; bf16 is gathered." },
    { .id = "opgos",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .options = "--overlap-param-gather-with-optimizer-step --use-distributed-optimizer "
                 "--overlap-param-gather --ckpt-format",
      .check = opg_step,
      .what = "--overlap-param-gather-with-optimizer-step needs sharding, chunks and torch "
              "checkpoints",
      .why = "The first chunk is gathered while the optimizer steps the others.",
      .fix = "--use-distributed-optimizer --overlap-param-gather, model chunks and "
             "--ckpt-format torch" },
    { .id = "fsdp-grad-comm-bf16",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_0_18_2,
      .adjust = grad_comm_dtype,
      .what = "--grad-reduce-in-bf16 sets Megatron-FSDP's communication type too",
      .why = "megatron_fsdp_grad_comm_dtype becomes bf16." },
    { .id = "fp8-param-dopt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .options = "--fp8-param-gather --use-distributed-optimizer",
      .check = fp8_gather,
      .what = "--fp8-param-gather needs sharded parameters",
      .why = "fp8 shards are gathered instead of bf16; FSDP2 (0.12) or Megatron-FSDP "
             "(0.14) will do too.",
      .fix = "--use-distributed-optimizer" },
    { .id = "fp8-xor-fp4",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--fp4-format --fp8-format",
      .check = fp4_xor_fp8,
      .what = "--fp4-format excludes --fp8-format",
      .why = "One quantization at a time.",
      .fix = "keep one of the two" },
    { .id = "fp4-param",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--fp4-param-gather --fp4-format",
      .check = fp4_params,
      .what = "--fp4-param-gather needs --fp4-format",
      .why = "Parameters are gathered in fp4 only if they are fp4.",
      .fix = "--fp4-format e2m1" },
    { .id = "fp4-te",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--fp4-format",
      .check = fp4_te,
      .what = "fp4 needs Transformer Engine 2.7",
      .why = "The NVFP4 recipe is not there before.",
      .fix = "a newer Transformer Engine" },
    { .id = "stream-dequant-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_0_19_0,
      .adjust = stream_dequant_off,
      .what = "checkpoints are not dequantized while streaming with fp8 tensorwise",
      .why = "stream_ckpt_dequant is switched off." },
    { .id = "mfsdp-v2-dopt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .options = "--megatron-fsdp-version --use-distributed-optimizer",
      .check = mfsdp2_dopt,
      .what = "Megatron-FSDP 2 excludes --use-distributed-optimizer",
      .why = "It has an optimizer state of its own.",
      .fix = "remove --use-distributed-optimizer" },
    { .id = "mfsdp-v1-dopt",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .adjust = mfsdp_dopt,
      .what = "Megatron-FSDP turns the distributed optimizer on (since 0.18)",
      .why = "Its first version needs it; gradient buffers are not reused for mxfp8." },
    { .id = "mfsdp-grouped",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--use-megatron-fsdp --moe-single-grouped-weight --moe-single-grouped-bias",
      .check = mfsdp_grouped,
      .what = "Megatron-FSDP excludes single grouped weights",
      .why = "Their storage cannot be remapped.",
      .fix = "remove --moe-single-grouped-weight and --moe-single-grouped-bias" },
    { .id = "mfsdp-opt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--use-megatron-fsdp --optimizer",
      .check = mfsdp_optimizer,
      .what = "Megatron-FSDP needs adam or sgd",
      .why = "Other optimizers need whole matrices.",
      .fix = "--optimizer adam" },
    { .id = "mfsdp-grad-fusion-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_13_0,
      .options = "--use-custom-fsdp --use-distributed-optimizer "
                 "--data-parallel-sharding-strategy",
      .check = custom_fsdp,
      .what = "custom FSDP needs the distributed optimizer, and no fusion with sharded "
              "gradients",
      .why = "It is built on the distributed optimizer.",
      .fix = "--use-distributed-optimizer --no-gradient-accumulation-fusion" },
    { .id = "mfsdp-hash",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--check-weight-hash-across-dp-replicas-interval "
                 "--data-parallel-sharding-strategy",
      .check = mfsdp_hash,
      .what = "sharded parameters exclude comparing replicas",
      .why = "There are no whole replicas to compare.",
      .fix = "remove --check-weight-hash-across-dp-replicas-interval" },
    { .id = "cdmc-fsdp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --use-torch-fsdp2 --use-megatron-fsdp "
                 "--use-custom-fsdp",
      .check = mfsdp_connections,
      .what = "FSDP excludes CUDA_DEVICE_MAX_CONNECTIONS=1",
      .why = "Its streams run at the same time; unset is fine.",
      .fix = "unset CUDA_DEVICE_MAX_CONNECTIONS" },
    { .id = "mfsdp-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "--use-megatron-fsdp --ckpt-format",
      .check = mfsdp_ckpt,
      .what = "Megatron-FSDP needs --ckpt-format fsdp_dtensor",
      .why = "Its shards are DTensors.",
      .fix = "--ckpt-format fsdp_dtensor" },
    { .id = "mfsdp-buffers",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = mfsdp_buffers,
      .what = "Megatron-FSDP with --use-nccl-ub registers its own double buffers",
      .why = "fsdp_manual_registration, and since 0.19 fsdp_double_buffer." },
    { .id = "mfsdp-meta",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--init-model-with-meta-device --data-parallel-sharding-strategy",
      .check = mfsdp_meta,
      .what = "initialization on the meta device needs shards",
      .why = "no_shard has nothing to fill.",
      .fix = "--data-parallel-sharding-strategy optim_grads_params" },
    { .id = "mfsdp-nccl-ub",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--fsdp-manual-registration --use-megatron-fsdp --use-nccl-ub",
      .check = fsdp_registration,
      .what = "--fsdp-manual-registration needs --use-megatron-fsdp and --use-nccl-ub",
      .why = "It registers their buffers with NCCL.",
      .fix = "--use-megatron-fsdp --use-nccl-ub" },
    { .id = "fsdp-registration-no-reuse",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .adjust = manual_registration_no_reuse,
      .what = "--fsdp-manual-registration turns --reuse-grad-buf-for-mxfp8-param-ag off",
      .why = "Megatron-FSDP has buffers of its own." },
};

const struct rule_section validate_sharding_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
