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

struct argparse_unknown {
    int index;           /* of the word in argv */
    bool option;         /* it looks like an option; else a stray word or an unknown option's value */
    const char *nearest; /* a known option, or NULL */
};

struct argparse_error {
    enum argparse_problem problem;
    int index;           /* of the guilty option's word; -1 none */
    int words;           /* the option and the values it was given */
    const char *option;  /* the guilty option as written, or NULL */
    const char *message; /* argparse's own words, or "KeyError: 'x'" */
    enum job_field dest; /* the field that keeps its default for want of a value; JOB_FIELD_COUNT none */
};

struct argparse_result {
    struct argparse_error first; /* where the parser ends: .problem is ARGPARSE_OK when it does not */
    size_t error_count;          /* all of them: later words are parsed too */
    struct argparse_error *error;
    size_t unknown_count; /* words argparse would call "unrecognized arguments" */
    struct argparse_unknown *unknown;
};

/* Parses 'argc' words into 'job', which job_init() prepared, with that release's defaults. */
void argparse_parse(int argc, const char *const *argv, enum release release,
                    const struct option_extra *extra, struct arena *arena, struct job *job,
                    struct argparse_result *result);

#endif
