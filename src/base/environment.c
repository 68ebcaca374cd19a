#include "base/environment.h"

#include <string.h>

static bool is_name(const char *entry, const char *name, size_t length)
{
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *environment_get(const struct environment *env, const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; i < env->count; i++)
        if (is_name(env->entry[i], name, length))
            return env->entry[i] + length + 1;
    return NULL;
}

struct environment environment_with(const struct environment *env, const char *name,
                                    const char *value, struct arena *arena)
{
    const char **entry = arena_alloc(arena, ((size_t)env->count + 1) * sizeof(*entry));
    size_t length = strlen(name);
    int n = 0;

    for (int i = 0; i < env->count; i++)
        if (!is_name(env->entry[i], name, length))
            entry[n++] = env->entry[i];
    if (value)
        entry[n++] = arena_printf(arena, "%s=%s", name, value);
    return (struct environment) { .known = env->known, .count = n, .entry = entry };
}
