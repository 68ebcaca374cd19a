/* Megatron-LM's functional tests (tests/functional_tests/test_cases/MODEL/CASE/model_config.yaml):
 * the trainer's options under MODEL_ARGS, read as the test's own runner reads them. Nodes, GPUs and
 * the trainer's script stand in the recipes that name the case (tests/test_utils/recipes); a case
 * is run once for each recipe. */
#ifndef CONFIG_FUNCTIONAL_TEST_H
#define CONFIG_FUNCTIONAL_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/environment.h"
#include "base/error.h"

struct functional_run {
    const char *key; /* "MODEL_ARGS", "MODEL_ARGS_2" */
    int line;
    const char *recipe;           /* its path, NULL: none names the case */
    const char *script;           /* NULL: not known */
    int64_t nodes, gpus_per_node; /* 0: not known */
    int argc;                     /* the trainer's options */
    const char *const *argv;
    const int *word_line;           /* of each of them */
    struct environment environment; /* only what the file sets */
    const char *cannot_know;        /* why the options are not known, or NULL */
};

struct functional_test {
    size_t count; /* 0 for inference and for NeMo's, which train no Megatron */
    const struct functional_run *run;
    const char *root; /* of the Megatron tree, NULL: the file does not lie in one */
};

/* Has the text a MODEL_ARGS at its top level? */
bool functional_test_is(const char *text);

/* 'text' is that of 'path'. -1 with 'err' set for bad YAML. Texts live in 'arena'. */
int functional_test_read(const char *path, const char *text, struct arena *arena,
                         struct functional_test *test, struct error *err);

#endif
