/* Any bytes as a policy file. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "verdict/policy_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct error err;
    FILE *out = fopen("/dev/null", "w");

    policy_init(&policy);
    if (policy_read_text(&policy, POLICY_SITE, "site", (const char *)data, size, &arena, &err) == 0)
        policy_read_text(&policy, POLICY_USER, "user", (const char *)data, size, &arena, &err);
    policy_narrow(&policy, "a/b", "gpu");
    for (int key = 0; key < POLICY_FILE_KEY_COUNT; key++)
        policy_print_value(&policy, (enum policy_key)key, out);
    fclose(out);
    arena_release(&arena);
    return 0;
}
