/* Where a job stands among those of its site: what a policy's paths and partitions are held
 * against. */
#ifndef FACTS_PLACE_H
#define FACTS_PLACE_H

#include "facts/facts.h"
#include "verdict/policy.h"

/* Fills partition from the job's environment, and path with 'directory' (borrowed, NULL: not
 * known), where they are not known. */
void facts_place(const char *directory, struct facts *facts);

/* gpu and gpu_memory_bytes as the policy has them, where they are not known. */
void facts_from_policy(const struct policy *policy, struct arena *arena, struct facts *facts);

#endif
