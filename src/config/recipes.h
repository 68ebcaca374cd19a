/* The recipes of Megatron-LM's functional tests: on how many GPUs a case runs, and with which
 * script. */
#ifndef CONFIG_RECIPES_H
#define CONFIG_RECIPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct recipe {
    const char *path;
    int64_t nodes, gpus; /* processes of a node; 0: not known */
    const char *text;    /* what it runs, with "NAME=value" words for the runner */
};

struct recipes {
    size_t count, capacity;
    struct recipe *item; /* sorted by path */
};

/* Those of the tree 'root' that name this case of this model; where none does, one of the model's, without
 * numbers, for its script. What cannot be read is left out. */
void recipes_find(const char *root, const char *model, const char *test_case, struct arena *arena,
                  struct recipes *recipes);

/* The value of NAME in its text, NULL when it is not there. */
const char *recipe_value(const struct recipe *recipe, const char *name, size_t length,
                         struct arena *arena);

#endif
