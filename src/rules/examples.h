/* Of each rule a launch that fails and one that passes, for a reader to try: the shortest of its
 * case files (tests/cases), compiled in. Texts are as those files have them. */
#ifndef RULES_EXAMPLES_H
#define RULES_EXAMPLES_H

#include <stdbool.h>
#include <stddef.h>

struct rule_example {
    const char *rule;
    bool fails;
    const char *what;    /* one line: what is special about it */
    const char *release; /* NULL: unknown */
    int world;           /* 0: not told */
    const char *env;     /* words NAME=VALUE: the whole environment, or NULL: unknown */
    const char *gpu;     /* or NULL */
    const char *facts;   /* JSON object, or NULL */
    const char *policy;  /* JSON object, or NULL */
    const char *script;  /* or NULL: pretrain_gpt.py */
    const char *argv;    /* the trainer's options, or NULL; "$BASE" stands for rule_example_base */
    const char *command; /* instead of argv: a whole launch */
};

extern const struct rule_example rule_examples[];
extern const size_t rule_example_count;

/* The options of a small valid job. */
extern const char rule_example_base[];

#endif
