#include "megatron/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "megatron/python_value.h"

double none_float(void)
{
    uint64_t bits = 0x7ff84e4f4e450000u;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

bool is_none_float(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits == 0x7ff84e4f4e450000u;
}

static void *field_of(struct job *job, enum job_field field)
{
    return (char *)job + job_fields[field].offset;
}

static void set_none(struct job *job, enum job_field field)
{
    void *value = field_of(job, field);

    switch (job_fields[field].type) {
    case FIELD_BOOL:
        *(py_bool *)value = NONE_BOOL;
        break;
    case FIELD_INT:
        *(int64_t *)value = NONE_INT;
        break;
    case FIELD_FLOAT:
        *(double *)value = none_float();
        break;
    case FIELD_STR:
        *(const char **)value = NULL;
        break;
    case FIELD_LIST:
        *(struct list *)value = (struct list) { .count = -1 };
        break;
    case FIELD_FREQ:
        *(struct freq *)value = (struct freq) { .kind = FREQ_NONE };
        break;
    }
}

void job_init(struct job *job)
{
    for (int f = 0; f < JOB_FIELD_COUNT; f++) {
        set_none(job, (enum job_field)f);
        job->place[f] = (struct place) { .index = -1 };
    }
}

enum job_field job_field_find(const char *name)
{
    for (int f = 0; f < JOB_FIELD_COUNT; f++)
        if (strcmp(job_fields[f].name, name) == 0)
            return (enum job_field)f;
    return JOB_FIELD_COUNT;
}

bool job_given(const struct job *job, enum job_field field)
{
    return job->place[field].index >= 0;
}

bool list_has(const struct list *list, const char *word)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->item[i], word) == 0)
            return true;
    return false;
}

static void print_list(const struct list *list, FILE *out)
{
    const char *quote = list->numbers ? "" : "'";

    if (list->count < 0) {
        fputs("None", out);
    } else if (list->scalar) {
        fputs(list->item[0], out);
    } else {
        putc(list->tuple ? '(' : '[', out);
        for (int i = 0; i < list->count; i++)
            fprintf(out, "%s%s%s%s", i ? ", " : "", quote, list->item[i], quote);
        if (list->tuple && list->count == 1)
            putc(',', out);
        putc(list->tuple ? ')' : ']', out);
    }
}

static void print_freq(const struct freq *freq, FILE *out)
{
    switch (freq->kind) {
    case FREQ_NONE:
        fputs("None", out);
        break;
    case FREQ_INT:
        fprintf(out, "%" PRId64, freq->every);
        break;
    case FREQ_LIST:
        putc('[', out);
        for (int i = 0; i < freq->count; i++)
            fprintf(out, "%s%" PRId64, i ? ", " : "", freq->item[i]);
        putc(']', out);
        break;
    case FREQ_UNKNOWN:
        fputs("unknown", out);
        break;
    }
}

static void print_int(int64_t value, FILE *out)
{
    if (value == NONE_INT)
        fputs("None", out);
    else
        fprintf(out, "%" PRId64, value);
}

static void print_float(double value, FILE *out)
{
    char text[40];

    python_float_repr(value, text, sizeof(text));
    fputs(is_none_float(value) ? "None" : text, out);
}

void job_field_print(const struct job *job, enum job_field field, char *text, size_t size)
{
    const void *value = (const char *)job + job_fields[field].offset;
    const char *string;
    FILE *out = size ? fmemopen(text, size, "w") : NULL;

    if (!out)
        return;
    text[0] = '\0';
    switch (job_fields[field].type) {
    case FIELD_BOOL:
        fputs(*(const py_bool *)value == NONE_BOOL ? "None"
              : *(const py_bool *)value            ? "True"
                                                   : "False",
              out);
        break;
    case FIELD_INT:
        print_int(*(const int64_t *)value, out);
        break;
    case FIELD_FLOAT:
        print_float(*(const double *)value, out);
        break;
    case FIELD_STR:
        string = *(const char *const *)value;
        fputs(string ? string : "None", out);
        break;
    case FIELD_LIST:
        print_list(value, out);
        break;
    case FIELD_FREQ:
        print_freq(value, out);
        break;
    }
    fclose(out);
    text[size - 1] = '\0';
}
