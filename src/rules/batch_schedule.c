#include "rules/batch_schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules/truth.h"

#define SEPARATORS " \t\n\r\f\v,"

/* "250B" as 250e9. */
static int parse_number(const char *text, size_t length, int64_t *number)
{
    char digits[64];
    double value, factor = 1;
    char *end;

    if (length == 0 || length >= sizeof(digits))
        return -1;
    memcpy(digits, text, length);
    digits[length] = '\0';
    switch (digits[length - 1] | 0x20) {
    case 't':
        factor *= 1000; /* fall through */
    case 'b':
        factor *= 1000; /* fall through */
    case 'm':
        factor *= 1000; /* fall through */
    case 'k':
        factor *= 1000;
        digits[length - 1] = '\0';
        break;
    default:
        break;
    }
    if (!*digits || strpbrk(digits, "xXpP"))
        return -1;
    value = strtod(digits, &end) * factor;
    if (*end || !isfinite(value) || fabs(value) > 9e18)
        return -1;
    *number = (int64_t)value;
    return 0;
}

static int parse_step(const char *entry, size_t length, int64_t seq_length, struct batch_step *step,
                      struct error *err)
{
    const char *colon = memchr(entry, ':', length);

    if (!colon)
        return error_set(err, "'%.*s' is not TOKENS:BATCH", (int)length, entry);
    if (parse_number(entry, (size_t)(colon - entry), &step->from) != 0 ||
        parse_number(colon + 1, (size_t)(entry + length - colon - 1), &step->batch) != 0)
        return error_set(err, "'%.*s' has something else than numbers", (int)length, entry);
    if (seq_length > 0)
        step->from = floor_div(step->from, seq_length);
    return 0;
}

static int by_threshold(const void *a, const void *b)
{
    int64_t x = ((const struct batch_step *)a)->from, y = ((const struct batch_step *)b)->from;

    return x < y ? -1 : x > y;
}

static int check_steps(const struct batch_step *step, int count, struct error *err)
{
    if (count == 0)
        return error_set(err, "there is no entry");
    if (step[0].from != 0)
        return error_set(err,
                         "no batch size is given for the beginning: the first threshold is not 0");
    for (int i = 1; i < count; i++)
        if (step[i].from <= step[i - 1].from)
            return error_set(err, "two batch sizes begin at the same sample %lld",
                             (long long)step[i].from);
    for (int i = 0; i < count; i++)
        if (step[i].batch <= 0)
            return error_set(err, "the batch size %lld is not positive", (long long)step[i].batch);
    return 0;
}

int batch_schedule_parse(const char *text, int64_t seq_length, struct arena *arena,
                         struct batch_schedule *schedule, struct error *err)
{
    struct batch_step *step = NULL;
    size_t capacity = 0;
    int count = 0;

    for (const char *p = text + strspn(text, SEPARATORS); *p; p += strspn(p, SEPARATORS)) {
        size_t length = strcspn(p, SEPARATORS);

        step = arena_grow(arena, step, &capacity, (size_t)count + 1, sizeof(*step));
        if (parse_step(p, length, seq_length, &step[count], err) != 0)
            return -1;
        count++;
        p += length;
    }
    if (count > 1)
        qsort(step, (size_t)count, sizeof(*step), by_threshold);
    if (check_steps(step, count, err) != 0)
        return -1;
    *schedule = (struct batch_schedule) { .count = count, .step = step };
    return 0;
}
