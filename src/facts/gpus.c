#include "facts/gpus.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 64 };

/* The letters and digits of the first 'length' bytes, lower case, without the maker's name: "NVIDIA
 * A100-SXM4-80GB" is "a100sxm480gb"; a remark in parentheses is dropped. */
static void normalize(const char *text, size_t length, char name[NAME_MAX_LENGTH])
{
    static const char *const makers[] = { "nvidia", "tesla", "geforce", "quadro" };
    size_t n = 0;

    for (size_t i = 0; i < length && text[i] && text[i] != '(' && n < NAME_MAX_LENGTH - 1; i++)
        if (isalnum((unsigned char)text[i]))
            name[n++] = (char)tolower((unsigned char)text[i]);
    name[n] = '\0';
    for (size_t m = 0; m < sizeof(makers) / sizeof(makers[0]); m++)
        if (strncmp(name, makers[m], strlen(makers[m])) == 0)
            memmove(name, name + strlen(makers[m]), strlen(name) - strlen(makers[m]) + 1);
}

static int same_name(const char *text, size_t length, const char *wanted)
{
    char name[NAME_MAX_LENGTH];

    normalize(text, length, name);
    return strcmp(name, wanted) == 0;
}

static int has_alias(const char *aliases, const char *wanted)
{
    for (const char *p = aliases; *p; p += *p == '|') {
        size_t n = strcspn(p, "|");

        if (same_name(p, n, wanted))
            return 1;
        p += n;
    }
    return 0;
}

const struct gpu_row *gpu_find(const char *name)
{
    char wanted[NAME_MAX_LENGTH];

    normalize(name, strlen(name), wanted);
    for (size_t i = 0; i < gpu_row_count; i++)
        if (same_name(gpu_rows[i].name, strlen(gpu_rows[i].name), wanted) ||
            has_alias(gpu_rows[i].aliases, wanted))
            return &gpu_rows[i];
    return NULL;
}

static const struct gpu_row *largest(const char *type)
{
    const struct gpu_row *best = NULL;
    char wanted[NAME_MAX_LENGTH];

    normalize(type, strlen(type), wanted);
    for (size_t i = 0; i < gpu_row_count; i++)
        if (same_name(gpu_rows[i].name, strcspn(gpu_rows[i].name, "-"), wanted) &&
            (!best || gpu_rows[i].usable_bytes > best->usable_bytes))
            best = &gpu_rows[i];
    return best ? best : gpu_find(type);
}

const struct gpu_row *gpu_of_gres(const char *gres)
{
    const char *p = strncmp(gres, "gpu:", 4) == 0 ? gres + 4 : gres;
    size_t n = strcspn(p, ":,(=");
    char type[NAME_MAX_LENGTH];

    if (isdigit((unsigned char)*p) || p[n] != ':' || n >= sizeof(type))
        return NULL;
    memcpy(type, p, n);
    type[n] = '\0';
    return largest(type);
}
