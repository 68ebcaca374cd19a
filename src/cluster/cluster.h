/* Agreement between ranks that srun or mpirun started: facts that may differ are gathered to rank 0, its
 * verdict and text are broadcast. MPI lives in a helper executable (libexec/megatron-preflight-mpi); this
 * side forks it, speaks a fixed message over a socketpair and never blocks past the deadline. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/environment.h"
#include "base/error.h"

/* What a rank tells rank 0. Fixed size, sent as is between equal machines. */
struct cluster_facts {
    uint64_t argv_hash; /* trainer argv without per-rank options */
    int64_t world;
    int64_t gpu_total_bytes; /* 0 unknown */
    int64_t gpu_free_bytes;
    char gpu[64];
    char gpu_uuid[64];
    char host[64];
};

struct cluster_verdict {
    int32_t verdict; /* enum verdict */
    int32_t exit_status; /* 0: start the job */
    char text[500];
};

enum cluster_outcome {
    CLUSTER_ALONE,    /* no MPI identity, a torchrun worker or --no-mpi: decide alone */
    CLUSTER_JOINED,   /* facts of all ranks (rank 0) or the verdict (others) are here */
    CLUSTER_DEADLINE, /* parked: decide alone, the helper goes on in the background */
    CLUSTER_FAILED    /* no helper, MPI broken: decide alone, 'err' says why */
};

struct cluster {
    int fd; /* socketpair to the helper, -1 none */
    int rank, size;
    bool used_mpi;
};

/* May MPI be used here? (launch.md: a usable PMIx identity and not a torchrun worker.) */
bool cluster_possible(const struct environment *env);

#endif
