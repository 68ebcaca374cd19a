#include "megatron/layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No pipeline has more layers and stages than this; it bounds what "t*999999999" can cost. */
#define LONGEST 65536

struct text {
    struct arena *arena;
    char *bytes;
    size_t length;
    size_t capacity;
};

static void append(struct text *text, const char *bytes, size_t length)
{
    text->bytes =
        arena_grow(text->arena, text->bytes, &text->capacity, text->length + length + 1, 1);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

/* "*12" at 's': its length, the number in *times; 0 when there is no such thing. */
static size_t multiplier(const char *s, unsigned long *times)
{
    size_t digits;

    if (*s != '*')
        return 0;
    digits = strspn(s + 1, "0123456789");
    if (digits == 0)
        return 0;
    *times = digits > 9 ? LONGEST + 1 : strtoul(s + 1, NULL, 10);
    return 1 + digits;
}

/* "(body)*n" at 's': its length, with body and number; 0 when there is no such thing. The body ends
 * at the first ')' and is not empty. */
static size_t repeated_group(const char *s, const char **body, size_t *length, unsigned long *times)
{
    size_t tail;

    if (*s != '(')
        return 0;
    *body = s + 1;
    *length = strcspn(*body, ")");
    if (*length == 0 || (*body)[*length] == '\0')
        return 0;
    tail = multiplier(*body + *length + 1, times);
    return tail ? *length + 2 + tail : 0;
}

static size_t repeated_letter(const char *s, const char **body, size_t *length,
                              unsigned long *times)
{
    size_t tail;

    if (*s == '\n')
        return 0;
    *body = s;
    *length = 1;
    tail = multiplier(s + 1, times);
    return tail ? 1 + tail : 0;
}

typedef size_t (*repetition)(const char *s, const char **body, size_t *length,
                             unsigned long *times);

/* One pass from left to right. NULL when the result is too long. */
static const char *unroll(const char *s, repetition match, struct arena *arena)
{
    struct text text = { .arena = arena };

    append(&text, "", 0);
    while (*s) {
        unsigned long times = 1;
        size_t length = 1;
        const char *body = s;
        size_t matched = match(s, &body, &length, &times);

        if (!matched) {
            body = s;
            length = matched = times = 1;
        }
        if (times > LONGEST || text.length + times * length > LONGEST)
            return NULL;
        while (times--)
            append(&text, body, length);
        s += matched;
    }
    return text.bytes;
}

static const char *without_commas(const char *s, struct arena *arena)
{
    struct text text = { .arena = arena };

    append(&text, "", 0);
    for (; *s; s++)
        if (*s != ',')
            append(&text, s, 1);
    return text.bytes;
}

static int split(const char *s, struct arena *arena, struct layout *layout)
{
    const char **stage;
    int count = 1;

    for (const char *p = s; *p; p++)
        count += *p == '|';
    stage = arena_alloc(arena, (size_t)count * sizeof(*stage));
    for (int i = 0; i < count; i++) {
        size_t length = strcspn(s, "|");

        stage[i] = arena_strndup(arena, s, length);
        s += length + (s[length] == '|');
    }
    layout->stage = stage;
    layout->stage_count = count;
    return 0;
}

int layout_parse(const char *text, struct arena *arena, struct layout *layout, struct error *err)
{
    const char *plain = without_commas(text, arena);
    size_t known;

    plain = unroll(plain, repeated_group, arena);
    if (plain)
        plain = unroll(plain, repeated_letter, arena);
    if (!plain)
        return error_set(err, "the repetitions of '%.80s' make more than %d letters", text,
                         LONGEST);
    known = strspn(plain, "EtmL|");
    if (plain[known])
        return error_set(err,
                         "'%c' in '%.80s' is not a letter of a layout; E, t, m, L and '|' are, and "
                         "'(tt|)*4' or 't*4' repeat",
                         plain[known], text);
    return split(plain, arena, layout);
}

int layout_count(const struct layout *layout, int stage, char letter)
{
    int count = 0;

    for (const char *p = layout->stage[stage]; *p; p++)
        count += *p == letter;
    return count;
}

int layout_count_before(const struct layout *layout, int stage, char letter)
{
    int count = 0;

    for (int i = 0; i < stage; i++)
        count += layout_count(layout, i, letter);
    return count;
}
