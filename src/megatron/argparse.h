/* argparse to the letter, for one release's parser: token classes, nargs, types, choices, no
 * abbreviations, last wins (constraints read from CPython's argparse 3.10 .. 3.13). */
#ifndef MEGATRON_ARGPARSE_H
#define MEGATRON_ARGPARSE_H

#include "base/arena.h"
#include "megatron/options.h"

enum argparse_problem {
    ARGPARSE_OK,
    ARGPARSE_USAGE,    /* exit 2: "expected one argument", bad value, bad choice */
    ARGPARSE_TRACEBACK, /* exit 1: the type function raised what argparse does not catch */
    ARGPARSE_HELP      /* -h: help text, exit 0 */
};

/* Options a site's fork adds or replaces (--megatron-options FILE); also those found in a script. */
struct option_extra {
    size_t count;
    const struct option_row *row;
};

struct argparse_unknown {
    int index;           /* of the word in argv */
    const char *nearest; /* a known option, or NULL */
};

struct argparse_result {
    enum argparse_problem problem;
    int index;            /* of the guilty word; -1 none */
    const char *option;   /* the guilty option as written, or NULL */
    const char *message;  /* argparse's own words */
    size_t unknown_count; /* words argparse would call "unrecognized arguments" */
    struct argparse_unknown *unknown;
};

/* Parses 'argc' words into 'job', which job_init() prepared, with that release's defaults. Later words are
 * still parsed after a problem (one mistake, one finding); the first problem is reported. */
void argparse_parse(int argc, const char *const *argv, enum release release,
                    const struct option_extra *extra, struct arena *arena, struct job *job,
                    struct argparse_result *result);

#endif
