/* The job of a walk cut another way over the same ranks: what its memory would be. For advice that
 * compares. */
#ifndef RULES_RESHAPED_H
#define RULES_RESHAPED_H

#include "rules/rules.h"

struct reshape {
    int64_t tp, pp, cp, ep; /* 0: as it is */
    bool keep_activations;  /* without recomputation */
};

/* Could we tell? Only where this job's memory is modelled against a known device. */
bool can_reshape(const struct walk *walk);

/* The largest expected peak of all stages; false where the sizes do not divide, or the job places
 * its layers by hand. */
bool reshaped_peak(struct walk *walk, const struct reshape *reshape, uint64_t *bytes);

/* The largest expected peak of the job as it is. */
uint64_t present_peak(const struct walk *walk);

/* Is that below what policy leaves as headroom? */
bool fits_with_headroom(const struct walk *walk, uint64_t bytes);

#endif
