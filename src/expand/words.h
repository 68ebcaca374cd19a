/* Words in one string: the launchers that shims have gone through, in an environment variable. And
 * the names of the variables that the parts of the sandbox leave each other; none is shown to
 * anyone. */
#ifndef EXPAND_WORDS_H
#define EXPAND_WORDS_H

#include <stdbool.h>

#include "base/arena.h"

#define WORDS_OWN "_EXPAND_" /* how all of them begin */
#define WORDS_CHAIN "_EXPAND_CHAIN"
#define WORDS_AT                                                                                   \
    "_EXPAND_AT"                    /* lines of the shell's calls, innermost first, then           \
                                   their files, each behind '@' */
#define WORDS_OUTER "_EXPAND_OUTER" /* the same of the shells around */
#define WORDS_GPUS "_EXPAND_GPUS"   /* of a node */
#define WORDS_WAS "_EXPAND_WAS_"    /* + NAME: its value outside of srun and mpirun, empty: unset */
#define WORDS_QUOTE "_EXPAND_QUOTE" /* set: placeholders in sourced files are quoted, too */

/* 'before' with the words behind it. */
const char *words_join(const char *before, int count, const char *const *word, struct arena *arena);

/* The words of such a string, NULL behind them. */
const char *const *words_split(const char *text, struct arena *arena, int *count);

/* Is it one of the words? */
bool words_has(const char *word, int argc, const char *const *argv);

#endif
