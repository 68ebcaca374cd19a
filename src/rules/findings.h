/* What a walk found: one row a violated rule. Texts live in the request's arena. */
#ifndef RULES_FINDINGS_H
#define RULES_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum stage {
    STAGE_LAUNCH,
    STAGE_PARSE,
    STAGE_VALIDATE,
    STAGE_CONFIG,
    STAGE_INIT,
    STAGE_MODEL,
    STAGE_DATA,
    STAGE_STEP,
    STAGE_EVAL,
    STAGE_MEMORY,
    STAGE_POLICY,
    STAGE_UNCHECKED,
    STAGE_COUNT
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_COUNT };

extern const char *const stage_names[STAGE_COUNT];
extern const char *const severity_names[SEVERITY_COUNT];

/* Words the finding points at. */
struct where {
    enum { WHERE_ARGV, WHERE_COMMAND, WHERE_ENV, WHERE_FILE } in; /* argv: the trainer's; command: the
                                                                    launcher's words */
    int index; /* first word */
    int words;
    const char *name; /* environment variable, or path */
    int line, column; /* of a file; 0 unknown */
};

struct finding {
    const char *id;
    enum stage stage;
    enum severity severity;
    const char *options; /* separated by blanks, as in the rule's row */
    const char *message;
    const char *fix;    /* or NULL */
    const char *place;  /* which of the rule's places, "id/PLACE" in places.tsv; NULL: "id" */
    const char *source; /* "0.16.0 megatron/training/arguments.py:317", or NULL */
    bool blocks;        /* an error that policy lets block; set by the verdict */
    int where_count;
    struct where where[8];
};

struct findings {
    size_t count;
    size_t capacity;
    struct finding *item;
};

struct finding *findings_add(struct findings *findings, struct arena *arena);

#endif
