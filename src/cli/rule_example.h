/* An example of a rule (rules/examples.h) as a line to paste into a shell, and what we answer to
 * it. */
#ifndef CLI_RULE_EXAMPLE_H
#define CLI_RULE_EXAMPLE_H

#include <jansson.h>

#include "base/arena.h"
#include "rules/examples.h"
#include "rules/rules.h"

/* NULL when the rule has none. */
const struct rule_example *rule_example_find(const char *id, bool fails);

/* The line; "$BASE" in it is the shell's variable. */
const char *rule_example_line(const struct rule_example *example, struct arena *arena);

/* The report (schema 1); the caller decrefs. */
json_t *rule_example_report(const struct rule_example *example, struct arena *arena);

#endif
