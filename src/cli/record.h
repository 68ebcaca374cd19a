/* One record of the batch format to one report. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <jansson.h>

#include "verdict/verdict.h"

/* What a record says of a job. */
struct record {
    const char *id; /* or NULL */
    struct launch launch;
    struct facts facts; /* its own: neither the allocation's nor the GPU table's */
};

/* -1 with 'err' set for a broken record; strings are copied to 'arena'. What the
 * allocation and the GPU's name tell is the caller's to add: record_complete(). */
int record_read(json_t *object, struct arena *arena, struct record *record, struct error *err);

/* Adds what the record's launch says of its allocation, and what follows from all that is known. */
void record_complete(struct record *record, struct arena *arena);

/* The record of a launch in the environment 'env' of this process: its words, that environment without
 * what is named like a secret, and the facts that are the same wherever it runs. NULL when its words are not UTF-8. The
 * caller decrefs. */
json_t *record_of(const struct launch *launch, const struct environment *env,
                  const struct facts *facts);

/* 'number' is the record's line, for error texts. Never NULL: a broken record gives a report with an error.
 * The caller decrefs. */
json_t *record_check(const char *text, size_t number, const struct policy *policy,
                     const struct option_extra *extra);

#endif
