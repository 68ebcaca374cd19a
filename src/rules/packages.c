#include "rules/packages.h"

bool package_is_older(const struct fact_str *package, const char *version)
{
    return package->known && *package->value && version_compare(package->value, version) < 0;
}

bool package_is_missing(const struct fact_str *package)
{
    return package->known && !*package->value;
}
