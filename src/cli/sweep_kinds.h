/* The kinds of files that hold launches, one row each: how one is told, and how its launches are
 * found. */
#ifndef CLI_SWEEP_KINDS_H
#define CLI_SWEEP_KINDS_H

#include <stdbool.h>

#include "cli/cli.h"
#include "cli/inputs.h"

/* One file under a worker's eyes. */
struct sweep_file {
    const struct cli *cli;
    const struct inputs *configured; /* inputs_configure(); to be copied for each launch */
    struct arena *arena;
    const char *path;
    const char *text; /* its first bytes, ended by NUL */
    json_t *entries;  /* what was found (report/entry.h) */
};

struct sweep_kind {
    const char *name;
    bool (*is)(const struct sweep_file *file);
    void (*look)(struct sweep_file *file);
};

extern const struct sweep_kind sweep_kinds[];
extern const size_t sweep_kind_count;

/* The row of scripts (sweep_scripts.c). */
bool sweep_is_script(const struct sweep_file *file);
void sweep_look_at_script(struct sweep_file *file);

/* For the rows. The facts about inputs->launch; -1 when our own options are bad, which is then the
 * entry. */
int sweep_gather(struct sweep_file *file, struct inputs *inputs, int line);

void sweep_decide(struct sweep_file *file, const struct inputs *inputs, struct report *report);

/* What a policy's paths are held against. */
struct fact_str sweep_path(const struct sweep_file *file);

/* Each adds an entry; that of a report is returned, to be completed. */
json_t *sweep_add(struct sweep_file *file, int line, const struct report *report);
void sweep_add_error(struct sweep_file *file, int line, const char *why);

#endif
