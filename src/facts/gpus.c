#include "facts/gpus.h"

#include <string.h>
#include <strings.h>

static int has_alias(const char *aliases, const char *name)
{
    size_t length = strlen(name);

    for (const char *p = aliases; *p; p += *p == '|') {
        size_t n = strcspn(p, "|");

        if (n == length && strncasecmp(p, name, n) == 0)
            return 1;
        p += n;
    }
    return 0;
}

const struct gpu_row *gpu_find(const char *name)
{
    for (size_t i = 0; i < gpu_row_count; i++)
        if (strcasecmp(gpu_rows[i].name, name) == 0 || has_alias(gpu_rows[i].aliases, name))
            return &gpu_rows[i];
    return NULL;
}
