/* What ranks of one job must have in common, taken from one rank's launch. Pure but for the host's
 * name. */
#ifndef CLUSTER_AGREEMENT_H
#define CLUSTER_AGREEMENT_H

#include "cluster/cluster.h"
#include "facts/facts.h"
#include "launch/launch.h"

/* An option that decides which groups there are or how large what they exchange is: ranks that
 * differ in it hang or crash whatever else they have. (Ranks with another --micro-batch-size may
 * well run.) */
enum { AGREEMENT_NONE = -1, AGREEMENT_DERIVED = -2 };

struct agreement_option {
    const char *name;
    int64_t fallback; /* what the trainer takes without it; AGREEMENT_NONE: nothing,
                         AGREEMENT_DERIVED: what follows from other options */
    bool flag;        /* takes no value: 0 or 1 */
};

extern const struct agreement_option agreement_options[CLUSTER_SHAPE_COUNT];

/* Writes what this rank tells the others. */
void agreement_facts(const struct launch *launch, const struct facts *facts,
                     struct cluster_facts *mine);

/* The rank with the least GPU memory is the one that must hold its part: lowers
 * facts->gpu_memory_bytes to its. */
void agreement_smallest_gpu(const struct cluster_facts *ranks, size_t count, struct facts *facts);

/* The part that depends on the trainer's words: shape[] and argv_hash (never 0). */
void agreement_argv(int argc, const char *const *argv, struct cluster_facts *mine);

#endif
