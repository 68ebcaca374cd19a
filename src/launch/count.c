#include "launch/count.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool count_read(const char *text, int64_t *count)
{
    char *end;
    long long value;

    text += strspn(text, " ");
    text += *text == '+';
    if (!isdigit((unsigned char)*text) || strlen(text) > 9)
        return false;
    value = strtoll(text, &end, 10);
    if (end[strspn(end, " ")])
        return false;
    *count = value;
    return true;
}

struct fact_int count_of(int64_t count, const char *source)
{
    return (struct fact_int) { .known = true, .value = count, .source = source };
}

struct fact_int count_in_environment(const struct peel *peel, const char *name)
{
    const char *value = environment_get(&peel->launch->environment, name);
    int64_t count;

    if (!value || !count_read(value, &count))
        return (struct fact_int) { .known = false };
    return count_of(count, arena_printf(peel->arena, "%s=%s", name, value));
}

int64_t count_gpus(const char *gres)
{
    for (const char *p = gres; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        const char *last = p;
        int64_t count;
        char number[16];

        for (const char *q = p; q < p + n; q++)
            if (*q == ':' && isdigit((unsigned char)q[1]))
                last = q + 1;
        if (n - (size_t)(last - p) < sizeof(number) &&
            (strncmp(p, "gpu", 3) == 0 || !memchr(p, ':', n) || !strchr(gres, ','))) {
            memcpy(number, last, n - (size_t)(last - p));
            number[n - (size_t)(last - p)] = '\0';
            number[strcspn(number, "(")] = '\0';
            if (count_read(number, &count))
                return count;
            if (strcmp(number, "gpu") == 0)
                return 1;
        }
        p += n;
    }
    return -1;
}

int64_t count_tasks_per_node(const char *text)
{
    int64_t sum = 0;

    for (const char *p = text; *p; p += *p == ',') {
        char *end;
        long tasks = strtol(p, &end, 10), times = 1;

        if (end == p)
            return -1;
        if (strncmp(end, "(x", 2) == 0) {
            times = strtol(end + 2, &end, 10);
            end += *end == ')';
        }
        sum += (int64_t)tasks * times;
        p = end;
        if (*p && *p != ',')
            return -1;
    }
    return sum ? sum : -1;
}

/* "[1-3,7]" -> 4; moves behind it. */
static int64_t count_bracket(const char **text)
{
    const char *p = *text + 1;
    int64_t sum = 0;

    while (*p && *p != ']') {
        char *end;
        long first = strtol(p, &end, 10), last = first;

        if (end == p)
            return -1;
        if (*end == '-') {
            p = end + 1;
            last = strtol(p, &end, 10);
            if (end == p || last < first)
                return -1;
        }
        sum += last - first + 1;
        p = end + (*end == ',');
    }
    *text = p + (*p == ']');
    return *p == ']' ? sum : -1;
}

int64_t count_hosts(const char *list)
{
    int64_t sum = 0;

    if (strchr(list, '/') || strchr(list, '{'))
        return -1;
    for (const char *p = list; *p; p += *p == ',') {
        int64_t here = 1;

        while (*p && *p != ',') {
            int64_t times = *p == '[' ? count_bracket(&p) : (p++, 1);

            if (times < 0)
                return -1;
            here *= times;
        }
        sum += here;
    }
    return sum ? sum : -1;
}

const char *count_source(struct peel *peel, struct launch_layer *layer, const char *const *names)
{
    const char *text = launcher_base_name(peel->word[0]);
    int places = 0;

    for (; *names; names++) {
        const struct given *given = peel_given(peel, *names);

        if (!given)
            continue;
        for (int i = 0; i < given->words; i++)
            text = arena_printf(peel->arena, "%s %s", text, peel->word[given->index + i]);
        if (peel->offset >= 0 && places < 4)
            layer->place[places++] =
                (struct place) { .index = peel->offset + given->index, .words = given->words };
    }
    return text;
}
