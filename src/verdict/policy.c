#include "verdict/policy.h"

#include <string.h>

const char *const policy_mode_names[MODE_COUNT] = {
    [MODE_ENFORCE] = "enforce",
    [MODE_WARN] = "warn",
    [MODE_OBSERVE] = "observe",
    [MODE_OFF] = "off",
};

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->headroom = 0.80;
    policy->timeout_seconds = 60;
}
