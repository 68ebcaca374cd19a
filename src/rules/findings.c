#include "rules/findings.h"

const char *const stage_names[STAGE_COUNT] = {
    [STAGE_LAUNCH] = "launch", [STAGE_PARSE] = "parse",   [STAGE_VALIDATE] = "validate",
    [STAGE_CONFIG] = "config", [STAGE_INIT] = "init",     [STAGE_MODEL] = "model",
    [STAGE_DATA] = "data",     [STAGE_STEP] = "step",     [STAGE_EVAL] = "eval",
    [STAGE_MEMORY] = "memory", [STAGE_POLICY] = "policy", [STAGE_UNCHECKED] = "unchecked",
};

const char *const severity_names[SEVERITY_COUNT] = {
    [SEVERITY_NOTE] = "note",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_ERROR] = "error",
};

struct finding *findings_add(struct findings *findings, struct arena *arena)
{
    findings->item = arena_grow(arena, findings->item, &findings->capacity, findings->count + 1,
                                sizeof(*findings->item));
    return &findings->item[findings->count++];
}
