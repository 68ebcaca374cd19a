#include "expand/job.h"

static void set(struct environment *env, const char *name, const char *value, struct arena *arena)
{
    if (value && !environment_get(env, name))
        *env = environment_with(env, name, value, arena);
}

static const char *node_list(int64_t nodes, struct arena *arena)
{
    if (nodes <= 1)
        return "node1";
    return arena_printf(arena, "node[1-%lld]", (long long)nodes);
}

struct environment job_environment(const struct sbatch_job *job, const char *directory,
                                   struct arena *arena)
{
    static const char *const fixed[][2] = {
        { "SLURM_JOBID", "1" },
        { "SLURM_JOB_NAME", "job" },
        { "SLURM_NODEID", "0" },
        { "SLURM_PROCID", "0" },
        { "SLURM_LOCALID", "0" },
        { "SLURMD_NODENAME", "node1" },
        { "SLURM_SUBMIT_HOST", "node1" },
        { "SLURM_JOB_PARTITION", "unknown" },
        { "SLURM_CLUSTER_NAME", "cluster" },
        { "SLURM_CPUS_ON_NODE", "64" },
        { "SLURM_RESTART_COUNT", "0" },
        { "SLURM_JOB_START_TIME", "0" },
        { "SLURM_GTIDS", "0" },
        { "SLURM_TOPOLOGY_ADDR", "node1" },
    };
    struct environment env = job->environment;
    const char *list = node_list(job->nodes.known ? job->nodes.value : 1, arena);

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        set(&env, fixed[i][0], fixed[i][1], arena);
    set(&env, "SLURM_JOB_NODELIST", list, arena);
    set(&env, "SLURM_NODELIST", list, arena);
    set(&env, "SLURM_SUBMIT_DIR", directory, arena);
    set(&env, "SLURM_JOB_USER", environment_get(&env, "USER"), arena);
    return env;
}
