/* Our own crash or hang must not keep a job from starting: while the guard is up, a fatal signal or the
 * passing of the deadline prints one line and becomes the job (or ends with a status, where policy says
 * block). Everything it needs is prepared beforehand; what it calls is safe in a signal handler. */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include <stdbool.h>

#include "base/environment.h"

/* 'command' is looked up in PATH now. 'seconds': the deadline, 0 for none. */
void guard_raise(const char *const *command, const struct environment *env, bool block,
                 double seconds);

/* Restores signals and timer exactly as they were. */
void guard_lower(void);

#endif
