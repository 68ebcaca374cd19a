/* How Python's tests in Megatron read the job's values: None is false and equal to nothing but
 * itself, a field that the release does not have is None. */
#ifndef RULES_TRUTH_H
#define RULES_TRUTH_H

#include <string.h>

#include "megatron/job.h"

/* if args.flag: */
static inline bool is_on(py_bool flag)
{
    return flag == 1;
}

/* if args.number is not None: */
static inline bool is_set(int64_t number)
{
    return number != NONE_INT;
}

/* if args.number: */
static inline bool is_nonzero(int64_t number)
{
    return is_set(number) && number != 0;
}

static inline int64_t value_or(int64_t number, int64_t fallback)
{
    return is_set(number) ? number : fallback;
}

/* args.text == "word" */
static inline bool is_word(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* a % b == 0 where Python's % takes the sign of b, which does not matter for 0; b == 0 raises there
 * and is false here. */
static inline bool divides(int64_t b, int64_t a)
{
    return b != 0 && a % b == 0;
}

/* a % b and a // b: the remainder has the sign of the divisor. b is not 0. */
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
