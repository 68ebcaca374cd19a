/* The programs that a launch script calls and the sandbox does not let it have: by name, what is
 * done instead. Launchers come from the launchers' own table (launch/launchers.h); here stands only
 * what that does not say. */
#ifndef EXPAND_SHIMS_H
#define EXPAND_SHIMS_H

#include <stdbool.h>

#include "base/arena.h"

enum shim_role {
    SHIM_NONE,    /* not one of ours */
    SHIM_LEAF,    /* starts training: recorded, ends with 0 */
    SHIM_THROUGH, /* what it would start is started at once, its own words are remembered */
    SHIM_PYTHON,
    SHIM_SHELL,  /* bash, whatever shell was meant */
    SHIM_BATCH,  /* sbatch: the script is run as a job */
    SHIM_REMOTE, /* ssh: the words are a command for a shell */
    SHIM_SCONTROL,
    SHIM_NVIDIA_SMI,
    SHIM_HOSTNAME,
    SHIM_TEE,
    SHIM_GIT,
    SHIM_CONDA,
    SHIM_FILES,   /* the real one; that a file is missing here does not end the script */
    SHIM_NOTHING, /* ends with 0 */
    SHIM_GAP,     /* the preamble's own: says what could not be followed */
    SHIM_QUOTE    /* ... and quotes a file's placeholders */
};

/* What a program of that name is; a path is looked at by its last part. */
enum shim_role shim_role(const char *program);

/* All names, NULL at the end. */
const char *const *shim_names(struct arena *arena);

/* Goes on as the shim argv[0] inside the sandbox. Returns the exit status. */
int shim_main(int argc, const char *const *argv);

/* Was this program started as a shim? */
bool shim_called(void);

#endif
