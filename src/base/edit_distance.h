/* How far a mistyped name is from a known one. */
#ifndef BASE_EDIT_DISTANCE_H
#define BASE_EDIT_DISTANCE_H

#include <stddef.h>

enum { EDIT_DISTANCE_LONGEST = 64 }; /* letters of a; longer ones are far from everything */

/* Letters to insert or remove that make a of b, where '_' is '-' and case does not count; anything
 * above 'limit' is limit + 1. */
size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, size_t limit);

/* A letter as edit_distance() sees it. */
static inline char edit_folded(char c)
{
    return c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

#endif
