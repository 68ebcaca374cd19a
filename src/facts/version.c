#include "facts/facts.h"

#include <ctype.h>
#include <stdlib.h>

/* The next number of a version, -1 for a pre-release word ("dev", "rc", "a", "b") in front of one,
 * 0 at the end and for words that mark a build ("+cu124", ".post1" compares as its number). */
static long next_part(const char **text)
{
    const char *s = *text;
    char *end;
    long number;

    while (*s == '.' || *s == '-')
        s++;
    if (*s == '+' || *s == '\0') {
        *text = s;
        return 0;
    }
    if (isdigit((unsigned char)*s)) {
        number = strtol(s, &end, 10);
        *text = end;
        return number;
    }
    number = *s == 'p' ? 0 : -1;
    while (isalpha((unsigned char)*s))
        s++;
    if (number < 0)
        while (isdigit((unsigned char)*s))
            s++;
    *text = s;
    return number;
}

static bool at_end(const char *text)
{
    return *text == '\0' || *text == '+';
}

int version_compare(const char *have, const char *want)
{
    while (!at_end(have) || !at_end(want)) {
        long a = next_part(&have);
        long b = next_part(&want);

        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

bool version_below(const struct fact_str *package, const char *version)
{
    return package->known && *package->value && version_compare(package->value, version) < 0;
}
