#include "megatron/job.h"

#include <stdio.h>
#include <string.h>

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
        *(struct list *)value = (struct list){ .count = -1 };
        break;
    case FIELD_FREQ:
        *(struct freq *)value = (struct freq){ .kind = FREQ_NONE };
        break;
    }
}

void job_init(struct job *job)
{
    for (int f = 0; f < JOB_FIELD_COUNT; f++) {
        set_none(job, (enum job_field)f);
        job->place[f] = (struct place){ .index = -1 };
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
