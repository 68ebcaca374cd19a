#include "cluster/identity.h"

#include <stdlib.h>
#include <string.h>

static int64_t number(const struct environment *env, const char *name, int64_t otherwise)
{
    const char *text = environment_get(env, name);
    char *end;
    long long value;

    if (!text || !*text)
        return otherwise;
    value = strtoll(text, &end, 10);
    return *end == '\0' && value >= 0 ? value : otherwise;
}

static bool is_set(const struct environment *env, const char *name)
{
    return environment_get(env, name) != NULL;
}

/* A launcher of its own between MPI's and us (deepspeed, some site's script) starts several
 * processes that inherit one rank's identity; it gives them another WORLD_SIZE, alike on all ranks.
 */
static bool worker_of_another_launcher(const struct environment *env)
{
    int64_t world = number(env, "WORLD_SIZE", -1);
    int64_t mpi_world =
        number(env, "OMPI_COMM_WORLD_SIZE", number(env, "SLURM_STEP_NUM_TASKS", -1));

    if (is_set(env, "TORCHELASTIC_RUN_ID"))
        return true;
    return world > 0 && mpi_world > 0 && world != mpi_world && is_set(env, "LOCAL_RANK");
}

bool cluster_identify(const struct environment *env, struct cluster_identity *identity)
{
    const char *name = environment_get(env, "PMIX_NAMESPACE");
    const char *marker = environment_get(env, CLUSTER_MARKER);
    bool mpirun = is_set(env, "OMPI_COMM_WORLD_SIZE");

    if (!mpirun && !(name && is_set(env, "PMIX_RANK")))
        return false;
    if (worker_of_another_launcher(env))
        return false;
    identity->launch = name ? name : "mpirun";
    if (marker && strcmp(marker, identity->launch) == 0)
        return false;
    identity->rank = number(env, "OMPI_COMM_WORLD_RANK", number(env, "PMIX_RANK", -1));
    identity->application =
        (uint32_t)number(env, "OMPI_MCA_orte_app_num", number(env, "SLURM_HET_GROUP_OFFSET", 0));
    return true;
}
