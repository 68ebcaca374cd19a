/* Launches left in a file when a job was submitted, for a machine of the job to look at again: the
 * same records as --batch reads, one a line, checked with what only that machine knows. */
#ifndef CLI_SAVED_H
#define CLI_SAVED_H

#include "cli/cli.h"
#include "cli/inputs.h"

/* A file of records while it is written; it appears under its name when all is written. */
struct saving {
    const char *path; /* NULL: nothing is saved */
    char *temporary;
    FILE *out;
};

/* Opens 'path', readable for nobody else; NULL: nothing is saved. What cannot be saved is no reason to stop a
 * job: that is warned of on standard error. */
void saving_begin(struct saving *saving, const char *path, struct arena *arena);
void saving_add(struct saving *saving, const struct launch *launch, const struct environment *env,
                const struct facts *facts);
void saving_end(struct saving *saving);

/* check --saved FILE: prints a report for each launch; the worst exit status, or -1 with 'err' set.
 * The file must belong to the user who asks, so that nobody speaks for another's job. */
int check_saved(const struct cli *cli, struct inputs *inputs, struct error *err);

#endif
