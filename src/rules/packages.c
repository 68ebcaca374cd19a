#include "rules/packages.h"

bool package_is_older(const struct fact_str *package, const char *version)
{
    return package->known && *package->value && version_compare(package->value, version) < 0;
}

bool package_is_missing(const struct fact_str *package)
{
    return package->known && !*package->value;
}

bool package_lacks(const struct fact_str *package, const char *version)
{
    return package_is_missing(package) || package_is_older(package, version);
}

const char *package_text(const struct fact_str *package)
{
    return package_is_missing(package) ? "no version" : package->value;
}
