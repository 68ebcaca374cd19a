/* Any bytes as a policy file. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "verdict/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = "/tmp/fuzz-policy.yaml";
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct error err;
    FILE *out = fopen(path, "w");

    fwrite(data, 1, size, out);
    fclose(out);
    policy_init(&policy);
    policy_read(&policy, path, &arena, &err);
    arena_release(&arena);
    return 0;
}
