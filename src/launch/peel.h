/* One command while it is taken apart. A layer of it: the launcher's options are read into 'given',
 * the words move on, the row's apply function says what they mean. */
#ifndef LAUNCH_PEEL_H
#define LAUNCH_PEEL_H

#include "launch/launch.h"
#include "launch/launchers.h"

/* An option of the launcher that is being peeled. */
struct given {
    const char *name;   /* first spelling of the row's option: "nproc-per-node" */
    const char *value;  /* NULL: a flag, or an optional value that is not there */
    const char *second; /* of two values */
    int index;          /* of its word in peel->word at the time */
    int words;
};

struct peel {
    struct arena *arena;
    struct launch *launch;
    const struct files *files; /* what is known of files that launchers read; may be NULL */
    int argc;                  /* words left, word[0] is the next program */
    const char *const *word;
    int offset; /* of word[0] in launch->command; -1: the words come out of a string */
    struct given given[128];
    int given_count;
    bool dashes; /* "--" ended the options */
    int used;    /* words of this layer so far: program, options, operands */
    bool module; /* word[0] is a module's name: the program was "python -m" */
    bool done;   /* the trainer is found, or why it cannot be known */
};

/* The last setting of an option, or NULL. */
const struct given *peel_given(const struct peel *peel, const char *name);

/* The value of the last setting of an option, or NULL. */
const char *peel_value(const struct peel *peel, const char *name);

/* Reads the options of 'launcher' that follow word[peel->used] into 'given' and moves 'used' behind
 * them. An option that the row does not know ends the parse with cannot_know and false. */
bool peel_options(struct peel *peel, const struct launcher *launcher);

/* Moves on by 'used' words: they belonged to the layer. */
void peel_advance(struct peel *peel);

/* Goes on with other words, of a string rather than of the command. */
void peel_words(struct peel *peel, int argc, const char *const *word);

/* What is known of a file that the launcher reads; NULL: nothing, and launch->wanted_file says so.
 */
const struct file *peel_file(struct peel *peel, const char *path);

/* Ends the parse: what the trainer gets cannot be known. */
void peel_cannot_know(struct peel *peel, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the parse: word[script] is the trainer's script or module, its options follow. */
void peel_trainer(struct peel *peel, int script, bool module);

/* Sets or (value NULL) removes a variable in what the trainer sees. */
void peel_setenv(struct peel *peel, const char *name, const char *value);

/* "NAME=value": sets. */
void peel_putenv(struct peel *peel, const char *assignment);

#endif
