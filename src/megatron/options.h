/* Megatron's option tables as data (configs/megatron/options/RELEASE.tsv), compiled in. */
#ifndef MEGATRON_OPTIONS_H
#define MEGATRON_OPTIONS_H

#include <stddef.h>

#include "base/arena.h"
#include "megatron/job.h"
#include "megatron/release.h"

enum option_kind { OPTION_STORE, OPTION_STORETRUE, OPTION_STOREFALSE, OPTION_BOOLEANOPTIONAL };

/* One add_argument() that one or more releases share. Texts as argparse holds them. */
struct option_row {
    const char *names; /* option strings, separated by blanks */
    enum job_field dest;
    enum option_kind kind;
    const char *nargs;    /* "", "0", "+", "*", "?", or a number */
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

/* An option that one of Megatron's entry scripts adds of its own, or the parser where an optional package is
 * installed (scripts.tsv). */
struct script_option {
    const char *script; /* "pretrain_vlm.py", "mimo/train.py"; "*": any */
    struct option_row option;
};

extern const struct script_option script_options[];
extern const size_t script_option_count;

/* What an entry script sets where the command line leaves None (args_defaults). */
struct script_default {
    const char *script;
    enum job_field dest; /* of type FIELD_STR; JOB_FIELD_COUNT: none is set */
    const char *value;
    unsigned releases;
};

extern const struct script_default script_defaults[];
extern const size_t script_default_count;

/* A file of a release that has rules in it (trees.tsv). */
struct tree_file {
    enum release release;
    const char *path;
    size_t bytes;
    const char *sha256; /* 64 hexadecimal digits */
};

extern const struct tree_file tree_files[];
extern const size_t tree_file_count;

/* Where a rule stands in a release's source: "id", or "id/place" for a rule with several. */
struct place_row {
    const char *rule;
    enum release release;
    const char *path;
    int line;      /* as a traceback shows it */
    int lines;     /* of the statement, with the 'if' around a raise; 0: not known */
    uint64_t hash; /* FNV-1a of its text without white space */
};

extern const struct place_row place_rows[];
extern const size_t place_row_count;

/* The row of that option string in that release, or NULL. */
const struct option_row *option_find(const char *name, size_t length, enum release release);

/* Options besides the release's: those of a fork (--megatron-options FILE) and of the entry script. */
struct option_extra {
    size_t count;
    const struct option_row *row;
};

/* 'extra' (a fork's, or NULL) and those that Megatron's own 'script' (a path, or NULL) has in that release. */
struct option_extra option_extra_of_script(const char *script, enum release release,
                                           const struct option_extra *extra, struct arena *arena);

/* 'base' and those of 'own' (what a user's script adds) that neither it nor the release has. */
struct option_extra option_extra_with(const struct option_extra *base,
                                      const struct option_extra *own, enum release release,
                                      struct arena *arena);

/* Is 'path' ("../pretrain_vlm.py"; "pretrain_vlm", a module) the script of such a row? */
bool options_is_script(const char *path, const char *script);

/* Is it a script of that release that the tables know? */
bool options_know_script(const char *path, enum release release);

/* The known option string nearest to a mistyped one in that release, or NULL when none is near. */
const char *option_nearest(const char *name, enum release release);

#endif
