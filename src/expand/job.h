/* What a running batch job finds in its environment beyond what its options ask for. Nodes are
 * node1, node2 ... */
#ifndef EXPAND_JOB_H
#define EXPAND_JOB_H

#include "launch/sbatch.h"

/* The job's environment, completed; names that are set stay. */
struct environment job_environment(const struct sbatch_job *job, const char *directory,
                                   struct arena *arena);

#endif
