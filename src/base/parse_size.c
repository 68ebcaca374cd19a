#include "base/parse_size.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *unit;
    int power;
} scale[] = {
    { "", 0 },     { "B", 0 },   { "K", 10 },   { "KB", 10 },  { "KiB", 10 },
    { "M", 20 },   { "MB", 20 }, { "MiB", 20 }, { "G", 30 },   { "GB", 30 },
    { "GiB", 30 }, { "T", 40 },  { "TB", 40 },  { "TiB", 40 },
};

int parse_size(const char *text, uint64_t *bytes, struct error *err)
{
    char *end;
    double value;

    if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X')
        return error_set(err, "'%s' is not a size; write for example 80GiB", text);
    value = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof(scale) / sizeof(scale[0]); i++) {
        if (strcasecmp(end, scale[i].unit) != 0)
            continue;
        if (!*end && value < 1 << 20)
            return error_set(err, "'%s' has no unit; write for example %sGiB", text, text);
        value = ldexp(value, scale[i].power);
        if (!(value < 9223372036854775808.0))
            return error_set(err, "'%s' is too large a size", text);
        *bytes = (uint64_t)value;
        return 0;
    }
    return error_set(err, "'%s' is not a size; write for example 80GiB", text);
}
