/* What a site lets block and what it asks of every job. Each key is one row of policy_keys[]
 * (policy_keys.c): how it is read, which way is stricter, and what the manual says of it. Files are
 * read one over the other, the later wins key by key; unknown keys are errors with line and column.
 *
 * Files come in two layers. What the site's own files lock, later layers - a user's file, an
 * option, the environment - may make stricter but not looser: such an attempt changes nothing and
 * is noted. */
#ifndef VERDICT_POLICY_H
#define VERDICT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "rules/findings.h"

enum policy_mode { MODE_ENFORCE, MODE_WARN, MODE_OBSERVE, MODE_OFF, MODE_COUNT };
enum policy_on_error { ON_ERROR_RUN, ON_ERROR_BLOCK };
enum policy_tree {
    TREE_GRID,
    TREE_ALL,
    TREE_NOTHING
}; /* what blocks on a modified Megatron tree */

enum policy_world {
    WORLD_MEGATRON,
    WORLD_PRODUCT
}; /* product: TP x PP x EP x ETP x CP x DP, as some
    guides have it */

extern const char *const policy_mode_names[MODE_COUNT];

enum policy_key {
    POLICY_ALLOWED_GPUS,
    POLICY_BYPASS,
    POLICY_FORBIDDEN_OPTIONS,
    POLICY_GPU,
    POLICY_GPU_MEMORY,
    POLICY_HEADROOM,
    POLICY_LOCKED,
    POLICY_LOG,
    POLICY_MAX_GPUS,
    POLICY_MODE,
    POLICY_MODIFIED_TREE,
    POLICY_ON_ERROR,
    POLICY_PARTITIONS,
    POLICY_PATHS,
    POLICY_REQUIRED_OPTIONS,
    POLICY_SEVERITY,
    POLICY_TIMEOUT,
    POLICY_WORLD_SIZE_RULE,
    POLICY_FILE_KEY_COUNT, /* those below can only be locked */
    POLICY_FACTS = POLICY_FILE_KEY_COUNT,
    POLICY_GPUS_PER_NODE,
    POLICY_MEGATRON,
    POLICY_MEGATRON_OPTIONS,
    POLICY_VOCAB_SIZE,
    POLICY_WORLD_SIZE,
    POLICY_KEY_COUNT
};

/* Where a value was set: a file's line, an option or variable (line 0), or nowhere (name NULL: the
 * default). */
struct policy_origin {
    const char *name;
    int line;
};

struct policy_severity {
    const char *rule;
    enum severity severity; /* SEVERITY_COUNT: "ignore" */
    struct policy_origin origin;
};

struct policy_severities {
    size_t count;
    const struct policy_severity *item;
};

struct policy_words {
    size_t count;
    const char *const *item;
};

/* What holds for the jobs of some paths or of one partition only. */
struct policy_scope {
    const char *pattern; /* as of a shell; '*' matches slashes, too */
    struct policy_origin origin;
    uint64_t keys; /* bit k: it sets key k */
    int64_t max_gpus;
    const char *gpu;
    uint64_t gpu_memory_bytes;
    struct policy_words allowed_gpus;
};

struct policy_scopes {
    size_t count;
    const struct policy_scope *item;
};

struct policy_bypass {
    struct policy_words users, groups; /* names or numbers */
};

struct policy {
    enum policy_mode mode;
    enum policy_on_error on_error;
    enum policy_tree modified_tree;
    double headroom;           /* fraction of usable memory above which 'expected' warns: 0.80 */
    double timeout_seconds;    /* how long ranks wait for each other: 60 */
    uint64_t gpu_memory_bytes; /* 0: not set */
    const char *gpu;           /* or NULL */
    enum policy_world world_size_rule;
    struct policy_severities severity; /* the last row of a rule counts */
    int64_t max_gpus;                  /* 0: any number */
    struct policy_words allowed_gpus;  /* names, or patterns as of a shell; none: any GPU */
    struct policy_words required_options, forbidden_options; /* "--option" or "--option VALUE..." */
    struct policy_scopes paths, partitions;
    struct policy_bypass bypass;
    const char *log; /* path, "syslog" or NULL */
    uint64_t locked; /* bit k: key k */
    struct policy_origin origin[POLICY_KEY_COUNT];

    size_t ignored_count; /* attempts to loosen what is locked: "mode (--mode)" */
    const char *const *ignored;
    const char *let_go; /* why this user's jobs start whatever is found, or NULL: set by who knows
                           the user */
};

enum policy_layer { POLICY_SITE, POLICY_USER };

void policy_init(struct policy *policy);

/* Reads 'path' over what 'policy' holds. Errors say "path:line:column: ...". Nothing is changed on
 * failure. */
int policy_read(struct policy *policy, enum policy_layer layer, const char *path,
                struct arena *arena, struct error *err);

/* The same from memory; 'name' stands for the path. */
int policy_read_text(struct policy *policy, enum policy_layer layer, const char *name,
                     const char *text, size_t size, struct arena *arena, struct error *err);

/* Takes 'key' over from 'wanted', unless that would loosen a locked one: then the attempt is noted
 * and false returned. For options and the environment. */
bool policy_override(struct policy *policy, enum policy_key key, const struct policy *wanted,
                     struct policy_origin origin, struct arena *arena);

/* For a key that is not a field of the policy: false, and noted, where it is locked. */
bool policy_permits(struct policy *policy, enum policy_key key, struct policy_origin origin,
                    struct arena *arena);

/* Applies the entries of 'paths' and 'partitions' that fit, in this order, later ones over earlier
 * ones, but not over options; NULL: not known, then none fits. */
void policy_narrow(struct policy *policy, const char *path, const char *partition);

/* "FILE:LINE", the option or variable, or "default". */
const char *policy_origin_text(const struct policy_origin *origin, struct arena *arena);

#endif
