/* Where in the script a recorded command stands, from what the preamble noted in its environment.
 */
#ifndef EXPAND_SCRIPT_LINE_H
#define EXPAND_SCRIPT_LINE_H

#include "base/arena.h"
#include "base/environment.h"

struct script_line {
    int line;         /* of the script, 0 unknown */
    const char *file; /* another one in which the command itself stands, or NULL */
};

/* 'script' as the shell was given it. */
struct script_line script_line_find(const struct environment *environment, const char *script,
                                    struct arena *arena);

#endif
