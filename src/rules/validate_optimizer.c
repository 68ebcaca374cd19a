/* Eleventh part of validate_args: optimizers, checkpoints, inference, upcycling, offloading. */
#include <inttypes.h>

#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void layer_wise_optimizer(struct walk *walk)
{
    struct job *job = walk->job;

    job->use_layer_wise_distributed_optimizer = 0;
    if (is_word(job->optimizer, "sgd") || is_word(job->optimizer, "adam"))
        return;
    if (is_word(job->optimizer, "dist_muon")) {
        job->optimizer = "muon";
        job->use_layer_wise_distributed_optimizer = 1;
    }
    if (is_on(job->use_distributed_optimizer)) {
        job->use_layer_wise_distributed_optimizer = 1;
        job->use_distributed_optimizer = 0;
    }
}

static void fake_process_group(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->fake_process_group))
        return;
    job->check_for_nan_in_loss_and_grad = 0;
    if (walk->release < RELEASE_0_17_0)
        job->enable_gloo_process_groups = 0;
    else
        job->use_gloo_process_groups = 0;
}

static void async_save_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->use_dist_ckpt) && is_on(job->async_save) &&
        !is_on(job->use_persistent_ckpt_worker))
        job->async_save = 0;
    if (walk->release >= RELEASE_0_18_2 && !is_on(job->async_save))
        job->async_strategy = "mcore";
}

static void freeze_all(struct walk *walk)
{
    if (!is_on(walk->job->freeze_all_layers))
        return;
    walk->job->use_distributed_optimizer = 0;
    walk->job->overlap_param_gather = 0;
}

static void upcycling_loads_nothing(struct walk *walk)
{
    if (!is_on(walk->job->moe_use_upcycling))
        return;
    walk->job->no_load_optim = 1;
    walk->job->no_load_rng = 1;
}

static void skip_train_no_optim(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->skip_train) && (walk->release < RELEASE_0_17_0 || !is_on(job->perform_rl_step)))
        job->no_load_optim = 1;
}

static void replication_jump_ignored(struct walk *walk)
{
    if (!is_on(walk->job->replication) && is_nonzero(walk->job->replication_jump))
        walk->job->replication_jump = NONE_INT;
}

/* What optimizers other than adam and sgd exclude; "muon" in the name is enough up to 0.17. */
static bool is_emerging(const struct walk *walk)
{
    const char *name = walk->job->optimizer;

    if (walk->release < RELEASE_0_18_2)
        return name && strstr(name, "muon");
    return !is_word(name, "sgd") && !is_word(name, "adam");
}

static enum answer emerging_excludes(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool old = walk->release < RELEASE_0_18_2;
    bool known_ckpt = is_word(job->ckpt_format, "torch") || is_word(job->ckpt_format, "torch_dist");
    const struct {
        bool conflict;
        const char *with;
    } row[] = {
        { old && is_on(job->use_distributed_optimizer), "--use-distributed-optimizer" },
        { is_on(job->use_torch_fsdp2), "--use-torch-fsdp2" },
        { is_on(job->use_megatron_fsdp), "--use-megatron-fsdp" },
        { !known_ckpt, arena_printf(walk->arena, "'--ckpt-format %s'", job->ckpt_format) },
    };

    if (!is_emerging(walk))
        return NOT_APPLICABLE;
    for (int i = 0; i < (int)(sizeof(row) / sizeof(row[0])); i++)
        if (row[i].conflict)
            return violated_at(walk, finding, old ? i : i - 1,
                               "'--optimizer %s' does not work with %s", job->optimizer,
                               row[i].with);
    return HOLDS;
}

