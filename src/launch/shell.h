/* The one command a "bash -c" string runs, tokenised as bash would. Only what can be known exactly:
 * quotes, variables whose value is known, redirections, assignments, and harmless commands in front
 * (cd, export, set ...). Everything else - substitutions, globs, pipes into other programs, loops -
 * is refused with the reason. */
#ifndef LAUNCH_SHELL_H
#define LAUNCH_SHELL_H

#include "base/arena.h"
#include "base/environment.h"

/* The value of a variable when the command runs: text, "" when certainly unset, NULL when it cannot
 * be known. */
typedef const char *shell_variable(void *context, const char *name);

struct shell_command {
    int argc;
    const char *const *argv;
    struct environment environment; /* with the assignments and exports in front applied */
};

/* Returns NULL and writes 'command', or returns why the string cannot be known. */
const char *shell_command_read(const char *text, const struct environment *env,
                               shell_variable *variable, void *context, struct arena *arena,
                               struct shell_command *command);

#endif
