/* The environment a process will see, as a value: "NAME=value" strings that are borrowed. Not known (a
 * batch record without "env") is different from empty; what is certainly set can be listed then, too. */
#ifndef BASE_ENVIRONMENT_H
#define BASE_ENVIRONMENT_H

#include <stdbool.h>

#include "base/arena.h"

struct environment {
    bool known;
    int count;
    const char *const *entry;
};

/* The value of 'name', or NULL when unset or not known. */
const char *environment_get(const struct environment *env, const char *name);

/* A copy in 'arena' with 'name' set to 'value' (NULL: removed). */
struct environment environment_with(const struct environment *env, const char *name,
                                    const char *value, struct arena *arena);

#endif
