#include "rules/trainer_kind.h"

#include "megatron/layer_pattern.h"
#include "megatron/options.h"
#include "rules/truth.h"

bool script_has(const struct walk *walk, const char *part)
{
    const char *script = walk->launch ? walk->launch->script : NULL;
    const char *name = script ? strrchr(script, '/') : NULL;

    return script && strstr(name ? name : script, part);
}

/* ModelOpt builds the model itself. */
static bool has_modelopt(const struct launch *launch)
{
    for (int i = 0; launch && i < launch->argc; i++)
        if (strcmp(launch->argv[i], "--modelopt-enabled") == 0)
            return true;
    return false;
}

enum trainer_kind trainer_kind(const struct walk *walk)
{
    static const char *const others[] = { "bert",   "t5",  "ict",  "retro",
                                          "vision", "vlm", "mimo", "biencoder" };
    static const char *const scripts[] = { "multimodal/train.py", "mimo/train.py" };

    for (size_t i = 0; walk->launch && walk->launch->script && i < 2; i++)
        if (options_is_script(walk->launch->script, scripts[i]))
            return TRAINER_OTHER;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (script_has(walk, others[i]))
            return TRAINER_OTHER;
    if (has_modelopt(walk->launch))
        return TRAINER_OTHER;
    if (script_has(walk, "pretrain_gpt"))
        return TRAINER_GPT; /* which reads a hybrid pattern only to count its layers */
    if (walk->job->hybrid_layer_pattern || walk->job->hybrid_override_pattern ||
        script_has(walk, "mamba") || script_has(walk, "hybrid"))
        return TRAINER_HYBRID;
    return TRAINER_GPT;
}

bool builds_standard_gpt(const struct walk *walk)
{
    return trainer_kind(walk) == TRAINER_GPT && walk->job->spec.count < 0 &&
           !is_on(walk->job->use_legacy_models);
}

static struct hybrid_pattern pattern_of(const struct walk *walk)
{
    const struct job *job = walk->job;

    return hybrid_pattern_of(job->hybrid_layer_pattern ? job->hybrid_layer_pattern
                                                       : job->hybrid_override_pattern);
}

static bool pattern_has(const struct walk *walk, char symbol)
{
    struct hybrid_pattern pattern = pattern_of(walk);

    return hybrid_count(&pattern, -1, symbol) > 0;
}

bool has_common_attention(const struct walk *walk)
{
    if (trainer_kind(walk) == TRAINER_HYBRID)
        return pattern_has(walk, '*');
    return builds_standard_gpt(walk) && !is_on(walk->job->multi_latent_attention);
}

bool has_experts(const struct walk *walk)
{
    if (trainer_kind(walk) == TRAINER_HYBRID)
        return pattern_has(walk, 'E') && is_nonzero(walk->job->num_experts);
    return builds_standard_gpt(walk) && moe_layer_count(walk->job) > 0;
}

bool has_dense_mlp(const struct walk *walk)
{
    if (trainer_kind(walk) == TRAINER_HYBRID)
        return pattern_has(walk, '-');
    return builds_standard_gpt(walk) && moe_layer_count(walk->job) < walk->job->num_layers;
}
