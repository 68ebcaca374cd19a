#include "base/word_list.h"

#include <string.h>

bool word_list_has_n(const char *list, const char *word, size_t length)
{
    for (const char *p = list; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && memcmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

bool word_list_has(const char *list, const char *word)
{
    return word_list_has_n(list, word, strlen(word));
}
