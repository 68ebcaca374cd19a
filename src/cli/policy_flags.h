/* Our options and variables over the policy of the files: what they set, unless it is locked. */
#ifndef CLI_POLICY_FLAGS_H
#define CLI_POLICY_FLAGS_H

#include "cli/cli.h"
#include "verdict/policy.h"

/* --mode into 'policy', where an attempt against a lock is noted. -1 with 'err' set for a word that
 * is no mode. */
int policy_flags_mode(const struct cli *cli, struct policy *policy, struct arena *arena,
                      struct error *err);

/* The same for --on-error, --timeout and --max-gpus. */
int policy_flags_apply(const struct cli *cli, struct policy *policy, struct arena *arena,
                       struct error *err);

/* The options without those about the job that are locked; these are noted in 'policy' when 'note'
 * is set. */
struct cli policy_flags_allowed(const struct cli *cli, struct policy *policy, bool note,
                                struct arena *arena);

#endif
