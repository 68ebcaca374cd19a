/* What a rule may conclude from the versions of installed packages: only from a known one. */
#ifndef RULES_PACKAGES_H
#define RULES_PACKAGES_H

#include <stdbool.h>

#include "facts/facts.h"

/* Known to be installed in a version before 'version'. */
bool package_is_older(const struct fact_str *package, const char *version);

/* Known not to be installed. */
bool package_is_missing(const struct fact_str *package);

/* Either of the two: what needs 'version' cannot work. */
bool package_lacks(const struct fact_str *package, const char *version);

/* "2.3.0" or "no", for a message about a package that lacks a version. */
const char *package_text(const struct fact_str *package);

#endif
