/* The list expressions of --moe-layer-freq and its kin, "([0]*3+[1]*58)", as Megatron evaluates
 * them: with Python itself, after a look at the characters (since 0.13). */
#ifndef MEGATRON_FREQUENCY_H
#define MEGATRON_FREQUENCY_H

#include "base/arena.h"
#include "megatron/job.h"
#include "megatron/release.h"

enum frequency_answer {
    FREQUENCY_OK,
    FREQUENCY_INVALID, /* ValueError or TypeError: argparse turns it into a usage error */
    FREQUENCY_RAISES   /* SyntaxError, IndexError: argparse does not catch it */
};

/* Writes *freq (items in 'arena') if FREQUENCY_OK, and *raised, Python's words, if
 * FREQUENCY_RAISES. An expression that only Python can evaluate (names, comprehensions; up to 0.12)
 * is FREQ_UNKNOWN. 'checked': the release looks at the characters first. */
enum frequency_answer frequency_parse(const char *text, bool checked, struct arena *arena,
                                      struct freq *freq, const char **raised);

#endif
