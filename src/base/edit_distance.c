#include "base/edit_distance.h"

#include <stdint.h>

/* Bit i of 'at' of a letter: it is a's i-th. Only the letters of a and b are written. */
static void places_of_letters(const char *a, size_t a_length, const char *b, size_t b_length,
                              uint64_t at[256])
{
    for (size_t j = 0; j < b_length; j++)
        at[(unsigned char)edit_folded(b[j])] = 0;
    for (size_t i = 0; i < a_length; i++)
        at[(unsigned char)edit_folded(a[i])] = 0;
    for (size_t i = 0; i < a_length; i++)
        at[(unsigned char)edit_folded(a[i])] |= (uint64_t)1 << i;
}

/* Letters that both have in the same order, at most: one column of the usual table a step, a bit
 * where it does not grow (Hyyro, 2004). */
static size_t longest_common(const char *a, size_t a_length, const char *b, size_t b_length)
{
    uint64_t at[256], column = ~(uint64_t)0;

    places_of_letters(a, a_length, b, b_length, at);
    for (size_t j = 0; j < b_length; j++) {
        uint64_t match = column & at[(unsigned char)edit_folded(b[j])];

        column = (column + match) | (column - match);
    }
    if (a_length < 64)
        column |= ~(uint64_t)0 << a_length;
    return (size_t)__builtin_popcountll(~column);
}

size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, size_t limit)
{
    size_t edits;

    if (a_length > EDIT_DISTANCE_LONGEST ||
        (a_length > b_length ? a_length - b_length : b_length - a_length) > limit)
        return limit + 1;
    edits = a_length + b_length - 2 * longest_common(a, a_length, b, b_length);
    return edits < limit + 1 ? edits : limit + 1;
}
