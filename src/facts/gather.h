/* The only look at the world: environment, Megatron tree, packages, GPUs, allocation. */
#ifndef FACTS_GATHER_H
#define FACTS_GATHER_H

#include "facts/facts.h"
#include "launch/launch.h"
#include "verdict/policy.h"

/* Fills what is not known yet; never fails, never blocks for long. 'starts' says that the command
 * will be started from here ('run'); otherwise the job runs somewhere, some day, and this machine's
 * GPUs speak for it only as far as they can hold it. */
void facts_gather(const struct launch *launch, const struct policy *policy, bool starts,
                  struct arena *arena, struct facts *facts);

#endif
