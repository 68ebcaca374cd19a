#include "megatron/option_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "megatron/frequency.h"
#include "megatron/python_value.h"

static bool is_type(const struct option_row *row, const char *type)
{
    return strcmp(row->type, type) == 0;
}

static bool is_frequency(const struct option_row *row)
{
    size_t n = strlen(row->type), suffix = strlen("_freq_type");

    return n > suffix && strcmp(row->type + n - suffix, "_freq_type") == 0;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    for (const char *p = choices; *p; p += *p == '|') {
        size_t n = strcspn(p, "|");

        if (n == length && strncmp(p, text, n) == 0)
            return true;
        p += n;
    }
    return false;
}

static enum option_value_answer invalid(const struct option_row *row, const char *word,
                                        struct arena *arena, const char **message)
{
    *message = arena_printf(arena, "invalid %s value: %s", row->type, python_str_repr(word, arena));
    return OPTION_VALUE_INVALID;
}

static enum option_value_answer not_a_choice(const struct option_row *row, const char *text,
                                             struct arena *arena, const char **message)
{
    bool quoted = !is_type(row, "int") && !is_type(row, "float");
    const char *list = "";

    for (const char *p = row->choices; *p; p += *p == '|') {
        size_t n = strcspn(p, "|");
        const char *choice = arena_strndup(arena, p, n);

        list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "",
                            quoted ? python_str_repr(choice, arena) : choice);
        p += n;
    }
    *message = arena_printf(arena, "invalid choice: %s (choose from %s)",
                            quoted ? python_str_repr(text, arena) : text, list);
    return OPTION_VALUE_INVALID;
}

/* tuple_type: "(a,b)" or "a,b". */
static bool parse_tuple(const char *word, struct arena *arena, struct list *tuple)
{
    size_t capacity = 0;
    const char **item = NULL;
    char *text, *end;
    int64_t number;

    word += strspn(word, "()");
    text = arena_strdup(arena, word);
    for (end = text + strlen(text); end > text && strchr("()", end[-1]); end--)
        end[-1] = '\0';
    *tuple = (struct list) { .tuple = true, .numbers = true };
    for (char *part = text; part; part = end) {
        end = strchr(part, ',');
        if (end)
            *end++ = '\0';
        if (!python_int(part, &number))
            return false;
        item = arena_grow(arena, item, &capacity, (size_t)tuple->count + 1, sizeof(*item));
        item[tuple->count++] = arena_printf(arena, "%lld", (long long)number);
    }
    tuple->item = item;
    return true;
}

static enum option_value_answer convert_frequency(const struct option_row *row,
                                                  enum release release, const char *word,
                                                  struct arena *arena, struct option_value *value,
                                                  const char **message)
{
    struct freq freq;

    switch (frequency_parse(word, release >= RELEASE_0_13_0, arena, &freq, message)) {
    case FREQUENCY_RAISES:
        return OPTION_VALUE_RAISES;
    case FREQUENCY_INVALID:
        return invalid(row, word, arena, message);
    default:
        *value = (struct option_value) { .text = word, .freq = freq };
        return OPTION_VALUE_OK;
    }
}

static bool convert_number(const struct option_row *row, const char *word, struct arena *arena,
                           struct option_value *value)
{
    char text[40];

    *value = (struct option_value) { 0 };
    if (is_type(row, "int")) {
        if (!python_int(word, &value->integer))
            return false;
        value->real = (double)value->integer;
        value->text = arena_printf(arena, "%lld", (long long)value->integer);
        return true;
    }
    if (!python_float(word, &value->real))
        return false;
    python_float_repr(value->real, text, sizeof(text));
    value->text = arena_strdup(arena, text);
    return true;
}

static enum option_value_answer convert(const struct option_row *row, enum release release,
                                        const char *word, struct arena *arena,
                                        struct option_value *value, const char **message)
{
    if (is_type(row, "int") || is_type(row, "float"))
        return convert_number(row, word, arena, value) ? OPTION_VALUE_OK
                                                       : invalid(row, word, arena, message);
    if (is_frequency(row))
        return convert_frequency(row, release, word, arena, value, message);
    *value = (struct option_value) { .text = word };
    if (is_type(row, "bool"))
        value->integer = word[0] != '\0';
    if (is_type(row, "tuple_type") && !parse_tuple(word, arena, &value->tuple))
        return invalid(row, word, arena, message);
    if (is_type(row, "enum") && !is_choice(row->choices, word)) {
        *message = arena_printf(arena, "KeyError: %s", python_str_repr(word, arena));
        return OPTION_VALUE_RAISES;
    }
    return OPTION_VALUE_OK;
}

