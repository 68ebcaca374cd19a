/* Agreement between ranks that srun or mpirun started. Each rank tells what may differ between
 * ranks; rank 0 of each component (an application of an MPMD launch, a trainer script) decides with
 * all of it; its verdict goes back to the others, so that all start the job or none does.
 *
 * MPI lives in a helper executable (libexec/megatron-preflight-mpi): this side starts it, speaks
 * fixed messages over a socket pair and never waits past the deadline. The helper is no child of
 * ours when this returns, holds none of our descriptors, and ends when this process (by then: the
 * job) ends. Whatever goes wrong, a rank decides alone: the verdict is a pure function of the same
 * command line everywhere. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/environment.h"
#include "base/error.h"

/* Options whose values decide who talks to whom, and with how many bytes: two ranks that differ in
 * one of them hang or crash. Rows of agreement_options[] (agreement.h). */
#define CLUSTER_SHAPE_COUNT 20

/* What a rank tells the deciding rank. Fixed size, sent as is between equal machines. */
struct cluster_facts {
    int32_t rank;                       /* in the launch; set by cluster_agree */
    int32_t world;                      /* ranks the launch will have, 0 unknown */
    int64_t shape[CLUSTER_SHAPE_COUNT]; /* value, or a hash of it, of each shape option */
    uint64_t argv_hash;      /* the trainer's other words, without per-rank options; 0 unknown */
    int64_t gpu_total_bytes; /* usable by this rank; 0 unknown */
    char gpu[48];            /* name, "" unknown */
    char gpu_uuid[64];       /* of the device this rank will use, "" unknown */
    char host[48];
    char script[48]; /* last part of the trainer's path: ranks of one script are compared */
};

struct cluster_verdict {
    int32_t verdict;     /* enum verdict */
    int32_t exit_status; /* 0: start the job */
    char text[500];
};

enum cluster_outcome {
    CLUSTER_ALONE,     /* no MPI identity, a torchrun worker or --no-mpi: decided alone */
    CLUSTER_JOINED,    /* one verdict for all ranks */
    CLUSTER_DEADLINE,  /* not all ranks came in time: decided alone, the helper waits on in the
                          background */
    CLUSTER_NO_HELPER, /* not there or not able to start, MPI was not touched: decided alone */
    CLUSTER_FAILED     /* the helper ended early: decided alone */
};

struct cluster_options {
    const struct environment *environment; /* of this process */
    int64_t rank; /* as the launch tells it, -1 unknown; who speaks where MPI does not tell */
    bool no_mpi;
    double timeout_seconds; /* how long to wait for the others */
    const char *helper;     /* its path, or NULL: found relative to /proc/self/exe */
};

/* Called exactly once where a decision is taken: on the deciding rank with the facts of all 'count'
 * ranks of its component in order of rank, or alone with this rank's own (count == 1). Writes *out.
 * 'speaks': this rank prints the report, and must have printed it when it returns (a launcher may
 * cut the output of a rank once another one has ended). */
typedef void cluster_decide_fn(void *data, const struct cluster_facts *facts, size_t count,
                               bool speaks, struct cluster_verdict *out);

/* Always writes *out. 'err' is set, and says why, from CLUSTER_DEADLINE on. */
enum cluster_outcome cluster_agree(const struct cluster_options *options,
                                   const struct cluster_facts *mine, cluster_decide_fn *decide,
                                   void *data, struct cluster_verdict *out, struct error *err);

/* May MPI be used here? True only where a launcher gave this process a PMIx identity of its own:
 * never for a worker of torchrun or the like, nor behind an earlier agreement of the same launch.
 */
bool cluster_possible(const struct environment *env);

/* Does this rank speak when each decides alone? Rank 0 does; after a deadline rank 1, too, for it
 * may be rank 0 that never came. */
bool cluster_speaks(const struct cluster_options *options, enum cluster_outcome outcome);

/* The job's environment after an agreement: the MPI library of a rank that had a PMIx session
 * before needs PMIX_MCA_gds=hash, and a nested megatron-preflight must not agree again. Unchanged
 * where MPI was not used. */
struct environment cluster_job_environment(const struct environment *env,
                                           enum cluster_outcome outcome, struct arena *arena);

#endif
