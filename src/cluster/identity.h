/* Who this process is among the ranks of an MPI launch, read from the environment that mpirun or
 * srun --mpi=pmix gave it. */
#ifndef CLUSTER_IDENTITY_H
#define CLUSTER_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/environment.h"

/* Set in the job's environment after an agreement, to the launch's name: a second
 * megatron-preflight further down the same launch (one for each worker of some launcher, say) must
 * not use the rank's identity again. */
#define CLUSTER_MARKER "MEGATRON_PREFLIGHT_DONE"

struct cluster_identity {
    const char
        *launch;  /* PMIX_NAMESPACE, or "mpirun" where only Open MPI's own variables are set */
    int64_t rank; /* -1: not given */
    uint32_t application; /* which program of an MPMD launch or heterogeneous step; 0 the first */
};

/* False when there is no identity that MPI may be started with. */
bool cluster_identify(const struct environment *env, struct cluster_identity *identity);

#endif
