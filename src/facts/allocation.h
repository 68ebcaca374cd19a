/* What Slurm and CUDA say about the job's nodes and GPUs, from the environment alone: pure, so that a
 * batch record or a facts file gets the same answers. */
#ifndef FACTS_ALLOCATION_H
#define FACTS_ALLOCATION_H

#include "facts/facts.h"
#include "launch/launch.h"

/* Fills nodes_allocated, gpus_per_node and, from the type of the GRES, gpu where they are not
 * known. */
void allocation_tell(const struct launch *launch, struct arena *arena, struct facts *facts);

#endif
