/* The launchers that can stand in front of a trainer, one row each: the names they are called by,
 * which of their options take a value (so that the first word of what they start is found), and
 * what they say about the number of ranks. Adding a launcher is one row; one that counts ranks or
 * changes the words behind it also names an apply function (apply.h). */
#ifndef LAUNCH_LAUNCHERS_H
#define LAUNCH_LAUNCHERS_H

#include <stdbool.h>
#include <stddef.h>

struct launch_layer;
struct peel;

/* How a launcher reads its own options. */
enum grammar {
    GRAMMAR_GETOPT,   /* getopt_long with '+': -xyz clusters, --opt=v, --opt v, unique prefixes */
    GRAMMAR_ARGPARSE, /* the same, and '-' and '_' inside a name are one letter */
    GRAMMAR_MPI       /* -opt is --opt, nothing clusters */
};

struct launcher {
    const char *names;   /* program names, separated by blanks */
    const char *modules; /* the same launcher as "python -m NAME", or NULL */
    const char *first;   /* words one of which must follow the name ("run exec"), or NULL */
    enum grammar grammar;
    /* Its options, separated by blanks: spellings of one option by '|', the first is the name apply
     * functions ask for; then "" a flag, "=" one value, "==" two values ("NAME=V" counts as both),
     * "=?" a value only when attached, "=!" one value after which no option follows. */
    const char *options;
    bool opaque_options; /* an unknown "--opt" is a flag, not a reason to give up (plugins add some)
                          */
    int operands;        /* words between its options and what it starts (timeout's duration) */
    bool starts_ranks;   /* starts several processes of what follows */
    bool agent;          /* one of it is started on each node, and starts that node's processes */
    const char *nodes_option;     /* how its user says how many nodes, processes on each, processes: */
    const char *per_node_option;  /* "--nnodes" ...; NULL: not apart from the others */
    const char *processes_option;
    bool remote;         /* what follows runs, or may run, on other machines */
    bool container;      /* what follows sees another file system */
    void (*apply)(struct peel *, struct launch_layer *); /* after options and operands, or NULL */
    const char *cannot_know; /* why what it starts cannot be known, or NULL */
};

extern const struct launcher launchers[];
extern const size_t launcher_count;

/* The row of a program by its path's last part ("/usr/bin/python3.11" is python), or NULL. */
const struct launcher *launcher_find(const char *program);

/* The row of "python -m MODULE", or NULL. */
const struct launcher *launcher_of_module(const char *module);

/* A word of the trainer's own, by name: "pretrain_gpt.py". */
const char *launcher_base_name(const char *path);

#endif
