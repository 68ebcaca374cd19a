/* Python's int(), float(), repr() and str() of scalars, as far as argparse's type functions use
 * them: '1_000', ' 8 ' and '+8' are ints, '5.' and 'inf' are floats, '0x10' and '1e3' are no ints.
 * ASCII digits only. */
#ifndef MEGATRON_PYTHON_VALUE_H
#define MEGATRON_PYTHON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* int(text). Beyond 64 bits: INT64_MAX, or INT64_MIN + 1 (INT64_MIN is None). False: ValueError. */
bool python_int(const char *text, int64_t *value);

/* float(text). False: ValueError. */
bool python_float(const char *text, double *value);

/* repr(value): the shortest digits that read back as the same double ("0.1", "1e-05", "inf"). */
void python_float_repr(double value, char *text, size_t size);

/* repr(s): quoted as Python quotes it. */
const char *python_str_repr(const char *s, struct arena *arena);

#endif
