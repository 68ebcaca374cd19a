/* Ninth part of validate_args: recomputation, sequence parallel, communication overlapped with
 * computation, shards of weights. */
#include <inttypes.h>
#include <strings.h>

#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void sp_tp1_off(struct walk *walk)
{
    if (walk->job->tensor_model_parallel_size == 1)
        walk->job->sequence_parallel = 0;
}

static void async_allreduce_off(struct walk *walk)
{
    if (is_on(walk->job->sequence_parallel))
        walk->job->async_tensor_model_parallel_allreduce = 0;
}

static void add_priority_group(struct walk *walk, const char *group)
{
    struct list *groups = &walk->job->high_priority_stream_groups;
    int count = groups->count > 0 ? groups->count : 0;
    const char **item;

    if (list_has(groups, group))
        return;
    item = arena_alloc(walk->arena, (size_t)(count + 1) * sizeof(*item));
    for (int i = 0; i < count; i++)
        item[i] = groups->item[i];
    item[count] = group;
    *groups = (struct list) { .count = count + 1, .item = item };
}

static bool is_blackwell(const struct walk *walk)
{
    return walk->facts->gpu_arch.known && walk->facts->gpu_arch.value >= 100;
}

static void fsdp_priority(struct walk *walk)
{
    struct job *job = walk->job;
    bool megatron =
        is_on(walk->release < RELEASE_0_14_0 ? job->use_custom_fsdp : job->use_megatron_fsdp);

    if (!is_on(job->use_torch_fsdp2) && !(megatron && is_blackwell(walk)))
        return;
    add_priority_group(walk, "dp_cp");
    if (job->expert_model_parallel_size > 1)
        add_priority_group(walk, "ep_dp");
}

static void expert_weight_shards(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t etp = job->expert_tensor_parallel_size;

    job->expert_gtp_weight_remat_size = 1;
    if (!is_set(job->expert_tensor_parallel_num_weight_shards))
        job->expert_tensor_parallel_num_weight_shards = etp;
    else if (etp > 0 && job->expert_tensor_parallel_num_weight_shards >= etp)
        job->expert_gtp_weight_remat_size = job->expert_tensor_parallel_num_weight_shards / etp;
}

static void gtp_priority(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_blackwell(walk) ||
        (job->gtp_weight_remat_size <= 1 && job->expert_gtp_weight_remat_size <= 1))
        return;
    add_priority_group(walk, "gtp_remat");
    if (job->expert_gtp_weight_remat_size > 1)
        add_priority_group(walk, "expt_gtp_remat");
}

static enum answer dist_saved_act(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->distribute_saved_activations))
        return NOT_APPLICABLE;
    if (job->tensor_model_parallel_size <= 1)
        return violated_at(walk, finding, 0,
                           "--distribute-saved-activations has no tensor parallel ranks "
                           "to distribute to");
    if (!is_word(job->recompute_granularity, "full"))
        return violated_at(walk, finding, 1,
                           "--distribute-saved-activations comes without "
                           "--recompute-granularity full");
    if (!job->recompute_method)
        return violated_at(walk, finding, 2,
                           "--distribute-saved-activations comes without "
                           "--recompute-method");
    return HOLDS;
}

static enum answer recompute_selective(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->recompute_granularity, "selective"))
        return NOT_APPLICABLE;
    if (!job->recompute_method)
        return HOLDS;
    return violated(walk, finding,
                    "'--recompute-method %s' cuts whole layers, recomputation is selective%s",
                    job->recompute_method,
                    is_on(job->recompute_activations) ? " by --recompute-activations" : "");
}

static enum answer tp_overlap_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->tp_comm_overlap))
        return NOT_APPLICABLE;
    if (is_on(job->sequence_parallel))
        return HOLDS;
    return violated(walk, finding,
                    "--tp-comm-overlap has no sequence parallel communication to overlap: %s",
                    job->tensor_model_parallel_size == 1 ? "one tensor parallel rank"
                                                         : "no --sequence-parallel");
}

static enum answer hybrid_cp_pp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->hybrid_context_parallel))
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "--hybrid-context-parallel works on one pipeline rank, not %" PRId64,
                    job->pipeline_model_parallel_size);
}

