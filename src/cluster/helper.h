/* The MPI helper as a process: started so that the job will not notice it. */
#ifndef CLUSTER_HELPER_H
#define CLUSTER_HELPER_H

#include "base/environment.h"
#include "base/error.h"

/* Starts the helper in a session of its own, orphaned (no child of ours is left), with /dev/null as
 * standard streams and no descriptor of ours but one end of a socket pair. Returns the other end
 * (close-on-exec), or -1 with 'err' set. 'path' NULL: found relative to /proc/self/exe. A helper
 * that cannot be executed shows as end of file on the socket. */
int helper_start(const char *path, const struct environment *env, struct error *err);

#endif
