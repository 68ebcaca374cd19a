/* Megatron's option tables as data (configs/megatron/options/RELEASE.tsv), compiled in. */
#ifndef MEGATRON_OPTIONS_H
#define MEGATRON_OPTIONS_H

#include <stddef.h>

#include "megatron/job.h"
#include "megatron/release.h"

enum option_kind { OPTION_STORE, OPTION_STORETRUE, OPTION_STOREFALSE, OPTION_BOOLEANOPTIONAL };

/* One add_argument() that one or more releases share. Texts as argparse holds them. */
struct option_row {
    const char *names; /* option strings, separated by blanks */
    enum job_field dest;
    enum option_kind kind;
    const char *nargs;    /* "", "0", "+", "*", or a number */
    const char *type;     /* "int", "float", "str", "bool", "moe_freq_type" ...; "" is str */
    const char *fallback; /* the default as Python prints it */
    const char *choices;  /* separated by '|'; "" is any */
    unsigned releases;    /* bit r: release r has it */
    unsigned decides;     /* bit r: in r it is the first with this dest, whose default counts */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

/* Sorted by name (as strcmp); several rows can have one name. */
struct option_name {
    const char *name;
    int row;
};

extern const struct option_name option_names[];
extern const size_t option_name_count;

/* Where a rule stands in a release's source. */
struct place_row {
    const char *rule;
    enum release release;
    const char *path;
    int line;
};

extern const struct place_row place_rows[];
extern const size_t place_row_count;

/* The row of that option string in that release, or NULL. */
const struct option_row *option_find(const char *name, size_t length, enum release release);

/* The known option string nearest to a mistyped one in that release, or NULL when none is near. */
const char *option_nearest(const char *name, enum release release);

#endif
