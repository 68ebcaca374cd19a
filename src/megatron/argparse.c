#include "megatron/argparse.h"

#include <string.h>

void argparse_parse(int argc, const char *const *argv, enum release release,
                    const struct option_extra *extra, struct arena *arena, struct job *job,
                    struct argparse_result *result)
{
    (void)argc;
    (void)argv;
    (void)release;
    (void)extra;
    (void)arena;
    (void)job;
    memset(result, 0, sizeof(*result));
    result->index = -1;
}
