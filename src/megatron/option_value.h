/* One word of the command line as an option's type function and choices see it, and a parsed option
 * put into its field of the job. */
#ifndef MEGATRON_OPTION_VALUE_H
#define MEGATRON_OPTION_VALUE_H

#include "base/arena.h"
#include "megatron/options.h"

struct option_value {
    const char *text;  /* as Python would print it: "8" for ' +8', an enum member's name */
    int64_t integer;   /* of an int, and of a bool */
    double real;       /* of a float, and of an int */
    struct freq freq;  /* of a list expression */
    struct list tuple; /* of tuple_type */
};

enum option_value_answer {
    OPTION_VALUE_OK,
    OPTION_VALUE_INVALID, /* argparse: exit 2 */
    OPTION_VALUE_RAISES   /* the type function raises what argparse does not catch: exit 1 */
};

/* Converts 'word'. Unless OK, *message says it in Python's words and *value is not set. */
enum option_value_answer option_value(const struct option_row *row, enum release release,
                                      const char *word, struct arena *arena,
                                      struct option_value *value, const char **message);

/* Does the option hold a list in this release (nargs +, * or a number)? */
bool option_is_list(const struct option_row *row);

/* Puts converted words into the option's field; nothing for an option without a field. */
void option_store(struct job *job, const struct option_row *row, const struct option_value *values,
                  int count, struct arena *arena);

/* Puts the option's default into its field. */
void option_store_default(struct job *job, const struct option_row *row, struct arena *arena);

/* A flag's constant into its field. */
void option_store_flag(struct job *job, const struct option_row *row, bool value);

#endif
