#include "megatron/options.h"

#include <stdlib.h>
#include <string.h>

static int compare(const char *name, size_t length, const char *known)
{
    int c = strncmp(name, known, length);

    return c ? c : known[length] ? -1 : 0;
}

/* The first of the entries that carry this name; option_name_count when none does. */
static size_t first_with_name(const char *name, size_t length)
{
    size_t low = 0, high = option_name_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(name, length, option_names[middle].name) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct option_row *option_find(const char *name, size_t length, enum release release)
{
    for (size_t i = first_with_name(name, length); i < option_name_count; i++) {
        const struct option_row *row = &option_rows[option_names[i].row];

        if (compare(name, length, option_names[i].name) != 0)
            return NULL;
        if (row->releases >> release & 1)
            return row;
    }
    return NULL;
}
