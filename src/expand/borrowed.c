#include "expand/borrowed.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct names {
    size_t count, room;
    const char **item;
};

static bool is_given(const char *name)
{
    static const char *const prefixes[] = { "SLURM_", "SLURMD_", "BASH" };
    static const char *const names[] = { "HOME",      "USER",   "LOGNAME",  "SHELL",
                                         "PWD",       "OLDPWD", "HOSTNAME", "PATH",
                                         "TMPDIR",    "UID",    "EUID",     "PPID",
                                         "RANDOM",    "IFS",    "LINENO",   "SECONDS",
                                         "REPLY",     "OPTARG", "OPTIND",   "SHLVL",
                                         "FUNCNAME",  "OSTYPE", "HOSTTYPE", "LD_LIBRARY_PATH",
                                         "PIPESTATUS" };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static size_t name_length(const char *p)
{
    size_t n = 0;

    if (isdigit((unsigned char)*p))
        return 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_')
        n++;
    return n;
}

static bool is_own(const struct names *own, const char *name)
{
    for (size_t i = 0; i < own->count; i++)
        if (strcmp(own->item[i], name) == 0)
            return true;
    return false;
}

static void add(struct names *own, const char *name, size_t length, struct arena *arena)
{
    own->item = arena_grow(arena, own->item, &own->room, own->count + 1, sizeof(*own->item));
    own->item[own->count++] = arena_strndup(arena, name, length);
}

/* Where the value is read: "$NAME", "${NAME", "${#NAME", and bare inside "((...))". */
static const char *read_in_line(const char *line, const char *end, const struct names *own,
                                struct arena *arena)
{
    const char *arithmetic = NULL;

    for (const char *p = line; p < end; p++) {
        const char *name = p + 1;
        size_t n;

        if (p + 1 < end && p[0] == '(' && p[1] == '(')
            arithmetic = p;
        if (*p == '$') {
            name += *name == '{';
            name += *name == '#' || *name == '!';
        } else if (!arithmetic || !isalpha((unsigned char)*name) || isalnum((unsigned char)*p) ||
                   *p == '_') {
            continue;
        }
        n = name_length(name);
        if (n && name + n <= end) {
            const char *text = arena_strndup(arena, name, n);

            if (!is_given(text) && !is_own(own, text))
                return text;
        }
    }
    return NULL;
}

static bool begins(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(end - p) > n && strncmp(p, word, n) == 0 && isspace((unsigned char)p[n]);
}

/* "for NAME", "for ((NAME": set before the rest of its line is read. */
static void set_by_for(const char *line, const char *end, struct names *own, struct arena *arena)
{
    for (const char *p = line; p < end; p++) {
        if ((p > line && !isspace((unsigned char)p[-1]) && p[-1] != ';') || !begins(p, end, "for"))
            continue;
        p += strlen("for");
        p += strspn(p, " \t(");
        if (name_length(p))
            add(own, p, name_length(p), arena);
    }
}

/* "NAME=", "NAME+=" where a word begins; all names behind "read". */
static void set_in_line(const char *line, const char *end, struct names *own, struct arena *arena)
{
    bool reads = false;

    for (const char *p = line; p < end; p++) {
        size_t n;

        if (p > line && !isspace((unsigned char)p[-1]) && !strchr(";(&|", p[-1]))
            continue;
        n = name_length(p);
        if (n && (reads || p[n] == '=' || (p[n] == '+' && p[n + 1] == '=')))
            add(own, p, n, arena);
        reads = reads || begins(p, end, "read") || begins(p, end, "mapfile") ||
                begins(p, end, "readarray");
    }
}

const char *borrowed_variable(const char *script, struct arena *arena)
{
    struct names own = { 0 };

    for (const char *line = script, *end; *line; line = *end ? end + 1 : end) {
        const char *found;

        end = line + strcspn(line, "\n");
        if (line[strspn(line, " \t")] == '#')
            continue;
        set_by_for(line, end, &own, arena);
        found = read_in_line(line, end, &own, arena);
        if (found)
            return found;
        set_in_line(line, end, &own, arena);
    }
    return NULL;
}
