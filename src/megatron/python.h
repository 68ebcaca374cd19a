/* Python's truth, // and % on a job's values, where C's differ: None is false, and the remainder has the
 * sign of the divisor. Divisors are not 0 and no operand is None. */
#ifndef MEGATRON_PYTHON_H
#define MEGATRON_PYTHON_H

#include <string.h>

#include "megatron/job.h"

static inline bool is_true(py_bool value)
{
    return value == 1;
}

static inline bool is_given(int64_t value)
{
    return value != NONE_INT;
}

/* Neither None nor 0. */
static inline bool is_nonzero(int64_t value)
{
    return value != NONE_INT && value != 0;
}

/* An option that a release lacks is None; 'fallback' is what its absence means. */
static inline int64_t given_or(int64_t value, int64_t fallback)
{
    return value == NONE_INT ? fallback : value;
}

static inline bool text_is(const char *text, const char *want)
{
    return text && strcmp(text, want) == 0;
}

static inline int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static inline int64_t floor_div(int64_t a, int64_t b)
{
    return (a - floor_mod(a, b)) / b;
}

#endif
