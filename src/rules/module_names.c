#include "rules/module_names.h"

#include <string.h>

#include "rules/truth.h"

static const struct module {
    enum module_use use;
    const char *name;
    enum release since;
} modules[] = {
    { MODULE_RECOMPUTE, "core_attn", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "moe_act", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "layernorm", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "mla_up_proj", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "mlp", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "moe", RELEASE_0_12_0 },
    { MODULE_RECOMPUTE, "shared_experts", RELEASE_0_14_0 },
    { MODULE_RECOMPUTE, "gdn_norm_out", RELEASE_0_19_0 },
    { MODULE_RECOMPUTE, "gdp_in_proj", RELEASE_MAIN },
    { MODULE_RECOMPUTE, "gdp_qkv", RELEASE_MAIN },
    { MODULE_RECOMPUTE, "mhc", RELEASE_MAIN },
    { MODULE_OFFLOAD, "core_attn", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "attn_proj", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "expert_fc1", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "moe_act", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "attn_norm", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "mlp_norm", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "qkv_linear", RELEASE_0_16_0 },
    { MODULE_OFFLOAD, "fused_group_mlp", RELEASE_0_19_0 },
    { MODULE_OFFLOAD, "gdp_qkv", RELEASE_MAIN },
};
static const size_t module_count = sizeof(modules) / sizeof(modules[0]);

static bool is_module(const char *word, enum module_use use, enum release release)
{
    for (size_t i = 0; i < module_count; i++)
        if (modules[i].use == use && modules[i].since <= release &&
            strcmp(modules[i].name, word) == 0)
            return true;
    return false;
}

const char *unknown_module(const struct list *list, enum module_use use, enum release release)
{
    for (int i = 0; i < list->count; i++)
        if (!is_module(list->item[i], use, release))
            return list->item[i];
    return NULL;
}

const char *module_names(enum module_use use, enum release release, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < module_count; i++)
        if (modules[i].use == use && modules[i].since <= release)
            text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", modules[i].name);
    return text;
}

bool is_recomputed(const struct job *job, const char *module)
{
    return is_word(job->recompute_granularity, "selective") &&
           list_has(&job->recompute_modules, module);
}
