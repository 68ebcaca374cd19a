/* The job: one field for every destination of Megatron's parser in any release and for every
 * derived value, under Megatron's own name (see configs/megatron/options and derived.tsv). What
 * argparse leaves there at first; after the walk of the rules what Megatron would hold when
 * training starts.
 *
 * None is a value of its own: NONE_INT, NONE_BOOL, NONE_FLOAT, NULL, list.count == -1, freq.kind.
 * Strings and lists are borrowed from argv, the tables or the request's arena. */
#ifndef MEGATRON_JOB_H
#define MEGATRON_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job_fields.h"

typedef signed char py_bool; /* 0, 1 or NONE_BOOL */
#define NONE_BOOL ((py_bool)-1)
#define NONE_INT INT64_MIN

/* A quiet NaN with a payload of its own, so that '--lr nan' is not None. */
double none_float(void);
bool is_none_float(double value);

/* Words of a list option, already checked against type and choices: numbers as Python prints them
 * ("8" for ' +8'), enum members by name. */
struct list {
    int count;    /* -1: None */
    bool scalar;  /* one word that Python holds as a scalar, not as a list of one */
    bool tuple;   /* a tuple to Python */
    bool numbers; /* of int or float, not of str */
    const char *const *item;
};

/* --moe-layer-freq and its kin: an int or a list of ints. FREQ_UNKNOWN: an expression that only
 * Python can evaluate (up to 0.12); no rule can say anything of it. An element NONE_INT is no int
 * (a nested list). */
struct freq {
    enum { FREQ_NONE, FREQ_INT, FREQ_LIST, FREQ_UNKNOWN } kind;
    int64_t every;
    int count;
    const int64_t *item;
};

/* Where the last setting of a field stands in the trainer's argv. */
struct place {
    int index; /* of the option's word; -1: default */
    int words; /* option and values */
};

struct job {
    JOB_FIELDS_DECLARE
    struct place place[JOB_FIELD_COUNT];
};

enum field_type { FIELD_BOOL, FIELD_INT, FIELD_FLOAT, FIELD_STR, FIELD_LIST, FIELD_FREQ };

struct job_field_row {
    const char *name;
    enum field_type type;
    size_t offset;
    unsigned releases; /* bit r: the field exists in release r */
    bool derived;      /* set by rules, never by an option */
};

extern const struct job_field_row job_fields[JOB_FIELD_COUNT];

/* Every field None, every place -1. */
void job_init(struct job *job);

/* The field of that name, or JOB_FIELD_COUNT. */
enum job_field job_field_find(const char *name);

/* Was the field set on the command line? */
bool job_given(const struct job *job, enum job_field field);

bool list_has(const struct list *list, const char *word);

/* The field as Python's str() prints it ("None", "True", "['core_attn']"), written to 'text'. */
void job_field_print(const struct job *job, enum job_field field, char *text, size_t size);

#endif
