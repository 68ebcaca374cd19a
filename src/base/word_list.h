/* Lists of words in one string, separated by blanks, as the tables of this program hold them. */
#ifndef BASE_WORD_LIST_H
#define BASE_WORD_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Is the word one of the list's? NULL is an empty list. */
bool word_list_has(const char *list, const char *word);
bool word_list_has_n(const char *list, const char *word, size_t length);

#endif
