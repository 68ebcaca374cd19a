/* What a rule may conclude from the versions of installed packages. Only a version that was seen counts: a
 * package that seems not to be there may still be importable, so its absence is at most a warning. */
#ifndef RULES_PACKAGES_H
#define RULES_PACKAGES_H

#include <stdbool.h>

#include "facts/facts.h"

/* Known to be installed in a version before 'version'. */
bool package_is_older(const struct fact_str *package, const char *version);

/* Known not to be installed, as far as could be seen. */
bool package_is_missing(const struct fact_str *package);

#endif
