/* Edits that would make a stopped job go, in the order of the optimization priority list:
 * distributed optimizer; recompute; sequence parallel; expert parallel; pipeline parallel; micro
 * batch; then, marked as beyond the list, TP up to the NVLink domain and CP. Each is applied to the
 * argv and the whole verdict is reached again: what is offered has been walked and estimated. */
#ifndef ADVISE_ADVISE_H
#define ADVISE_ADVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum edit_target { EDIT_TRAINER, EDIT_LAUNCHER, EDIT_ENVIRONMENT, EDIT_CONFIG };

struct edit {
    enum edit_target target;
    const char *option;
    const char *value; /* NULL: a flag, or removed */
    bool remove;
    bool bound; /* has a meaning only with another edit: never dropped alone */
};

struct change {       /* what a fix moves besides memory */
    const char *name; /* "data_parallel_size" */
    int64_t before, after;
};

struct fix {
    int edit_count;
    struct edit edit[12];
    int argc; /* the whole trainer argv after the edits */
    const char *const *argv;
    int64_t world; /* ranks after the edits, 0 unknown */
    int env_count; /* changed names only, "NAME=value" or "NAME" (removed) */
    const char *const *env;
    uint64_t peak_bytes; /* largest expected peak of all pipeline ranks; 0 unknown */
    bool fits;           /* the verdict on it is go or warn */
    bool beyond_list;
    int change_count;
    struct change change[8];
};

struct fixes {
    int count; /* the first is the recommendation, at most two alternatives follow */
    struct fix item[3];
};

struct request;
struct report;

/* For a report whose verdict is stop. */
void advise(const struct request *request, const struct report *report, struct arena *arena,
            struct fixes *fixes);

#endif
