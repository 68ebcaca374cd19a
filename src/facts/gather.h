/* The only look at the world: environment, Megatron tree, packages, GPUs, allocation. */
#ifndef FACTS_GATHER_H
#define FACTS_GATHER_H

#include "facts/facts.h"
#include "launch/launch.h"
#include "verdict/policy.h"

/* Policy, GPUs and allocation: what may differ between the ranks of a launch. Fills what is not
 * known yet; never fails, never blocks for long. 'starts' says that the command will be started
 * from here ('run'); otherwise the job runs somewhere, some day, and this machine's GPUs speak for
 * it only as far as they can hold it. */
void facts_gather(const struct launch *launch, const struct policy *policy, bool starts,
                  struct arena *arena, struct facts *facts);

/* What a machine of the job knows of it: its GPUs and, from Slurm's variables of this process 'env', how
 * many of them are the job's. Fills what is not known yet; never fails. */
void facts_gather_node(const struct environment *env, const struct launch *launch,
                       const struct policy *policy, struct arena *arena, struct facts *facts);

/* Reads the file that the launch wants. False when there is none, or nothing was learnt: only where the job
 * is started ('starts') does a file that is not here speak for the job. */
bool facts_gather_launch_file(const struct launch *launch, bool starts, struct arena *arena,
                              struct facts *facts);

/* The Megatron tree, options it mentions, packages: what is the same for all ranks, so that only
 * the one that decides needs to read it (thousands of ranks share one file system). Fills what is
 * not known yet; never fails. */
void facts_gather_files(const struct launch *launch, struct arena *arena, struct facts *facts);

#endif
