/* Rules that a modified Megatron tree no longer has: the statement of a rule's place (places.tsv),
 * white space aside, stands nowhere in its file. Only a file that is still recognizable - at least
 * half of its statements are there - says anything. */
#ifndef FACTS_PLACES_GONE_H
#define FACTS_PLACES_GONE_H

#include "base/arena.h"
#include "megatron/options.h"

/* Which of 'count' places are there in 'text' (their lines and hash; what it changes is its white
 * space). */
void places_look(char *text, const struct place_row *const *place, bool *there, size_t count);

/* The places ("id" or "id/place") of 'release' that are gone from the changed files (paths under
 * 'tree', separated by blanks), themselves separated by blanks; "" when none. */
const char *places_gone(const char *tree, const char *changed, enum release release,
                        struct arena *arena);

#endif
