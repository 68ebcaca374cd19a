#include "megatron/release.h"

#include <stdlib.h>
#include <string.h>

/* "0.16.3rc1" as 0 * 10^6 + 16 * 10^3 + 3; -1 for what does not begin with two numbers. */
static long version_number(const char *text)
{
    long part[3] = { 0, 0, 0 };
    char *end;
    int n = 0;

    if (strncmp(text, "core_", 5) == 0)
        text += 5;
    if (*text == 'v' || *text == 'r')
        text++;
    while (n < 3 && *text >= '0' && *text <= '9') {
        part[n++] = strtol(text, &end, 10);
        text = *end == '.' ? end + 1 : end;
        if (*end != '.')
            break;
    }
    return n < 2 ? -1 : part[0] * 1000000 + part[1] * 1000 + part[2];
}

enum release release_parse(const char *text)
{
    enum release main_release = RELEASE_COUNT - 1;
    long want = version_number(text);

    if (strcmp(text, "main") == 0)
        return main_release;
    if (want < 0 || want / 1000 < version_number(release_names[0]) / 1000)
        return RELEASE_UNKNOWN;
    for (int r = 0; r < (int)main_release; r++)
        if (version_number(release_names[r]) / 1000 == want / 1000)
            return (enum release)r;
    return main_release;
}

const char *release_name(enum release release)
{
    return release < RELEASE_COUNT ? release_names[release] : "unknown";
}
