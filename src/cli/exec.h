/* The last step of 'run': become the job. */
#ifndef CLI_EXEC_H
#define CLI_EXEC_H

#include "base/environment.h"
#include "base/error.h"

enum exec_status {
    EXIT_UNDECIDED = 75, /* on_error: block */
    EXIT_STOPPED = 78,   /* the verdict */
    EXIT_OWN_USAGE = 125,
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127
};

/* Replaces this process by 'command' (NULL-terminated), looked up as execvp does, with the
 * environment 'env'. Returns only on failure: EXIT_NOT_FOUND or EXIT_CANNOT_RUN with 'err' set. */
int exec_command(const char *const *command, const struct environment *env, struct error *err);

#endif
