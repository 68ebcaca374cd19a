/* What configurations leave open and Megatron or an estimate needs. A row is left out when the file
 * or the command line gave one of its options. */
#include <string.h>

#include "base/word_list.h"
#include "config/config.h"
#include "config/guide_keys.h"

enum when { ALWAYS, MOE };

static const struct assumption {
    enum when when;
    const char *unless; /* options, separated by blanks; the first is the one assumed */
    const char *value;  /* NULL: a flag */
    const char *why;
} assumptions[] = {
    { ALWAYS, "--position-embedding-type --use-rotary-position-embeddings", "rope",
      "rotary embeddings" },
    { ALWAYS, "--disable-bias-linear", NULL, "no biases" },
    { ALWAYS, "--untie-embeddings-and-output-weights", NULL, "an output layer of its own" },
    { ALWAYS, "--attention-dropout", "0", "no dropout" },
    { ALWAYS, "--hidden-dropout", "0", NULL },
    { MOE, "--moe-grouped-gemm", NULL, "grouped GEMM" },
    { MOE, "--moe-token-dispatcher-type", "alltoall", "tokens sent all-to-all" },
    { ALWAYS, "--tokenizer-type --tokenizer-model --vocab-file", "NullTokenizer", NULL },
    { ALWAYS,
      "--mock-data --data-path --data-args-path --train-data-path --per-split-data-args-path", NULL,
      "mock data" },
    { ALWAYS, "--lr", "1e-4", NULL },
    { ALWAYS, "--train-iters --train-samples", "1000", NULL },
    { ALWAYS, "--eval-interval", "1000", NULL },
};

/* What one of the options says, or that none is wanted. */
static bool is_said(const struct config *config, const char *options)
{
    for (size_t i = 0; i < config->count; i++)
        if (word_list_has(options, config->option[i].name))
            return true;
    for (size_t i = 0; i < config->refused_count; i++)
        if (word_list_has(options, config->refused[i]))
            return true;
    return false;
}

static void assume(struct config *config, const char *name, const char *value, const char *why)
{
    config_set(config, CONFIG_ASSUMED, (struct config_place) { 0 }, name, value);
    config->option[config->count - 1].why = why;
}

/* Micro-batches enough that every pipeline stage keeps as many as it ever will. */
static void assume_batch(struct config *config)
{
    int64_t pp = config_int(config, "--pipeline-model-parallel-size", 1);
    int64_t ranks = config_int(config, "--tensor-model-parallel-size", 1) * pp *
                    config_int(config, "--context-parallel-size", 1);
    int64_t micro = config_int(config, "--micro-batch-size", 0);
    const char *options = "--global-batch-size --rampup-batch-size --step-batch-size-schedule";

    if (is_said(config, options) || micro < 1 || ranks < 1 || !config->world.value ||
        config->world.value % ranks)
        return;
    assume(config, "--global-batch-size",
           arena_printf(config->arena, "%lld",
                        (long long)(micro * (config->world.value / ranks) * 2 * pp)),
           arena_printf(config->arena, "%lld micro-batches", (long long)(2 * pp)));
}

static void note_assumed(struct config *config)
{
    const char *text = NULL;

    for (size_t i = 0; i < config->count; i++) {
        const struct config_option *option = &config->option[i];

        if (option->giver == CONFIG_ASSUMED && option->why)
            text = text ? arena_printf(config->arena, "%s, %s", text, option->why) : option->why;
    }
    if (text)
        config_note(config, SEVERITY_NOTE, "config-assumed", (struct config_place) { 0 },
                    "%s says nothing of these, assumed: %s; %s set others", config->path, text,
                    config->others);
}

void config_assume(struct config *config)
{
    bool moe = config_find(config, "--num-experts") != NULL;

    for (size_t i = 0; i < sizeof(assumptions) / sizeof(assumptions[0]); i++) {
        const struct assumption *row = &assumptions[i];
        const char *name;

        if ((row->when == MOE && !moe) || is_said(config, row->unless))
            continue;
        name = arena_strndup(config->arena, row->unless, strcspn(row->unless, " "));
        assume(config, name, row->value, row->why);
    }
    assume_batch(config);
    note_assumed(config);
}
