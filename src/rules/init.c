/* initialize_megatron(): the process groups of the job, seeds. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer sharp_group(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *group = job->sharp_enabled_group;

    if (!group)
        return NOT_APPLICABLE;
    if (!is_on(job->use_sharp))
        return violated_at(walk, finding, 0,
                           "--sharp-enabled-group %s is given without --use-sharp", group);
    if (!is_word(group, "dp") && !is_word(group, "dp_replica"))
        return violated_at(walk, finding, 1,
                           "--sharp-enabled-group '%s' is neither dp nor dp_replica", group);
    if (is_word(group, "dp_replica") && value_or(job->num_distributed_optimizer_instances, 1) <= 1)
        return violated_at(walk, finding, 2,
                           "--sharp-enabled-group dp_replica needs "
                           "--num-distributed-optimizer-instances above 1");
    return HOLDS;
}

/* The group is asked for before it is made, on every rank. */
static enum answer sharp_too_early(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!is_on(job->use_sharp))
        return NOT_APPLICABLE;
    return !job->sharp_enabled_group || is_word(job->sharp_enabled_group, "dp") ? VIOLATED : HOLDS;
}

static enum answer gtp_one_instance(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (value_or(job->gtp_weight_remat_size, 1) <= 1 &&
        value_or(job->expert_gtp_weight_remat_size, 1) <= 1)
        return NOT_APPLICABLE;
    if (value_or(job->num_distributed_optimizer_instances, 1) <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "weight shards beyond TP do not work with %" PRId64
                    " distributed optimizer instances",
                    job->num_distributed_optimizer_instances);
}

static enum answer gtp_needs_te(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (value_or(job->gtp_weight_remat_size, 1) <= 1 &&
        value_or(job->expert_gtp_weight_remat_size, 1) <= 1)
        return NOT_APPLICABLE;
    if (!package_is_older(te, "2.19.0.dev0"))
        return HOLDS;
    return violated(walk, finding,
                    "weight shards beyond TP need Transformer Engine 2.19, %s is "
                    "installed",
                    te->value);
}

/* Up to 0.9 experts are cut out of the data-parallel ranks. */
static enum answer ep_divides_dp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ep = job->expert_model_parallel_size;

    if (!is_set(job->data_parallel_size) || job->data_parallel_size < 1 || ep < 1)
        return NOT_APPLICABLE;
    if (job->data_parallel_size % ep == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " data-parallel ranks cannot be split into groups of EP = %" PRId64,
                    job->data_parallel_size, ep);
}

static int64_t expert_ranks(const struct job *job, int64_t etp, int64_t ep)
{
    return etp * ep * job->pipeline_model_parallel_size *
           value_or(job->expert_gtp_weight_remat_size, 1);
}

/* What would fit: one tensor-parallel rank for experts first, then fewer expert-parallel ranks. */
static void fix_expert_grid(struct walk *walk, struct finding *finding, int64_t etp, int64_t ep)
{
    const struct job *job = walk->job;

    if (etp > 1 && job->world_size % expert_ranks(job, 1, ep) == 0) {
        finding_fix(walk, finding, "--expert-tensor-parallel-size 1");
        return;
    }
    for (int64_t less = ep - 1; less >= 1; less--)
        if (job->world_size % expert_ranks(job, etp, less) == 0 &&
            value_or(job->num_experts, 0) % less == 0) {
            finding_fix(walk, finding, "--expert-model-parallel-size %" PRId64, less);
            return;
        }
}

static enum answer world_divides_expert(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t etp = value_or(job->expert_tensor_parallel_size, job->tensor_model_parallel_size);
    int64_t ep = job->expert_model_parallel_size;

    if (!is_set(job->world_size) || etp < 1 || ep < 1 || job->pipeline_model_parallel_size < 1 ||
        value_or(job->encoder_pipeline_model_parallel_size, 0) > 0)
        return NOT_APPLICABLE;
    if (job->world_size % expert_ranks(job, etp, ep) == 0)
        return HOLDS;
    fix_expert_grid(walk, finding, etp, ep);
    return violated(
        walk, finding,
        "%" PRId64 " ranks cannot be split into expert groups of ETP x EP x PP = %" PRId64
        " x %" PRId64 " x %" PRId64 " = %" PRId64 "%s",
        job->world_size, etp, ep, job->pipeline_model_parallel_size, expert_ranks(job, etp, ep),
        job_given(job, JOB_expert_tensor_parallel_size) || etp == 1 ? ""
                                                                    : " (ETP is TP unless given)");
}

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

