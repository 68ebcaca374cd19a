/* The policy that holds on this machine, put together from its files: the site's policy.yaml, its
 * policy.d, then what --policy names. */
#ifndef CLI_SITE_POLICY_H
#define CLI_SITE_POLICY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "verdict/policy.h"

/* Where the site's files are. Fixed when the program is built: what a user could set would be no
 * lock. */
const char *site_directory(void);

struct site_faults {
    size_t count;
    const char **text; /* one for each file that was left out */
};

void site_fault_add(struct site_faults *faults, const char *text, struct arena *arena);

/* Reads policy.yaml and policy.d/?*.yaml (in byte order) of 'directory' over 'policy', as far as
 * they are there. A file that cannot be read is left out and named in 'faults'. */
void site_policy_read(struct policy *policy, const char *directory, struct arena *arena,
                      struct site_faults *faults);

/* A user's policy: a file, keys between braces, or a directory laid out as the site's. Without
 * locks of a site such a directory is read as a site's, so that a site can try one before it
 * installs it. */
int user_policy_read(struct policy *policy, const char *path, struct arena *arena,
                     struct error *err);

#endif
