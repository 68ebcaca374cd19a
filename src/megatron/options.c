#include "megatron/options.h"

#include <string.h>

#include "base/edit_distance.h"

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

static bool same_path(char a, char b, bool module)
{
    return a == b || (module && a == '.' && b == '/');
}

bool options_is_script(const char *path, const char *script)
{
    size_t n = strlen(path), m = strlen(script);
    bool module = n < 3 || strcmp(path + n - 3, ".py") != 0;

    if (strcmp(script, "*") == 0)
        return true;
    m -= module ? strlen(".py") : 0;
    if (m > n || (n > m && path[n - m - 1] != (module ? '.' : '/')))
        return false;
    for (size_t i = 0; i < m; i++)
        if (!same_path(path[n - m + i], script[i], module))
            return false;
    return true;
}

bool options_know_script(const char *path, enum release release)
{
    for (size_t i = 0; i < script_option_count; i++)
        if (script_options[i].option.releases >> release & 1 &&
            strcmp(script_options[i].script, "*") != 0 &&
            options_is_script(path, script_options[i].script))
            return true;
    for (size_t i = 0; i < script_default_count; i++)
        if (script_defaults[i].releases >> release & 1 &&
            options_is_script(path, script_defaults[i].script))
            return true;
    return false;
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

        if (!(own->option.releases >> release & 1) || !options_is_script(script, own->script))
            continue;
        row = arena_grow(arena, row, &capacity, count + 1, sizeof(*row));
        row[count++] = own->option;
    }
    return (struct option_extra) { .count = count, .row = row };
}

static bool has_any_name(const struct option_extra *extra, enum release release, const char *names)
{
    for (const char *p = names; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (option_find(p, n, release))
            return true;
        for (size_t i = 0; i < extra->count; i++)
            for (const char *q = extra->row[i].names; *q; q += strspn(q, " ")) {
                size_t m = strcspn(q, " ");

                if (m == n && memcmp(p, q, n) == 0)
                    return true;
                q += m;
            }
        p += n;
    }
    return false;
}

struct option_extra option_extra_with(const struct option_extra *base,
                                      const struct option_extra *own, enum release release,
                                      struct arena *arena)
{
    size_t count = base->count;
    struct option_row *row = arena_alloc(arena, (count + own->count + 1) * sizeof(*row));

    for (size_t i = 0; i < base->count; i++)
        row[i] = base->row[i];
    for (size_t i = 0; i < own->count; i++)
        if (!has_any_name(base, release, own->row[i].names))
            row[count++] = own->row[i];
    return (struct option_extra) { .count = count, .row = row };
}

/* The letters of a name as bits: each that only one of two names has costs an edit. */
static uint32_t letters_of(const char *name)
{
    uint32_t letters = 0;

    for (; *name; name++)
        letters |= (uint32_t)1 << (edit_folded(*name) & 31);
    return letters;
}

const char *option_nearest(const char *name, enum release release)
{
    size_t length = strlen(name), limit = length / 3;
    uint32_t letters = letters_of(name);
    const char *nearest = NULL;

    if (length > EDIT_DISTANCE_LONGEST || strncmp(name, "--", 2) != 0)
        return NULL;
    for (size_t i = 0; i < option_name_count; i++) {
        const char *known = option_names[i].name;
        size_t known_length = strlen(known), edits;

        if (!(option_rows[option_names[i].row].releases >> release & 1) ||
            known_length > length + limit || length > known_length + limit)
            continue;
        if ((size_t)__builtin_popcount(letters ^ letters_of(known)) > limit)
            continue;
        edits = edit_distance(name, length, known, known_length, limit);
        if (edits > limit || (nearest && edits == limit))
            continue;
        nearest = known;
        limit = edits;
    }
    return nearest;
}