static enum answer no_pp_last_order(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_tp_pp_dp_mapping) || !is_set(job->data_parallel_size) ||
        !is_set(job->expert_data_parallel_size))
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size == 1 ||
        job->expert_data_parallel_size == job->data_parallel_size)
        return HOLDS;
    return violated(walk, finding,
                    "--use-tp-pp-dp-mapping needs as many replicas of experts (%" PRId64
                    ") as of the model (%" PRId64 ") when PP > 1",
                    job->expert_data_parallel_size, job->data_parallel_size);
}

static enum answer dopt_instances(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t instances = value_or(job->num_distributed_optimizer_instances, 1);
    int64_t ranks = value_or(job->data_parallel_size, 0);

    if (walk->release >= RELEASE_0_11_0)
        ranks *= value_or(job->context_parallel_size, 1);
    if (instances <= 0 || ranks <= 0)
        return instances <= 0 ? violated_at(walk, finding, 0,
                                            "--num-distributed-optimizer-instances %" PRId64
                                            " is not positive",
                                            instances)
                              : NOT_APPLICABLE;
    if (ranks % instances != 0)
        return violated_at(walk, finding, 1,
                           "%" PRId64 " data-parallel ranks cannot be split into %" PRId64
                           " distributed optimizer instances",
                           ranks, instances);
    if (walk->release < RELEASE_0_13_0 || !is_set(job->expert_data_parallel_size) ||
        job->expert_data_parallel_size % instances == 0)
        return HOLDS;
    return violated_at(walk, finding, 2,
                       "%" PRId64 " replicas of an expert cannot be split into %" PRId64
                       " distributed optimizer instances",
                       job->expert_data_parallel_size, instances);
}

static enum answer dopt_instances_moe_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (value_or(job->num_distributed_optimizer_instances, 1) <= 1)
        return NOT_APPLICABLE;
    if (job->expert_model_parallel_size <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "several distributed optimizer instances do not work with EP = %" PRId64
                    " in this release",
                    job->expert_model_parallel_size);
}

static enum answer hybrid_cp_even(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->hybrid_context_parallel) || !is_set(job->data_parallel_size))
        return NOT_APPLICABLE;
    if (job->data_parallel_size * value_or(job->context_parallel_size, 1) % 2 == 0)
        return HOLDS;
    return violated(walk, finding,
                    "--hybrid-context-parallel needs an even number of DP x CP ranks, not "
                    "%" PRId64 " x %" PRId64,
                    job->data_parallel_size, job->context_parallel_size);
}

static enum answer ucc_connections(struct walk *walk, struct finding *finding)
{
    const char *connections =
        environment_get(&walk->facts->environment, "CUDA_DEVICE_MAX_CONNECTIONS");

    if (!is_word(walk->job->pipeline_model_parallel_comm_backend, "ucc"))
        return NOT_APPLICABLE;
    if (!is_word(connections, "1"))
        return HOLDS;
    return violated(walk, finding,
                    "CUDA_DEVICE_MAX_CONNECTIONS=1 serializes what "
                    "--pipeline-model-parallel-comm-backend ucc means to overlap");
}

static enum answer seed_positive(struct walk *walk, struct finding *finding)
{
    if (!is_set(walk->job->seed) || walk->job->seed > 0)
        return HOLDS;
    return violated(walk, finding, "--seed %" PRId64 " is not positive", walk->job->seed);
}

