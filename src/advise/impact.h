/* How much each size of a job moves its memory: the job is replayed with the size halved and
 * doubled, and the exponent says how the part that moves grows. */
#ifndef ADVISE_IMPACT_H
#define ADVISE_IMPACT_H

#include "verdict/verdict.h"

enum impact_class { IMPACT_LOW, IMPACT_MEDIUM, IMPACT_HIGH, IMPACT_CLASS_COUNT };

extern const char *const impact_class_names[IMPACT_CLASS_COUNT];

struct impact_side {
    bool valid;          /* Megatron accepts the job with that value */
    int64_t value;       /* of the size */
    uint64_t peak_bytes; /* largest expected peak of all pipeline ranks */
    const char *why_not; /* the rule that stops it, where not valid */
};

struct impact {
    const char *name; /* "seq_length" */
    int64_t value;
    struct impact_side half, twice;
    bool has_exponent;
    double exponent; /* of the part of the peak that moves with the size: 1 linear, 2 quadratic */
    enum impact_class class; /* by what doubling (else halving) adds to the peak */
    enum impact_class guide_class;
    int guide_exponent; /* what the configuration guide gives the part that moves */
    const char *note;   /* where the guide's view and the replay differ, or NULL */
};

struct impacts {
    uint64_t peak_bytes; /* of the job itself */
    int count;           /* sorted, the largest change first */
    struct impact item[8];
};

/* For a report that has a memory estimate; count is 0 without one. */
void impact_of(const struct request *request, const struct report *report, struct arena *arena,
               struct impacts *impacts);

#endif
