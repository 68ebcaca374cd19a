#include "base/shell_word.h"

#include <stdbool.h>
#include <string.h>

void shell_word_put(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%^";

    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", out);
        else
            fputc((unsigned char)*p < 0x20 ? '?' : *p, out);
    }
    fputc('\'', out);
}

/* One word from *text, which is moved behind it, unquoted into 'word'; returns what is behind its
 * zero. */
static char *read_word(const char **text, char *word)
{
    char quote = '\0';
    const char *p = *text;

    for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"')
            quote = quote ? '\0' : *p;
        else if (*p == '\\' && quote != '\'' && p[1])
            *word++ = *++p;
        else
            *word++ = *p;
    }
    *word = '\0';
    *text = p;
    return word + 1;
}

const char *const *shell_words_split(const char *text, int *count, struct arena *arena)
{
    size_t capacity = 0;
    const char **words = arena_grow(arena, NULL, &capacity, 1, sizeof(*words));
    char *word = arena_alloc(arena, strlen(text) + 1); /* all of them: none grows by unquoting */

    *count = 0;
    for (text += strspn(text, " \t\n"); *text; text += strspn(text, " \t\n")) {
        words = arena_grow(arena, words, &capacity, (size_t)*count + 2, sizeof(*words));
        words[(*count)++] = word;
        word = read_word(&text, word);
    }
    words[*count] = NULL;
    return words;
}
