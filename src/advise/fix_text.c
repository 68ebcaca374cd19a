/* The fixes of rules are written as what to type: "--recompute-method uniform", "remove --x, or --y
 * 4", "export NAME=1", "start 16 ranks", "--global-batch-size 128 or 130". What reads like that is
 * tried as it stands; what is prose ("a smaller --x", "--save DIRECTORY") is left to people. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "advise/remedies.h"

enum mode { SETS, REMOVES, EXPORTS, UNSETS, STARTS };

static const struct {
    const char *word;
    enum mode mode;
} verbs[] = {
    { "add", SETS },       { "remove", REMOVES }, { "drop", REMOVES }, { "without", REMOVES },
    { "export", EXPORTS }, { "unset", UNSETS },   { "start", STARTS },
};

/* One way, word by word, while it is read into the plan. */
struct reading {
    const struct report *report;
    struct plan *plan;
    struct arena *arena;
    enum mode mode;
    const char *option; /* that still wants its value, or NULL */
    const char *value;  /* so far */
    bool prose;
};

static bool takes_value(const struct reading *reading, const char *option)
{
    const struct option_row *row = option_find(option, strlen(option), reading->report->release);

    return row && row->kind == OPTION_STORE && strcmp(row->nargs, "0") != 0;
}

static void finish_option(struct reading *reading)
{
    if (!reading->option)
        return;
    if (takes_value(reading, reading->option) == !reading->value)
        reading->prose = true;
    else
        plan_set(reading->plan, EDIT_TRAINER, reading->option, reading->value);
    reading->option = reading->value = NULL;
}

static bool is_placeholder(const char *word)
{
    bool letters = false;

    for (const char *p = word; *p; p++) {
        if (islower((unsigned char)*p))
            return false;
        letters = letters || isupper((unsigned char)*p);
    }
    return letters;
}

static bool read_verb(struct reading *reading, const char *word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].word, word) != 0)
            continue;
        finish_option(reading);
        reading->mode = verbs[i].mode;
        return true;
    }
    return strcmp(word, "and") == 0;
}

static void read_option(struct reading *reading, const char *word)
{
    finish_option(reading);
    if (!option_find(word, strlen(word), reading->report->release))
        reading->prose = true;
    else if (reading->mode == REMOVES)
        plan_remove(reading->plan, EDIT_TRAINER, word);
    else if (reading->mode == SETS)
        reading->option = word;
    else
        reading->prose = true;
}

static void read_environment(struct reading *reading, char *word)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = '\0';
    if ((reading->mode == EXPORTS) != (value != NULL))
        reading->prose = true;
    else if (value)
        plan_set(reading->plan, EDIT_ENVIRONMENT, word, value);
    else
        plan_remove(reading->plan, EDIT_ENVIRONMENT, word);
}

static void read_ranks(struct reading *reading, const char *word)
{
    if (strcmp(word, "ranks") == 0)
        return;
    if (!isdigit((unsigned char)*word) || !plan_set_ranks(reading->plan, reading->report->launch,
                                                          strtoll(word, NULL, 10), reading->arena))
        reading->prose = true;
}

static void read_word(struct reading *reading, char *word)
{
    if (read_verb(reading, word))
        return;
    if (strncmp(word, "--", 2) == 0)
        read_option(reading, word);
    else if (reading->mode == EXPORTS || reading->mode == UNSETS)
        read_environment(reading, word);
    else if (reading->mode == STARTS)
        read_ranks(reading, word);
    else if (reading->option && !is_placeholder(word))
        reading->value =
            reading->value ? arena_printf(reading->arena, "%s %s", reading->value, word) : word;
    else
        reading->prose = true;
}

/* The n-th way of the text: ways are separated by "or", and a number alone is another value of the
 * option before it; "1 or more" leaves the choice to people. NULL: there are not so many. */
static char *way_of(const char *text, int n, struct arena *arena)
{
    const char *start = text, *end, *option = NULL;

    for (;; start = end + 4) {
        size_t length;

        end = strstr(start, " or ");
        length = end ? (size_t)(end - start) : strlen(start);
        if (strncmp(start, "--", 2) == 0)
            option = arena_strndup(arena, start, strcspn(start, " "));
        if (n == 0 && end && strncmp(end, " or more", 8) == 0)
            return arena_strdup(arena, "as you like");
        if (n-- == 0)
            return isdigit((unsigned char)*start) && option
                       ? arena_printf(arena, "%s %.*s", option, (int)length, start)
                       : arena_strndup(arena, start, length);
        if (!end)
            return NULL;
    }
}

bool remedy_of_text(const struct report *report, const struct finding *finding, int n,
                    struct plan *plan, struct arena *arena)
{
    char *way = finding->fix ? way_of(finding->fix, n, arena) : NULL, *word;
    struct plan read = *plan;
    struct reading reading = { .report = report, .plan = &read, .arena = arena };

    if (!way)
        return false;
    way[strcspn(way, ":;")] = '\0';
    while ((word = strsep(&way, " ")) != NULL) {
        size_t length = strlen(word);
        bool pauses = length && word[length - 1] == ',';

        if (pauses)
            word[length - 1] = '\0';
        if (*word)
            read_word(&reading, word);
        if (pauses)
            finish_option(&reading);
    }
    finish_option(&reading);
    if (!reading.prose)
        *plan = read;
    return true;
}
