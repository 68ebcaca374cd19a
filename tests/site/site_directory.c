#include <stdlib.h>

#include "cli/site_policy.h"

const char *site_directory(void)
{
    const char *directory = getenv("TEST_SITE_DIRECTORY");

    return directory ? directory : "/nonexistent";
}
