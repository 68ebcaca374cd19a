/* What the parse says to the rest of the walk. */
#ifndef RULES_PARSE_H
#define RULES_PARSE_H

#include "rules/rules.h"

/* Does the field hold its default only because the words meant for it could not be parsed (a bad value, a
 * mistyped option)? Rules about it would report the same mistake again. */
bool parse_spoiled(const struct walk *walk, enum job_field field);

#endif
