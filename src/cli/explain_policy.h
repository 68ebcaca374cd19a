/* --explain-policy: what the policy is, and who said so. */
#ifndef CLI_EXPLAIN_POLICY_H
#define CLI_EXPLAIN_POLICY_H

#include "cli/inputs.h"

/* Prints every key with its value, its origin and whether it is locked; with a command as it is for
 * that job. Returns the exit status, or -1 with 'err' set for bad input. */
int explain_policy(const struct cli *cli, struct inputs *inputs, struct arena *arena,
                   struct error *err);

#endif
