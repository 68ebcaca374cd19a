/* What a site lets block: mode, severities, thresholds. Read from YAML; later files win key by key;
 * unknown keys are errors with file:line. */
#ifndef VERDICT_POLICY_H
#define VERDICT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "rules/findings.h"

enum policy_mode { MODE_ENFORCE, MODE_WARN, MODE_OBSERVE, MODE_OFF, MODE_COUNT };
enum policy_on_error { ON_ERROR_RUN, ON_ERROR_BLOCK };
enum policy_tree { TREE_GRID, TREE_ALL, TREE_NOTHING }; /* what blocks on a modified Megatron tree */

enum policy_world { WORLD_MEGATRON, WORLD_PRODUCT }; /* product: TP x PP x EP x ETP x CP x DP, as some
                                                      guides have it */

extern const char *const policy_mode_names[MODE_COUNT];

struct policy_severity {
    const char *rule;
    enum severity severity; /* SEVERITY_COUNT: "ignore" */
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
    size_t severity_count;
    struct policy_severity *severity;
};

void policy_init(struct policy *policy);

/* Reads 'path' over what 'policy' holds. Errors say "path:line: ...". Nothing is changed on failure. */
int policy_read(struct policy *policy, const char *path, struct arena *arena, struct error *err);

#endif
