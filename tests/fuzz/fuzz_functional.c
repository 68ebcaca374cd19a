/* Any bytes as a functional test's model_config.yaml. */
#include <stddef.h>
#include <stdint.h>

#include "config/functional_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct functional_test test;
    struct error err;

    if (functional_test_is(text))
        functional_test_read("a/model_config.yaml", text, &arena, &test, &err);
    arena_release(&arena);
    return 0;
}
