/* What a shell or sbatch script would start, found by running it: the real bash in a sandbox of its
 * own (no network, no privileges, nothing it writes stays, a deadline), where launchers and tools
 * are shims that record how they were called and do nothing. A pure text never decides; the
 * script's own loops, functions, sourced files and $(...) do.
 *
 * What comes out of the sandbox is untrusted. A script can only add launches: it cannot take one
 * back that was recorded, and a verdict on a script is that of all of them. */
#ifndef EXPAND_EXPAND_H
#define EXPAND_EXPAND_H

#include <stdint.h>

#include "base/arena.h"
#include "base/environment.h"
#include "base/error.h"

struct expand_options {
    const struct environment *environment; /* what the script starts with */
    int64_t nodes;                         /* 0: as its #SBATCH lines say, or one */
    int64_t gpus_per_node;                 /* 0: as its #SBATCH lines say, or unknown */
    int sbatch_argc; /* options that sbatch is given with the script, which count over the script's
                        own */
    const char *const *sbatch_argv; /* NULL: nobody calls sbatch */
    double seconds;                 /* deadline; 0: 10 */
};

/* One recorded command: the launchers in front of the trainer that bash really ran, outermost
 * first, then the trainer's launcher with all its words ("srun" "-N2" "torchrun" ...). */
struct expand_launch {
    int line;         /* of the script: of the command, or of what led to it (source, sbatch, bash
                         other.sh); 0 unknown */
    const char *file; /* where the command itself stands, when that is another file; else NULL */
    int argc;
    const char *const *argv;
    struct environment environment; /* all that the command sees */
    struct environment changed;     /* of it, what the script set or changed */
    const char *directory;
};

/* Something that could not be followed. */
struct expand_gap {
    int line; /* 0: unknown, or the script as a whole */
    const char *why;
};

struct expansion {
    const char *path;
    size_t launch_count;
    const struct expand_launch *launch; /* in the order of time */
    size_t gap_count;
    const struct expand_gap *gap;
    bool complete; /* ran to its end: within the deadline and all limits */
    bool lost; /* more was recorded than is read, or something that no shim writes: no verdict */
    bool assumed_gpus; /* it asked how many GPUs a node has, which is not known: 8 was the answer */
    double seconds;
};

/* Runs the script 'path' with the arguments. -1 with 'err' set where it cannot be run here: no such
 * file, no bash, no user namespaces (the text says what to type). What the script does is never an
 * error. Texts live in 'arena' and may hold any byte: escape them. */
int expand(const char *path, int argc, const char *const *argv,
           const struct expand_options *options, struct arena *arena, struct expansion *expansion,
           struct error *err);

/* Is the file what 'check' and 'expand' take for a script: a regular file that begins with "#!" and
 * a shell, or a name that ends in .sh, .bash, .sbatch or .slurm, there or not? */
bool expand_is_script(const char *path);

/* Scripts are never run as root. As root: becomes, for good, 'user' (NULL: $SUDO_USER, else the
 * script's owner). -1 with 'err' set when there is nobody to become. */
int expand_drop_root(const char *user, const char *path, struct error *err);

#endif