static enum answer hybrid_cp_misc(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->hybrid_context_parallel))
        return NOT_APPLICABLE;
    if (is_on(job->enable_cuda_graph))
        return violated(walk, finding,
                        "--hybrid-context-parallel does not work with "
                        "--enable-cuda-graph");
    if (is_on(job->use_megatron_fsdp))
        return violated_at(walk, finding, 1,
                           "--hybrid-context-parallel does not work with "
                           "--use-megatron-fsdp");
    if (!is_word(job->dataloader_type, "single"))
        return violated_at(walk, finding, 2,
                           "--hybrid-context-parallel does not work with "
                           "'--dataloader-type %s'",
                           job->dataloader_type);
    if (!is_on(job->calculate_per_token_loss))
        return violated_at(walk, finding, 3,
                           "--hybrid-context-parallel comes without "
                           "--calculate-per-token-loss");
    return HOLDS;
}

static bool one_connection(const struct walk *walk)
{
    return is_word(environment_get(&walk->facts->environment, "CUDA_DEVICE_MAX_CONNECTIONS"), "1");
}

/* TP or CP before Blackwell; 0.12 asks it of TP everywhere by a slip of precedence. 0 no, 1 yes, -1
 * when the GPU is not known. */
static int wants_one_connection(const struct walk *walk)
{
    const struct job *job = walk->job;
    const struct fact_int *arch = &walk->facts->gpu_arch;

    if (walk->release == RELEASE_0_12_0 && job->tensor_model_parallel_size > 1)
        return 1;
    if (job->tensor_model_parallel_size <= 1 && job->context_parallel_size <= 1)
        return 0;
    return arch->known ? arch->value < 100 : -1;
}

static bool uses_fsdp(const struct walk *walk)
{
    const struct job *job = walk->job;

    return is_on(job->use_torch_fsdp2) ||
           is_on(walk->release < RELEASE_0_14_0 ? job->use_custom_fsdp : job->use_megatron_fsdp);
}

static bool overlaps_experts(const struct walk *walk)
{
    return walk->release >= RELEASE_0_14_0 && is_on(walk->job->overlap_moe_expert_parallel_comm);
}

static enum answer cdmc_tp_cp(struct walk *walk, struct finding *finding)
{
    if (wants_one_connection(walk) != 1 || uses_fsdp(walk) || overlaps_experts(walk) ||
        !walk->facts->environment.known)
        return NOT_APPLICABLE;
    if (one_connection(walk))
        return HOLDS;
    return violated(walk, finding, "%s parallelism needs CUDA_DEVICE_MAX_CONNECTIONS=1, it is %s",
                    walk->job->tensor_model_parallel_size > 1 ? "tensor" : "context",
                    variable_shown(walk, "CUDA_DEVICE_MAX_CONNECTIONS"));
}

static enum answer cdmc_fsdp_note(struct walk *walk, struct finding *finding)
{
    if (wants_one_connection(walk) != 1 || !uses_fsdp(walk))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "FSDP wants several CUDA_DEVICE_MAX_CONNECTIONS, tensor and context "
                    "parallelism want one");
}

static enum answer cdmc_experts_note(struct walk *walk, struct finding *finding)
{
    if (wants_one_connection(walk) != 1 || uses_fsdp(walk) || !overlaps_experts(walk))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "overlapped expert communication wants several "
                    "CUDA_DEVICE_MAX_CONNECTIONS, tensor and context parallelism want "
                    "one");
}

static enum answer cdmc_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!walk->facts->environment.known ||
        (!is_on(job->sequence_parallel) && !is_on(job->async_tensor_model_parallel_allreduce)))
        return NOT_APPLICABLE;
    if (one_connection(walk))
        return HOLDS;
    return violated_at(walk, finding, !is_on(job->sequence_parallel),
                       "%s needs CUDA_DEVICE_MAX_CONNECTIONS=1",
                       is_on(job->sequence_parallel)
                           ? "--sequence-parallel"
                           : "the asynchronous tensor parallel all-reduce, on by default,");
}

