#include "expand/placeholders.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* "<Specify path and file prefix>": words between brackets, nothing a redirection has. Its length,
 * or 0. */
static size_t placeholder(const char *p)
{
    size_t n = strcspn(p + 1, "<>()\n\"'`$|&;");

    if (!n || p[1 + n] != '>' || !isalnum((unsigned char)p[1]) || isspace((unsigned char)p[n]))
        return 0;
    return n + 2;
}

static bool begins_word(const char *text, const char *p)
{
    return p > text &&
           (p[-1] == '=' || p[-1] == ' ' || p[-1] == '\t' || p[-1] == '/' || p[-1] == ',');
}

/* "a=<b>/c": all of the word that the brackets belong to. */
static bool ends_word(const char *p)
{
    return !*p || isspace((unsigned char)*p) || strchr("/,.:_-)", *p);
}

const char *placeholders_quote(const char *text, struct arena *arena)
{
    char *out = arena_alloc(arena, 3 * strlen(text) + 1), *q = out;
    const char *p = text;
    bool quoted = false, any = false;

    while (*p) {
        size_t n = *p == '<' && !quoted && begins_word(text, p) ? placeholder(p) : 0;

        quoted = *p == '"' ? !quoted : quoted && *p != '\n';
        if (!n || !ends_word(p + n)) {
            *q++ = *p++;
            continue;
        }
        *q++ = '\'';
        memcpy(q, p, n);
        q += n;
        *q++ = '\'';
        p += n;
        any = true;
    }
    *q = '\0';
    return any ? out : NULL;
}
