#include "megatron/options.h"

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

static bool is_script(const char *path, const char *script)
{
    const char *slash = strrchr(path, '/');

    return strcmp(script, "*") == 0 || strcmp(slash ? slash + 1 : path, script) == 0;
}

struct option_extra option_extra_of_script(const char *script, enum release release,
                                           const struct option_extra *extra, struct arena *arena)
{
    size_t count = extra ? extra->count : 0, capacity = 0;
    struct option_row *row = NULL;

    if (count) {
        row = arena_grow(arena, NULL, &capacity, count, sizeof(*row));
        memcpy(row, extra->row, count * sizeof(*row)); /* the fork's word goes first */
    }
    for (size_t i = 0; script && i < script_option_count; i++) {
        const struct script_option *own = &script_options[i];

        if (!(own->option.releases >> release & 1) || !is_script(script, own->script))
            continue;
        row = arena_grow(arena, row, &capacity, count + 1, sizeof(*row));
        row[count++] = own->option;
    }
    return (struct option_extra) { .count = count, .row = row };
}

enum { NAME_MAX_LENGTH = 96 };

static char folded(char c)
{
    return c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Edits from a to b where '_' is '-' and case does not count; anything above 'limit' is limit + 1.
 */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length, size_t limit)
{
    size_t row[NAME_MAX_LENGTH + 1];

    if ((a_length > b_length ? a_length - b_length : b_length - a_length) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0], best = row[0] = i;

        for (size_t j = 1; j <= b_length; j++) {
            size_t edits = diagonal + (folded(a[i - 1]) != folded(b[j - 1]) ? 2 : 0);

            diagonal = row[j];
            edits = edits < row[j] + 1 ? edits : row[j] + 1;
            row[j] = edits < row[j - 1] + 1 ? edits : row[j - 1] + 1;
            best = row[j] < best ? row[j] : best;
        }
        if (best > limit)
            return limit + 1;
    }
    return row[b_length];
}

/* The letters of a name as bits: each that only one of two names has costs an edit. */
static uint32_t letters_of(const char *name)
{
    uint32_t letters = 0;

    for (; *name; name++)
        letters |= (uint32_t)1 << (folded(*name) & 31);
    return letters;
}

const char *option_nearest(const char *name, enum release release)
{
    size_t length = strlen(name), limit = length / 3;
    uint32_t letters = letters_of(name);
    const char *nearest = NULL;

    if (length > NAME_MAX_LENGTH || strncmp(name, "--", 2) != 0)
        return NULL;
    for (size_t i = 0; i < option_name_count; i++) {
        const char *known = option_names[i].name;
        size_t known_length = strlen(known), edits;

        if (known_length > NAME_MAX_LENGTH ||
            !(option_rows[option_names[i].row].releases >> release & 1))
            continue;
        if ((size_t)__builtin_popcount(letters ^ letters_of(known)) > limit)
            continue;
        edits = distance(name, length, known, known_length, limit);
        if (edits > limit || (nearest && edits == limit))
            continue;
        nearest = known;
        limit = edits;
    }
    return nearest;
}
