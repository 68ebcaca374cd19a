/* Who runs us. Asking may take the system's name services, so it is done only where policy or log
 * want it. */
#ifndef CLI_USER_H
#define CLI_USER_H

#include "base/arena.h"
#include "verdict/policy.h"

/* The user's name, or the number of one without a name. */
const char *user_name(struct arena *arena);

/* "user 'alice' is in bypass", or NULL for a user of whom the policy says nothing. */
const char *user_bypass(const struct policy_bypass *bypass, struct arena *arena);

#endif
