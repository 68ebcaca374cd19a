#include "expand/words.h"

#include <string.h>

/* ASCII's record separator ends a word; no launcher's option holds one. */
#define END "\036"

const char *words_join(const char *before, int count, const char *const *word, struct arena *arena)
{
    const char *text = before;

    for (int i = 0; i < count; i++)
        text = arena_printf(arena, "%s%s" END, text, word[i]);
    return text;
}

static int count_words(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == *END;
    return n;
}

const char *const *words_split(const char *text, struct arena *arena, int *count)
{
    const char **word;

    *count = count_words(text);
    word = arena_alloc(arena, ((size_t)*count + 1) * sizeof(*word));
    for (int i = 0; i < *count; i++) {
        size_t n = strcspn(text, END);

        word[i] = arena_strndup(arena, text, n);
        text += n + 1;
    }
    return word;
}

bool words_has(const char *word, int argc, const char *const *argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}
