/* Variables that a shell script takes from whoever submits it. Where that environment is not at
 * hand, what such a script starts cannot be known. Judged by the text alone and on the safe side: a
 * variable is the script's own only after a line that sets it, wherever the two stand. */
#ifndef EXPAND_BORROWED_H
#define EXPAND_BORROWED_H

#include "base/arena.h"

/* The first such variable's name, in 'arena', or NULL. Those that Slurm, the login and bash itself
 * give any script do not count. */
const char *borrowed_variable(const char *script, struct arena *arena);

#endif
