/* What a Python file adds to an argument parser, read from its text: every add_argument() whose words are
 * literal. Pure; no Python is run. What is not literal is said to be open, never guessed. */
#ifndef MEGATRON_ADD_ARGUMENT_H
#define MEGATRON_ADD_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "megatron/options.h"

struct added_arguments {
    size_t count, capacity;
    struct option_row *row; /* dest is JOB_FIELD_COUNT: Megatron knows nothing of them */
    bool open;              /* an add_argument() whose name or number of values is not literal */
    bool positionals;       /* words that follow no option are taken */
    bool ignores_unknown;   /* parse_known_args(), ignore_unknown_args=True */
    bool changes_argv;      /* sys.argv is written to */
};

/* Adds what 'text' says to *added, in 'arena'. Strings are copied. */
void add_argument_scan(const char *text, struct arena *arena, struct added_arguments *added);

#endif
