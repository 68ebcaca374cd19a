/* Work on many things in processes of their own: a crash, a hang or too much memory in one costs
 * that one only. What the workers write comes back in order. */
#ifndef CLI_SWEEP_POOL_H
#define CLI_SWEEP_POOL_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

struct pool {
    int processes;      /* at once; 0: as many as this process may use cores */
    double seconds;     /* for one thing; then its worker and what it started are killed */
    size_t most_output; /* bytes of one worker */

    /* In a process of its own; ends with it. */
    void (*work)(void *data, size_t index, FILE *out);

    /* In ours, once for each index in order. 'failure': how its worker failed, or NULL; 'text' is
     * then what it wrote before. */
    void (*done)(void *data, size_t index, const char *text, size_t size, const char *failure);

    /* In ours, now and then; may be NULL. */
    void (*tick)(void *data, size_t finished, size_t count);

    void *data;
};

/* -1 with 'err' set when no process can be started. */
int pool_run(const struct pool *pool, size_t count, struct error *err);

#endif