static enum answer muon_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (walk->release == RELEASE_0_16_0 ? !is_emerging(walk) : !is_word(job->optimizer, "muon"))
        return NOT_APPLICABLE;
    if (!is_on(job->overlap_grad_reduce) && !is_on(job->overlap_param_gather))
        return HOLDS;
    return violated_at(walk, finding, !is_on(job->overlap_grad_reduce),
                       "'--optimizer %s' does not work with %s", job->optimizer,
                       is_on(job->overlap_grad_reduce) ? "--overlap-grad-reduce"
                                                       : "--overlap-param-gather");
}

static enum answer gloo_off_ckpt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    py_bool gloo = walk->release < RELEASE_0_17_0 ? job->enable_gloo_process_groups
                                                  : job->use_gloo_process_groups;

    if (gloo != 0 || !is_on(job->use_distributed_optimizer))
        return NOT_APPLICABLE;
    if (!is_on(job->use_dist_ckpt))
        return violated_at(walk, finding, 0,
                           "'--ckpt-format %s' collects the distributed optimizer over Gloo "
                           "groups, which are disabled",
                           job->ckpt_format);
    if (is_on(job->dist_ckpt_optim_fully_reshardable) &&
        is_on(job->distrib_optim_fully_reshardable_mem_efficient))
        return violated_at(walk, finding, 1,
                           "--distrib-optim-fully-reshardable-mem-efficient works over Gloo "
                           "groups, which are disabled");
    return HOLDS;
}

static enum answer fake_pg_flex(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fake_process_group))
        return NOT_APPLICABLE;
    if (!is_word(job->moe_token_dispatcher_type, "flex"))
        return HOLDS;
    return violated(walk, finding, "--fake-process-group does not work with the flex dispatcher");
}

static enum answer pg_cache(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *save = job->ckpt_fully_parallel_save_process_group;
    const char *load = job->ckpt_fully_parallel_load_process_group;

    if (!job->ckpt_pg_tensors_cache_path || !save || !load)
        return NOT_APPLICABLE;
    if (strcmp(save, load) == 0)
        return HOLDS;
    return violated(walk, finding,
                    "--ckpt-pg-tensors-cache-path serves one group, saving uses %s and "
                    "loading %s",
                    save, load);
}

static enum answer load_main_params(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->load_main_params_from_ckpt))
        return NOT_APPLICABLE;
    if (is_on(job->no_load_optim))
        return HOLDS;
    return violated(walk, finding, "--load-main-params-from-ckpt comes without --no-load-optim");
}

static enum answer logits_save(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->logits_save_dir)
        return NOT_APPLICABLE;
    if (!is_set(job->logits_save_top_k))
        return violated_at(walk, finding, 0, "--logits-save-dir comes without --logits-save-top-k");
    if (is_on(job->async_save))
        return HOLDS;
    return violated_at(
        walk, finding, 1, "--logits-save-dir is written by --async-save, which is %s",
        job_given(job, JOB_async_save) ? "off without --use-persistent-ckpt-worker" : "not given");
}

static enum answer override_iteration(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->override_ckpt_iteration))
        return NOT_APPLICABLE;
    if (!is_on(job->finetune))
        return HOLDS;
    return violated(walk, finding,
                    "--finetune starts at iteration 0, --override-ckpt-iteration at "
                    "%" PRId64,
                    job->override_ckpt_iteration);
}

static enum answer inference_pipeline(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t threshold = job->inference_batch_times_seqlen_threshold;

    if (!is_set(threshold) || threshold <= -1)
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size <= 1)
        return violated_at(walk, finding, 0,
                           "--inference-batch-times-seqlen-threshold %" PRId64
                           " has no pipeline to fill: one pipeline rank",
                           threshold);
    if (walk->release >= RELEASE_0_15_0
            ? is_word(job->cuda_graph_impl, "none")
            : !is_on(job->enable_cuda_graph) || walk->release < RELEASE_0_13_0)
        return HOLDS;
    return violated_at(walk, finding, 1, "pipelined inference does not work with CUDA graphs");
}