static const struct rule rows[] = {
    { .id = "gtp-needs-te",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = gtp_needs_te,
      .options = "--tensor-parallel-num-weight-shards --expert-tensor-parallel-num-weight-shards",
      .what = "weight shards beyond TP need Transformer Engine 2.19",
      .why = "It gathers the weights.",
      .fix = "drop --tensor-parallel-num-weight-shards" },
    { .id = "sharp-group",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = sharp_group,
      .options = "--sharp-enabled-group --use-sharp",
      .what = "--sharp-enabled-group is dp or dp_replica, with --use-sharp",
      .why = "dp_replica exists with several optimizer instances.",
      .fix = "add --use-sharp, or drop --sharp-enabled-group" },
    { .id = "sharp-too-early",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = sharp_too_early,
      .options = "--use-sharp --sharp-enabled-group",
      .needs = "sharp-group world-divides-model",
      .what = "--use-sharp for the data-parallel group does not start since 0.19",
      .why = "The group with weight shards is asked for before it is made.",
      .fix = "drop --use-sharp" },
    { .id = "gtp-one-instance",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = gtp_one_instance,
      .options = "--tensor-parallel-num-weight-shards --num-distributed-optimizer-instances",
      .what = "weight shards beyond TP need one distributed optimizer instance",
      .why = "Both divide the data-parallel ranks.",
      .fix = "--num-distributed-optimizer-instances 1" },
    { .id = "ep-divides-dp",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_9_0,
      .check = ep_divides_dp,
      .shape = true,
      .options = "--expert-model-parallel-size @world",
      .needs = "world-divides-model",
      .what = "EP divides the data parallel size",
      .why = "Experts are spread over replicas.",
      .fix = "a smaller --expert-model-parallel-size" },
    { .id = "world-divides-expert",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = world_divides_expert,
      .shape = true,
      .options = "--expert-model-parallel-size --expert-tensor-parallel-size "
                 "--pipeline-model-parallel-size --tensor-model-parallel-size @world",
      .needs = "world-divides-model ep-divides-experts ep-needs-experts gtp-shards-min",
      .what = "ranks are a multiple of ETP x EP x PP",
      .why = "Experts have a grid of ranks of their own; ETP is TP unless given.",
      .fix = "--expert-tensor-parallel-size 1, or another --expert-model-parallel-size" },
    { .id = "expert-data-parallel",
      .stage = STAGE_INIT,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = count_expert_replicas,
      .what = "replicas of an expert are the ranks that ETP, EP and PP leave",
      .why = "Their optimizer states are sharded over these." },
    { .id = "no-pp-last-order",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = no_pp_last_order,
      .options = "--use-tp-pp-dp-mapping --expert-model-parallel-size --context-parallel-size",
      .needs = "world-divides-model world-divides-expert",
      .what = "--use-tp-pp-dp-mapping with PP > 1 needs EDP = DP",
      .why = "Dense and expert pipelines must be the same ranks.",
      .fix = "drop --use-tp-pp-dp-mapping" },
    { .id = "dopt-instances",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = dopt_instances,
      .shape = true,
      .options = "--num-distributed-optimizer-instances @world",
      .needs = "world-divides-model world-divides-expert gtp-one-instance",
      .what = "optimizer instances divide the data-parallel ranks, of experts too",
      .why = "Each instance shards its states over its part.",
      .fix = "--num-distributed-optimizer-instances 1" },
    { .id = "dopt-instances-moe-old",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_12_0,
      .check = dopt_instances_moe_old,
      .options = "--num-distributed-optimizer-instances --expert-model-parallel-size",
      .needs = "dopt-instances",
      .what = "several optimizer instances exclude expert parallelism in 0.12",
      .why = "Expert states cannot be split there.",
      .fix = "--num-distributed-optimizer-instances 1" },
    { .id = "hybrid-cp-even",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = hybrid_cp_even,
      .options = "--hybrid-context-parallel @world",
      .what = "--hybrid-context-parallel needs an even number of DP x CP ranks",
      .why = "Groups are halved again and again.",
      .fix = "an even number of ranks" },
    { .id = "ucc-cdmc",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = ucc_connections,
      .options = "--pipeline-model-parallel-comm-backend $CUDA_DEVICE_MAX_CONNECTIONS",
      .what = "the ucc backend excludes CUDA_DEVICE_MAX_CONNECTIONS=1",
      .why = "One connection serializes what ucc overlaps.",
      .fix = "unset CUDA_DEVICE_MAX_CONNECTIONS" },
    { .id = "seed-positive",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = seed_positive,
      .options = "--seed",
      .what = "--seed is positive",
      .why = "Seeds of ranks are counted from it.",
      .fix = "--seed 1234" },
};

const struct rule_section init_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
