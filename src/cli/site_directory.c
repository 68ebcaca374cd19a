#include "cli/site_policy.h"

const char *site_directory(void)
{
    return SYSCONFDIR "/megatron-preflight";
}