/* Tokens a block (chunk up to 0.14) of the KV cache. */
static enum answer kv_chunk(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tokens = walk->release < RELEASE_0_15_0 ? job->inference_dynamic_batching_chunk_size
                                                    : job->inference_dynamic_batching_block_size;

    if (!is_on(job->inference_dynamic_batching) || !is_set(tokens))
        return NOT_APPLICABLE;
    if (floor_mod(tokens, 256) == 0)
        return HOLDS;
    finding_fix(walk, finding, "%s %" PRId64,
                walk->release < RELEASE_0_15_0 ? "--inference-dynamic-batching-chunk-size"
                                               : "--inference-dynamic-batching-block-size",
                round_up(tokens, 256));
    return violated_at(walk, finding, 1,
                       "%" PRId64 " tokens of the KV cache are not a multiple of 256", tokens);
}

static enum answer graphs_pad_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->cuda_graph_impl, "local") || job->expert_model_parallel_size <= 1 ||
        (walk->release == RELEASE_0_17_0 && is_word(job->transformer_impl, "inference_optimized")))
        return NOT_APPLICABLE;
    if (is_on(job->moe_pad_experts_for_cuda_graph_inference))
        return HOLDS;
    return violated(walk, finding,
                    "local graphs with %" PRId64 " expert parallel ranks come without "
                    "--moe-pad-experts-for-cuda-graph-inference",
                    job->expert_model_parallel_size);
}

static enum answer upcycling_saves(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->moe_use_upcycling))
        return NOT_APPLICABLE;
    if (job->save)
        return HOLDS;
    return violated(walk, finding, "--moe-use-upcycling has nowhere to put the result: no --save");
}

static enum answer rl_skip_train(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->skip_train) || !is_on(job->perform_rl_step) || !is_on(job->no_load_optim))
        return NOT_APPLICABLE;
    if (!is_on(job->rl_offload_optimizer_during_inference))
        return HOLDS;
    return violated(walk, finding,
                    "--rl-offload-optimizer-during-inference has no optimizer to "
                    "offload: --skip-train --no-load-optim");
}

static enum answer offload_pao(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->optimizer_cpu_offload))
        return NOT_APPLICABLE;
    if (!is_on(job->use_precision_aware_optimizer))
        return violated_at(walk, finding, 0,
                           "--optimizer-cpu-offload comes without --use-precision-aware-optimizer");
    if (walk->release < RELEASE_0_14_0 || !is_on(job->fp8_param_gather) ||
        is_word(job->fp8_recipe, "delayed"))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "fp8 parameters are offloaded only with '--fp8-recipe delayed', not %s",
                       job->fp8_recipe);
}

/* 0.11 kept the auxiliary losses where the counted stages broke them. */
static enum answer moe_account(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_experts) || (list_has(&job->moe_router_load_balancing_type, "none") &&
                                      is_none_float(job->moe_z_loss_coeff)))
        return NOT_APPLICABLE;
    if (!is_on(job->account_for_embedding_in_pipeline_split) &&
        !is_on(job->account_for_loss_in_pipeline_split))
        return HOLDS;
    return violated_at(walk, finding, !is_on(job->account_for_embedding_in_pipeline_split),
                       "auxiliary losses of the router do not work with %s",
                       is_on(job->account_for_embedding_in_pipeline_split)
                           ? "--account-for-embedding-in-pipeline-split"
                           : "--account-for-loss-in-pipeline-split");
}

static enum answer np_local(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool local = is_word(job->non_persistent_ckpt_type, "local");

    if (local && !job->non_persistent_local_ckpt_dir)
        return violated_at(walk, finding, 0,
                           "local checkpoints have no --non-persistent-local-ckpt-dir");
    if (!is_on(job->replication))
        return local ? HOLDS : NOT_APPLICABLE;
    if (!is_set(job->replication_jump))
        return violated_at(walk, finding, 1, "--replication comes without --replication-jump");
    if (local)
        return HOLDS;
    return violated_at(walk, finding, 2, "--replication copies local checkpoints, there are none");
}

