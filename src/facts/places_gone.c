#include "facts/places_gone.h"

#include <string.h>

#include "base/read_file.h"

enum { FILE_LIMIT = 4 << 20 };

static const uint64_t fnv_start = 0xcbf29ce484222325u, fnv_prime = 0x100000001b3u;

/* Takes the white space out of the text, line ends aside. */
static void strip(char *text)
{
    char *out = text;

    for (const char *p = text; *p; p++)
        if (*p == '\n' || !strchr(" \t\r\f\v", *p))
            *out++ = *p;
    *out = '\0';
}

static int most_lines(const struct place_row *const *place, size_t count)
{
    int most = 0;

    for (size_t i = 0; i < count; i++)
        most = place[i]->lines > most ? place[i]->lines : most;
    return most;
}

/* The text of one line more; where the next one begins, or NULL. */
static const char *add_line(const char *line, uint64_t *hash)
{
    for (; *line && *line != '\n'; line++)
        *hash = (*hash ^ (unsigned char)*line) * fnv_prime;
    return *line ? line + 1 : NULL;
}

static void mark(const struct place_row *const *place, bool *there, size_t count, int lines,
                 uint64_t hash)
{
    for (size_t i = 0; i < count; i++)
        if (place[i]->hash == hash && place[i]->lines == lines)
            there[i] = true;
}

void places_look(char *text, const struct place_row *const *place, bool *there, size_t count)
{
    int most = most_lines(place, count);
    bool low_bits[4096] = { false }; /* of the hashes that are wanted: most are not */

    strip(text);
    for (size_t i = 0; i < count; i++)
        low_bits[place[i]->hash & 4095] = true;
    for (const char *start = text; start;) {
        const char *line = start;
        uint64_t hash = fnv_start;

        for (int lines = 1; lines <= most && line; lines++) {
            line = add_line(line, &hash);
            if (low_bits[hash & 4095])
                mark(place, there, count, lines, hash);
        }
        start = strchr(start, '\n');
        start = start ? start + 1 : NULL;
    }
}

/* The release's places in that file; how many in *count. */
static const struct place_row **places_in(const char *path, enum release release,
                                          struct arena *arena, size_t *count)
{
    const struct place_row **place = arena_alloc(arena, place_row_count * sizeof(*place));

    *count = 0;
    for (size_t i = 0; i < place_row_count; i++)
        if (place_rows[i].release == release && place_rows[i].lines &&
            strcmp(place_rows[i].path, path) == 0)
            place[(*count)++] = &place_rows[i];
    return place;
}

/* Adds the places of one file that are gone from it. */
static const char *add_gone(const char *gone, const char *tree, const char *path,
                            enum release release, struct arena *arena)
{
    size_t size, count, missing = 0;
    char *text = read_file(arena_printf(arena, "%s/%s", tree, path), FILE_LIMIT, arena, &size);
    const struct place_row **place = places_in(path, release, arena, &count);
    bool *there = arena_alloc(arena, count + 1);
    const char *all = gone;

    if (!text)
        return gone;
    places_look(text, place, there, count);
    for (size_t i = 0; i < count; i++) {
        if (there[i])
            continue;
        missing++;
        all = arena_printf(arena, "%s%s%s", all, *all ? " " : "", place[i]->rule);
    }
    return missing * 2 <= count ? all : gone;
}

const char *places_gone(const char *tree, const char *changed, enum release release,
                        struct arena *arena)
{
    const char *gone = "";

    for (const char *p = changed; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        gone = add_gone(gone, tree, arena_strndup(arena, p, n), release, arena);
        p += n;
    }
    return gone;
}