static enum answer expert_shards(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t shards = job->expert_tensor_parallel_num_weight_shards;
    int64_t etp = job->expert_tensor_parallel_size;

    if (etp == 0) /* divides, once the config has made it the number of shards */
        return violated_at(walk, finding, 2,
                           "--expert-tensor-parallel-size 0 is no number of ranks");
    if (!is_set(shards) || !is_set(etp))
        return NOT_APPLICABLE;
    if (shards >= etp && floor_mod(shards, etp) == 0)
        return HOLDS;
    if (etp > 0)
        finding_fix(walk, finding, "--expert-tensor-parallel-num-weight-shards %" PRId64,
                    round_up(shards, etp));
    return violated_at(walk, finding, shards >= etp,
                       "%" PRId64 " shards of an expert's weight are not a multiple of its %" PRId64
                       " tensor parallel ranks",
                       shards, etp);
}

static bool has_shards(const struct walk *walk)
{
    return walk->job->gtp_weight_remat_size > 1 || walk->job->expert_gtp_weight_remat_size > 1;
}

static enum answer gtp_fp4(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_shards(walk) || !job->fp4)
        return NOT_APPLICABLE;
    if (is_on(job->fp4_param_gather))
        return HOLDS;
    return violated(walk, finding, "weight shards in fp4 come without --fp4-param-gather");
}

static enum answer gtp_graph_priority(struct walk *walk, struct finding *finding)
{
    if (!has_shards(walk) || !is_blackwell(walk) || is_word(walk->job->cuda_graph_impl, "none") ||
        !walk->facts->environment.known)
        return NOT_APPLICABLE;
    if (is_word(environment_get(&walk->facts->environment, "CUDA_GRAPHS_USE_NODE_PRIORITY"), "1"))
        return HOLDS;
    return violated(walk, finding,
                    "graphs drop the priority of gathering weight shards without "
                    "CUDA_GRAPHS_USE_NODE_PRIORITY=1");
}

static enum answer gtp_nccl_proto(struct walk *walk, struct finding *finding)
{
    const char *protocol = environment_get(&walk->facts->environment, "NCCL_PROTO");

    if (!has_shards(walk) || !protocol || strcasecmp(protocol, "simple") != 0)
        return NOT_APPLICABLE;
    return violated(walk, finding, "NCCL_PROTO=%s is slow for weight shards", protocol);
}

static enum answer gtp_average(struct walk *walk, struct finding *finding)
{
    if (!has_shards(walk))
        return NOT_APPLICABLE;
    if (!is_on(walk->job->ddp_average_in_collective))
        return HOLDS;
    return violated(walk, finding,
                    "--ddp-average-in-collective would average weight shards wrongly");
}

static enum answer gtp_ckpt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_shards(walk))
        return NOT_APPLICABLE;
    if (!is_word(job->ckpt_format, "torch") && !is_word(job->ckpt_format, "torch_dist"))
        return violated_at(walk, finding, 0,
                           "weight shards cannot be written in '--ckpt-format %s'",
                           job->ckpt_format);
    if (is_on(job->dist_ckpt_optim_fully_reshardable) &&
        is_on(job->distrib_optim_fully_reshardable_mem_efficient))
        return violated_at(walk, finding, 1,
                           "weight shards cannot be written by the memory efficient fully "
                           "reshardable path");
    return HOLDS;
}

static enum answer gtp_mxfp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_shards(walk) || !is_word(job->fp8_recipe, "mxfp8"))
        return NOT_APPLICABLE;
    if (is_on(job->fp8_param_gather) && is_on(job->reuse_grad_buf_for_mxfp8_param_ag))
        return HOLDS;
    return violated_at(walk, finding, is_on(job->fp8_param_gather),
                       "weight shards in mxfp8 come without %s",
                       is_on(job->fp8_param_gather) ? "--reuse-grad-buf-for-mxfp8-param-ag"
                                                    : "--fp8-param-gather");
}

static enum answer gtp_symmetric(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_shards(walk) ||
        (!is_on(job->gtp_remat_nccl_ub) && !is_on(job->gtp_expert_remat_nccl_ub)))
        return NOT_APPLICABLE;
    if (!is_on(job->disable_symmetric_registration))
        return HOLDS;
    return violated(walk, finding,
                    "registered buffers of weight shards are symmetric: "
                    "--disable-symmetric-registration is in the way");
}

