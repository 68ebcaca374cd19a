/* Words as a POSIX shell quotes them. */
#ifndef BASE_SHELL_WORD_H
#define BASE_SHELL_WORD_H

#include <stdio.h>

#include "base/arena.h"

/* Writes the word so that a shell reads it back; control bytes are shown as '?'. */
void shell_word_put(FILE *out, const char *word);

/* The words of a text that holds no more of a shell than quotes and backslashes; NULL at the end.
 * The words live in 'arena'. */
const char *const *shell_words_split(const char *text, int *count, struct arena *arena);

#endif
