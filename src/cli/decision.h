/* A decision as one JSON object on one line, for the site's log, and as it is read back by 'audit'.
 */
#ifndef CLI_DECISION_H
#define CLI_DECISION_H

#include "cli/inputs.h"

/* What enforcement says, whatever mode or bypass make of it. */
enum verdict decision_verdict(const struct report *report);

/* Why the job starts all the same: "mode observe", "user 'alice' is in bypass"; NULL where nothing
 * stands against it or it does not start. */
const char *decision_let_go(const struct report *report, const struct policy *policy,
                            struct arena *arena);

/* Says in one line that a user's bypass lets the job go, and what stands against it; false, and
 * nothing is said, where it makes no difference. */
bool bypass_say(const struct policy *policy, const struct report *report, struct arena *arena,
                FILE *out);

/* What a line holds, in order, for the manual. */
struct decision_field {
    const char *name, *what;
};

extern const struct decision_field decision_fields[];
extern const size_t decision_field_count;

/* Writes the decision to the policy's log: to nowhere without one, but a bypass to syslog. Never
 * waits for long; what goes wrong is one warning on standard error, and in mode observe nothing. */
void decision_log(const struct inputs *inputs, const struct report *report, struct arena *arena);

/* The same where --log or --log-stops wants it. */
void decision_log_wanted(const struct cli *cli, const struct inputs *inputs,
                         const struct report *report, struct arena *arena);

#endif
