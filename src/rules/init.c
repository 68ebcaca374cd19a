/* Optimizer and DDP configs, then parallel_state: the process groups of the job. */
#include "rules/sections.h"
#include "rules/truth.h"

/* Up to 0.9 experts are cut out of the data-parallel ranks (context parallel ones included in the
 * group); later they have a grid of their own. */
static void count_expert_replicas(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t ep = value_or(job->expert_model_parallel_size, 1);
    int64_t parts;

    if (!is_set(job->world_size))
        return;
    if (walk->release <= RELEASE_0_9_0) {
        int64_t ranks =
            value_or(job->data_parallel_size, 0) * value_or(job->context_parallel_size, 1);

        if (ranks > 0 && ep > 0 && ranks % ep == 0)
            job->expert_data_parallel_size = ranks / ep;
        return;
    }
    parts =
        value_or(job->expert_tensor_parallel_size, value_or(job->tensor_model_parallel_size, 1)) *
        ep * value_or(job->pipeline_model_parallel_size, 1) *
        value_or(job->expert_gtp_weight_remat_size, 1);
    if (parts > 0 && job->world_size % parts == 0)
        job->expert_data_parallel_size = job->world_size / parts;
}

static const struct rule rows[] = {
    { .id = "expert-data-parallel",
      .stage = STAGE_INIT,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = count_expert_replicas,
      .what = "replicas of an expert are the ranks that ETP, EP and PP leave" },
};

const struct rule_section init_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