static const struct rule rows[] = {
    { .id = "dist-saved-act",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--distribute-saved-activations --tensor-model-parallel-size "
                 "--recompute-granularity --recompute-method",
      .check = dist_saved_act,
      .what = "--distribute-saved-activations needs TP, full recomputation and a method",
      .why = "The saved input of a recomputed layer is split over tensor parallel ranks.",
      .fix = "--recompute-granularity full --recompute-method uniform "
             "--recompute-num-layers 1" },
    { .id = "recompute-sel-method",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--recompute-granularity --recompute-method --recompute-activations",
      .check = recompute_selective,
      .what = "selective recomputation has no --recompute-method",
      .why = "Methods choose whole layers.",
      .fix = "remove --recompute-method" },
    { .id = "sp-tp1-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = sp_tp1_off,
      .what = "--sequence-parallel is off with one tensor parallel rank",
      .why = "There is nobody to split the sequence with." },
    { .id = "tp-overlap-sp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--tp-comm-overlap --sequence-parallel --tensor-model-parallel-size",
      .check = tp_overlap_sp,
      .what = "--tp-comm-overlap needs --sequence-parallel and TP above 1",
      .why = "Only the all-gathers and reduce-scatters of sequence parallel are overlapped.",
      .fix = "--sequence-parallel, or remove --tp-comm-overlap" },
    { .id = "hybrid-cp-pp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-context-parallel --pipeline-model-parallel-size",
      .shape = true,
      .check = hybrid_cp_pp,
      .what = "--hybrid-context-parallel needs PP = 1",
      .why = "Groups of ranks change from micro-batch to micro-batch.",
      .fix = "--pipeline-model-parallel-size 1" },
    { .id = "hybrid-cp-misc",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-context-parallel --enable-cuda-graph --use-megatron-fsdp "
                 "--dataloader-type --calculate-per-token-loss",
      .check = hybrid_cp_misc,
      .what = "--hybrid-context-parallel needs per token loss, the single dataloader, no "
              "graphs, no FSDP",
      .why = "Sequences of one step differ in length.",
      .fix = "--calculate-per-token-loss --dataloader-type single" },
    { .id = "cdmc-tp-cp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --tensor-model-parallel-size "
                 "--context-parallel-size",
      .check = cdmc_tp_cp,
      .what = "tensor and context parallelism before Blackwell need "
              "CUDA_DEVICE_MAX_CONNECTIONS=1",
      .why = "Kernels must start in the order in which they were queued.",
      .fix = "export CUDA_DEVICE_MAX_CONNECTIONS=1" },
    { .id = "cdmc-tp-cp-fsdp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --tensor-model-parallel-size "
                 "--context-parallel-size",
      .check = cdmc_fsdp_note,
      .what = "FSDP with tensor or context parallelism is slow before Blackwell",
      .why = "They want opposite values of CUDA_DEVICE_MAX_CONNECTIONS.",
      .fix = "avoid the combination if you can" },
    { .id = "cdmc-tp-cp-epoverlap",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --overlap-moe-expert-parallel-comm",
      .check = cdmc_experts_note,
      .what = "overlapped experts with tensor or context parallelism are slow before "
              "Blackwell",
      .why = "They want opposite values of CUDA_DEVICE_MAX_CONNECTIONS.",
      .fix = "CUDA_DEVICE_MAX_CONNECTIONS=1 or 32, whichever is faster" },
    { .id = "fsdp-priority-groups",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .adjust = fsdp_priority,
      .what = "FSDP puts its groups on high priority streams",
      .why = "--high-priority-stream-groups gains dp_cp, and ep_dp with experts." },
    { .id = "gtp-shards-min",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--expert-tensor-parallel-num-weight-shards --expert-tensor-parallel-size",
      .needs = "sizes-positive",
      .shape = true,
      .check = expert_shards,
      .what = "--expert-tensor-parallel-num-weight-shards is a multiple of the expert TP",
      .why = "Each rank's part of a weight is cut into equal shards.",
      .fix = "a multiple of --expert-tensor-parallel-size" },
    { .id = "expert-weight-shards-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .adjust = expert_weight_shards,
      .what = "--expert-tensor-parallel-num-weight-shards is the expert TP unless given",
      .why = "Shards beyond it take ranks from the experts' data parallelism." },
    { .id = "gtp-fp4",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--tensor-parallel-num-weight-shards "
                 "--expert-tensor-parallel-num-weight-shards --fp4-format --fp4-param-gather",
      .check = gtp_fp4,
      .what = "weight shards in fp4 need --fp4-param-gather",
      .why = "Shards are gathered as they are stored.",
      .fix = "--fp4-param-gather" },
    { .id = "gtp-priority-groups",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .adjust = gtp_priority,
      .what = "weight shards put their groups on high priority streams",
      .why = "From Blackwell on." },
    { .id = "gtp-graph-prio",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_GRAPHS_USE_NODE_PRIORITY --cuda-graph-impl",
      .check = gtp_graph_priority,
      .what = "weight shards with graphs on Blackwell need CUDA_GRAPHS_USE_NODE_PRIORITY=1",
      .why = "Gathering must run before computing.",
      .fix = "export CUDA_GRAPHS_USE_NODE_PRIORITY=1" },
    { .id = "gtp-nccl-proto",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "$NCCL_PROTO",
      .check = gtp_nccl_proto,
      .what = "weight shards prefer NCCL protocols LL128 or LL",
      .why = "Small gathers wait for the simple protocol.",
      .fix = "unset NCCL_PROTO" },
    { .id = "gtp-no-avg-collective",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--ddp-average-in-collective --tensor-parallel-num-weight-shards "
                 "--expert-tensor-parallel-num-weight-shards",
      .check = gtp_average,
      .what = "weight shards exclude --ddp-average-in-collective",
      .why = "Averages would need a factor of their own.",
      .fix = "remove --ddp-average-in-collective" },
    { .id = "gtp-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--ckpt-format --dist-ckpt-optim-fully-reshardable "
                 "--distrib-optim-fully-reshardable-mem-efficient",
      .check = gtp_ckpt,
      .what = "weight shards need --ckpt-format torch or torch_dist",
      .why = "And not the memory efficient fully reshardable optimizer.",
      .fix = "--ckpt-format torch_dist" },
    { .id = "gtp-mxfp8",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--fp8-recipe --fp8-param-gather --reuse-grad-buf-for-mxfp8-param-ag "
                 "--tensor-parallel-num-weight-shards "
                 "--expert-tensor-parallel-num-weight-shards",
      .check = gtp_mxfp8,
      .what = "weight shards in mxfp8 need --fp8-param-gather and "
              "--reuse-grad-buf-for-mxfp8-param-ag",
      .why = "The recipe counts even without --fp8-format.",
      .fix = "--fp8-param-gather --reuse-grad-buf-for-mxfp8-param-ag" },
    { .id = "gtp-ub-symmetric",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .options = "--gtp-remat-nccl-ub --gtp-expert-remat-nccl-ub "
                 "--disable-symmetric-registration",
      .check = gtp_symmetric,
      .what = "registered shards exclude --disable-symmetric-registration",
      .why = "NVLink reductions need symmetric windows.",
      .fix = "remove --disable-symmetric-registration" },
    { .id = "async-allreduce-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_11_0,
      .adjust = async_allreduce_off,
      .what = "--sequence-parallel turns the asynchronous tensor parallel all-reduce off",
      .why = "Sequence parallel has a reduce-scatter in its place." },
    { .id = "cdmc-sp-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_11_0,
      .options = "$CUDA_DEVICE_MAX_CONNECTIONS --sequence-parallel "
                 "--no-async-tensor-model-parallel-allreduce",
      .check = cdmc_old,
      .what = "every run needs CUDA_DEVICE_MAX_CONNECTIONS=1",
      .why = "Also with one tensor parallel rank, unless "
             "--no-async-tensor-model-parallel-allreduce.",
      .fix = "export CUDA_DEVICE_MAX_CONNECTIONS=1" },
};

const struct rule_section validate_overlap_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