static const struct rule rows[] = {
    { .id = "muon-dopt",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = layer_wise_optimizer,
      .what = "optimizers other than sgd and adam distribute whole matrices",
      .why = "--use-distributed-optimizer becomes the layer-wise optimizer." },
    { .id = "muon-excludes",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--optimizer --use-distributed-optimizer --use-torch-fsdp2 "
                 "--use-megatron-fsdp --ckpt-format",
      .needs = "mfsdp-opt",
      .check = emerging_excludes,
      .what = "optimizers other than adam and sgd exclude FSDP and most checkpoint formats",
      .why = "They need whole matrices; up to 0.17 also no --use-distributed-optimizer.",
      .fix = "--ckpt-format torch_dist, without the option named" },
    { .id = "gloo-off-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--disable-gloo-process-groups --ckpt-format --use-distributed-optimizer",
      .check = gloo_off_ckpt,
      .what = "without Gloo groups the distributed optimizer needs distributed checkpoints",
      .why = "Other formats collect its state over Gloo on the host.",
      .fix = "--ckpt-format torch_dist" },
    { .id = "fake-pg-flex",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--fake-process-group --moe-token-dispatcher-type",
      .check = fake_pg_flex,
      .what = "--fake-process-group excludes the flex dispatcher",
      .why = "Its kernels communicate by themselves.",
      .fix = "--moe-token-dispatcher-type alltoall" },
    { .id = "fake-pg",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = fake_process_group,
      .what = "--fake-process-group turns the NaN check and Gloo groups off",
      .why = "Nothing real is communicated." },
    { .id = "pg-cache",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .options = "--ckpt-pg-tensors-cache-path --ckpt-fully-parallel-save-process-group "
                 "--ckpt-fully-parallel-load-process-group",
      .check = pg_cache,
      .what = "a cache of distributed tensors serves equal groups",
      .why = "Files are named after the group.",
      .fix = "equal groups for saving and loading" },
    { .id = "load-main-params",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "--load-main-params-from-ckpt --no-load-optim",
      .check = load_main_params,
      .what = "--load-main-params-from-ckpt needs --no-load-optim",
      .why = "Main parameters come from the model or from the optimizer.",
      .fix = "--no-load-optim" },
    { .id = "async-save",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = async_save_off,
      .what = "--async-save is off without --use-persistent-ckpt-worker",
      .why = "Megatron warns and saves synchronously." },
    { .id = "logits-save",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--logits-save-dir --logits-save-top-k --async-save "
                 "--use-persistent-ckpt-worker",
      .check = logits_save,
      .what = "--logits-save-dir needs --logits-save-top-k and --async-save",
      .why = "Logits are flushed by the checkpoint worker.",
      .fix = "--logits-save-top-k 64 --async-save --use-persistent-ckpt-worker" },
    { .id = "freeze-all",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .adjust = freeze_all,
      .what = "--freeze-all-layers turns the distributed optimizer and its overlap off",
      .why = "Nothing is trained." },
    { .id = "override-ckpt-iter",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--override-ckpt-iteration --finetune",
      .check = override_iteration,
      .what = "--override-ckpt-iteration excludes --finetune",
      .why = "Fine-tuning starts at iteration 0.",
      .fix = "remove one of the two" },
    { .id = "inf-batch-pp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--inference-batch-times-seqlen-threshold --pipeline-model-parallel-size "
                 "--cuda-graph-impl --enable-cuda-graph",
      .check = inference_pipeline,
      .what = "pipelined inference needs a pipeline and no graphs",
      .why = "A threshold above -1 asks for it.",
      .fix = "remove --inference-batch-times-seqlen-threshold" },
    { .id = "kv-chunk",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_0_17_0,
      .options = "--inference-dynamic-batching-block-size "
                 "--inference-dynamic-batching-chunk-size",
      .check = kv_chunk,
      .what = "blocks of the KV cache are multiples of 256 tokens",
      .why = "Attention kernels read whole pages.",
      .fix = "a multiple of 256" },
    { .id = "cg-pad-experts",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .options = "--cuda-graph-impl --expert-model-parallel-size "
                 "--moe-pad-experts-for-cuda-graph-inference",
      .check = graphs_pad_experts,
      .what = "local graphs with expert parallelism need padded experts",
      .why = "Shapes in a graph are fixed.",
      .fix = "--moe-pad-experts-for-cuda-graph-inference" },
    { .id = "upcycling",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .options = "--moe-use-upcycling --save",
      .check = upcycling_saves,
      .what = "--moe-use-upcycling needs --save",
      .why = "The upcycled model is saved before training.",
      .fix = "--save DIRECTORY" },
    { .id = "upcycling-loads-nothing",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .adjust = upcycling_loads_nothing,
      .what = "--moe-use-upcycling loads neither optimizer nor random state",
      .why = "The dense checkpoint has none that fits." },
    { .id = "skip-train",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .adjust = skip_train_no_optim,
      .what = "--skip-train does not load the optimizer",
      .why = "Except for inference only runs of reinforcement learning (0.17)." },
    { .id = "rl-skip-train",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--rl-offload-optimizer-during-inference --skip-train --no-load-optim",
      .check = rl_skip_train,
      .what = "an optimizer that is not loaded is not offloaded",
      .why = "Inference only runs may skip the optimizer.",
      .fix = "remove --rl-offload-optimizer-during-inference" },
    { .id = "muon-ogr-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .options = "--optimizer --overlap-grad-reduce --overlap-param-gather",
      .check = muon_overlap,
      .what = "muon excludes the overlaps up to 0.17",
      .why = "It needs whole gradients; dist_muon of 0.17 shards by matrix.",
      .fix = "remove --overlap-grad-reduce and --overlap-param-gather" },
    { .id = "muon-excludes",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .options = "--optimizer --use-distributed-optimizer --use-torch-fsdp2 "
                 "--use-megatron-fsdp --ckpt-format",
      .check = emerging_excludes,
      .what = "optimizers other than adam and sgd exclude FSDP and most checkpoint formats",
      .why = "They need whole matrices; up to 0.17 also no --use-distributed-optimizer.",
      .fix = "--ckpt-format torch_dist, without the option named" },
    { .id = "opt-offload-pao",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--optimizer-cpu-offload --use-precision-aware-optimizer --fp8-param-gather "
                 "--fp8-recipe",
      .check = offload_pao,
      .what = "--optimizer-cpu-offload needs --use-precision-aware-optimizer",
      .why = "It reuses that path; fp8 parameters only with delayed scaling (0.14).",
      .fix = "--use-precision-aware-optimizer" },
    { .id = "moe-account-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_11_0,
      .options = "--account-for-embedding-in-pipeline-split "
                 "--account-for-loss-in-pipeline-split --moe-router-load-balancing-type "
                 "--moe-z-loss-coeff",
      .check = moe_account,
      .what = "auxiliary losses exclude counted embedding and loss",
      .why = "The losses were scaled by layers of a stage.",
      .fix = "remove the --account-for options" },
    { .id = "np-local",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--non-persistent-ckpt-type --non-persistent-local-ckpt-dir --replication "
                 "--replication-jump",
      .check = np_local,
      .what = "local checkpoints have a directory, replicas a distance",
      .why = "Each node writes its own.",
      .fix = "--non-persistent-local-ckpt-dir DIRECTORY, --replication-jump N" },
    { .id = "replication-jump",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .adjust = replication_jump_ignored,
      .what = "--replication-jump without --replication is ignored",
      .why = "Megatron warns and forgets the value." },
};

const struct rule_section validate_optimizer_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
