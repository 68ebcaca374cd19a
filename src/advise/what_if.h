/* A job with some edits, reached again as a whole. */
#ifndef ADVISE_WHAT_IF_H
#define ADVISE_WHAT_IF_H

#include "advise/edits.h"

struct what_if {
    uint64_t peak_bytes;    /* largest expected peak of all pipeline ranks, 0: no estimate */
    const char *stopped_by; /* the first rule that stops it and did not stop the job before, other
                               than for memory or policy; NULL: a valid job */
};

/* 'report' is the verdict on 'request', whose release is followed. A 'vocab_size' above 0 is what
 * the tokenizer holds in the trial. */
struct what_if what_if(const struct request *request, const struct report *report,
                      const struct plan *plan, int64_t vocab_size, struct arena *arena);

#endif