enum option_value_answer option_value(const struct option_row *row, enum release release,
                                      const char *word, struct arena *arena,
                                      struct option_value *value, const char **message)
{
    struct option_value converted;
    enum option_value_answer answer = convert(row, release, word, arena, &converted, message);

    if (answer != OPTION_VALUE_OK)
        return answer;
    if (row->choices[0] && !is_choice(row->choices, converted.text))
        return not_a_choice(row, converted.text, arena, message);
    *value = converted;
    return OPTION_VALUE_OK;
}

bool option_is_list(const struct option_row *row)
{
    return row->kind == OPTION_STORE && row->nargs[0] != '\0';
}

static void *field_of(struct job *job, enum job_field field)
{
    return (char *)job + job_fields[field].offset;
}

static struct list list_of(const struct option_row *row, const struct option_value *values,
                           int count, struct arena *arena)
{
    const char **item;

    if (!option_is_list(row) && values[0].tuple.tuple)
        return values[0].tuple;
    item = arena_alloc(arena, ((size_t)count + 1) * sizeof(*item));
    for (int i = 0; i < count; i++)
        item[i] = values[i].text;
    return (struct list) { .count = count,
                           .scalar = !option_is_list(row),
                           .numbers = is_type(row, "int") || is_type(row, "float"),
                           .item = item };
}

void option_store(struct job *job, const struct option_row *row, const struct option_value *values,
                  int count, struct arena *arena)
{
    void *field;

    if (row->dest >= JOB_FIELD_COUNT)
        return;
    field = field_of(job, row->dest);
    switch (job_fields[row->dest].type) {
    case FIELD_BOOL:
        *(py_bool *)field = values[0].integer != 0;
        break;
    case FIELD_INT:
        *(int64_t *)field = values[0].integer;
        break;
    case FIELD_FLOAT:
        *(double *)field = values[0].real;
        break;
    case FIELD_STR:
        *(const char **)field = values[0].text;
        break;
    case FIELD_LIST:
        *(struct list *)field = list_of(row, values, count, arena);
        break;
    case FIELD_FREQ:
        *(struct freq *)field = values[0].freq;
        break;
    }
}

void option_store_flag(struct job *job, const struct option_row *row, bool value)
{
    if (row->dest < JOB_FIELD_COUNT && job_fields[row->dest].type == FIELD_BOOL)
        *(py_bool *)field_of(job, row->dest) = value;
}

/* Python's repr of a list of words or numbers, "['p2p']". */
static struct list list_from_repr(const struct option_row *row, const char *text,
                                  struct arena *arena)
{
    struct list list = { .numbers = is_type(row, "int") || is_type(row, "float") };
    const char **item = NULL;
    size_t capacity = 0;

    for (const char *p = text + strspn(text, "[ "); *p && *p != ']'; p += strspn(p, "', ")) {
        size_t n;

        p += strspn(p, "'");
        n = strcspn(p, "',]");
        item = arena_grow(arena, item, &capacity, (size_t)list.count + 1, sizeof(*item));
        item[list.count++] = arena_strndup(arena, p, n);
        p += n;
    }
    list.item = item;
    return list;
}

static void store_default_list(struct job *job, const struct option_row *row, const char *text,
                               struct arena *arena)
{
    struct list *list = field_of(job, row->dest);
    const char **item;

    if (text[0] == '[') {
        *list = list_from_repr(row, text, arena);
        return;
    }
    item = arena_alloc(arena, sizeof(*item));
    item[0] = text;
    *list = (struct list) { .count = 1,
                            .scalar = true,
                            .numbers = is_type(row, "int") || is_type(row, "float"),
                            .item = item };
}

void option_store_default(struct job *job, const struct option_row *row, struct arena *arena)
{
    const char *text = row->fallback;
    void *field;

    if (row->dest >= JOB_FIELD_COUNT || strcmp(text, "None") == 0)
        return;
    if (strncmp(text, "enum:", 5) == 0)
        text += 5;
    field = field_of(job, row->dest);
    switch (job_fields[row->dest].type) {
    case FIELD_BOOL:
        *(py_bool *)field = strcmp(text, "True") == 0;
        break;
    case FIELD_INT:
        python_int(text, field);
        break;
    case FIELD_FLOAT:
        python_float(text, field);
        break;
    case FIELD_STR:
        *(const char **)field = text;
        break;
    case FIELD_LIST:
        store_default_list(job, row, text, arena);
        break;
    case FIELD_FREQ:
        *(struct freq *)field = (struct freq) { .kind = FREQ_INT };
        python_int(text, &((struct freq *)field)->every);
        break;
    }
}
