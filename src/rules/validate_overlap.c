/* Eighth part of validate_args: recomputation, sequence parallel, communication overlapped with
 * computation, shards of weights. */
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
    *groups = (struct list){ .count = count + 1, .item = item };
}

static bool is_blackwell(const struct walk *walk)
{
    return walk->facts->gpu_arch.known && walk->facts->gpu_arch.value >= 100;
}

static void fsdp_priority(struct walk *walk)
{
    struct job *job = walk->job;
    bool megatron = is_on(walk->release < RELEASE_0_14_0 ? job->use_custom_fsdp
                                                           : job->use_megatron_fsdp);

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

static const struct rule rows[] = {
    { .id = "sp-tp1-off", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = sp_tp1_off, .what = "--sequence-parallel is off with one tensor parallel rank",
      .why = "There is nobody to split the sequence with." },
    { .id = "fsdp-priority-groups", .stage = STAGE_VALIDATE, .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN, .adjust = fsdp_priority,
      .what = "FSDP puts its groups on high priority streams",
      .why = "--high-priority-stream-groups gains dp_cp, and ep_dp with experts." },
    { .id = "expert-weight-shards-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN, .adjust = expert_weight_shards,
      .what = "--expert-tensor-parallel-num-weight-shards is the expert TP unless given",
      .why = "Shards beyond it take ranks from the experts' data parallelism." },
    { .id = "gtp-priority-groups", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN, .adjust = gtp_priority,
      .what = "weight shards put their groups on high priority streams",
      .why = "From Blackwell on." },
    { .id = "async-allreduce-off", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_0_11_0, .adjust = async_allreduce_off,
      .what = "--sequence-parallel turns the asynchronous tensor parallel all-reduce off",
      .why = "Sequence parallel has a reduce-scatter in its place." },
};

const struct rule_section validate_overlap_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
