/* --step-batch-size-schedule "0:768 250B:1536": which global batch from which number of tokens on.
 * Entries are separated by blanks or commas; numbers may have a fraction and a suffix K, M, B or T
 * (powers of 1000), any case. */
#ifndef RULES_BATCH_SCHEDULE_H
#define RULES_BATCH_SCHEDULE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct batch_step {
    int64_t
        from; /* samples, rounded down from tokens; tokens when the sequence length is not known */
    int64_t batch; /* samples */
};

struct batch_schedule {
    int count; /* at least 1, rising 'from', the first 0 */
    const struct batch_step *step;
};

/* Writes *schedule, allocated in 'arena', and returns 0; -1 with 'err' set for what Megatron
 * refuses. seq_length <= 0: not known. */
int batch_schedule_parse(const char *text, int64_t seq_length, struct arena *arena,
                         struct batch_schedule *schedule, struct error *err);

#endif
