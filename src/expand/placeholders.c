#include "expand/placeholders.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* "<Specify path and file prefix>": words between brackets, nothing a redirection has. Its length,
 * or 0. */
static size_t placeholder(const char *p)
{
    size_t n = strcspn(p + 1, "<>\n\"'`$|&;");

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

/* One word, whatever it is put in; without the brackets, which another shell would take for
 * redirections again. */
static char *copy_word(char *q, const char *p, size_t n)
{
    for (size_t i = 1; i + 1 < n; i++)
        *q++ = p[i] == ' ' ? '_' : p[i];
    return q;
}

/* "(e.g., /data)" behind blanks, which is no bash at all: its length, or 0. */
static size_t remark(const char *text, const char *p)
{
    size_t n = strcspn(p, ")\n");

    return p > text && isspace((unsigned char)p[-1]) && strncmp(p, "(e.g", 4) == 0 && p[n] == ')'
               ? n + 1
               : 0;
}

const char *placeholders_quote(const char *text, struct arena *arena)
{
    char *out = arena_alloc(arena, 3 * strlen(text) + 1), *q = out;
    const char *p = text;
    bool quoted = false, any = false;

    while (*p) {
        size_t n = *p == '<' ? placeholder(p) : 0;

        if (*p == '(' && !quoted && any && remark(text, p)) {
            p += remark(text, p);
            continue;
        }
        if (*p == '"' && (p == text || p[-1] != '\\'))
            quoted = !quoted;
        if (!n || (!quoted && !(begins_word(text, p) && ends_word(p + n)))) {
            *q++ = *p++;
            continue;
        }
        if (!quoted)
            *q++ = '\'';
        q = copy_word(q, p, n);
        if (!quoted)
            *q++ = '\'';
        p += n;
        any = true;
    }
    *q = '\0';
    return any ? out : NULL;
}
