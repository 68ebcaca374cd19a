/* The files that a sweep looks at: those named, and in directories those whose names say script or
 * YAML or JSON, or that have no ending and begin with "#!". Hidden directories and symbolic links
 * inside are left out. */
#ifndef CLI_SWEEP_FILES_H
#define CLI_SWEEP_FILES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct sweep_files {
    size_t count;
    const char *
        *path; /* as given, with what is below behind a slash; without "./"; sorted, none twice */
    size_t unread; /* directories that cannot be read */
};

/* -1 with 'err' set when a path given cannot be read or is neither a file nor a directory, or there are too many. */
int sweep_files_find(int argc, const char *const *argv, struct arena *arena,
                     struct sweep_files *files, struct error *err);

#endif
