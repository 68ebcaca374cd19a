#include "advise/edit_cost.h"

#include <string.h>

enum cost { COST_EXECUTION = 2, COST_GRID = 3, COST_BATCH = 4, COST_MODEL = 10 };

/* What an option was there for is lost without it: what it misses is added first. */
enum { COST_OF_LOSS = 5 };

/* '*' stands for any letters. What is in no row is execution. */
static const struct {
    const char *option;
    enum cost cost;
} rows[] = {
    { "--tensor-model-parallel-size", COST_GRID },
    { "--pipeline-model-parallel-size", COST_GRID },
    { "--context-parallel-size", COST_GRID },
    { "--expert-model-parallel-size", COST_GRID },
    { "--expert-tensor-parallel-size", COST_GRID },
    { "--account-for-*", COST_GRID },
    { "--micro-batch-size", COST_BATCH },
    { "--global-batch-size", COST_BATCH },
    { "--rampup-batch-size", COST_BATCH },
    { "--eval-*", COST_BATCH },
    { "--step-batch-size-schedule", COST_BATCH },
    { "--moe-expert-capacity-factor", COST_BATCH },
    { "--max-position-embeddings", COST_BATCH },
    { "--num-layers", COST_MODEL },
    { "--encoder-num-layers", COST_MODEL },
    { "--decoder-num-layers", COST_MODEL },
    { "--hidden-size", COST_MODEL },
    { "--ffn-hidden-size", COST_MODEL },
    { "--num-attention-heads", COST_MODEL },
    { "--num-query-groups", COST_MODEL },
    { "--kv-channels", COST_MODEL },
    { "--kv-lora-rank", COST_MODEL },
    { "--q-lora-rank", COST_MODEL },
    { "--qk-*", COST_MODEL },
    { "--v-head-dim", COST_MODEL },
    { "--multi-latent-attention", COST_MODEL },
    { "--seq-length", COST_MODEL },
    { "--encoder-seq-length", COST_MODEL },
    { "--decoder-seq-length", COST_MODEL },
    { "--position-embedding-type", COST_MODEL },
    { "--use-rotary-position-embeddings", COST_MODEL },
    { "--rotary-*", COST_MODEL },
    { "--rope-*", COST_MODEL },
    { "--mrope-section", COST_MODEL },
    { "--no-rope-freq", COST_MODEL },
    { "--normalization", COST_MODEL },
    { "--norm-epsilon", COST_MODEL },
    { "--swiglu", COST_MODEL },
    { "--squared-relu", COST_MODEL },
    { "--quick-geglu", COST_MODEL },
    { "--openai-gelu", COST_MODEL },
    { "--glu-linear-offset", COST_MODEL },
    { "--disable-bias-linear", COST_MODEL },
    { "--add-qkv-bias", COST_MODEL },
    { "--untie-embeddings-and-output-weights", COST_MODEL },
    { "--attention-output-gate", COST_MODEL },
    { "--attention-dropout", COST_MODEL },
    { "--hidden-dropout", COST_MODEL },
    { "--window-size", COST_MODEL },
    { "--softmax-type", COST_MODEL },
    { "--num-experts", COST_MODEL },
    { "--moe-layer-freq", COST_MODEL },
    { "--moe-ffn-hidden-size", COST_MODEL },
    { "--moe-shared-expert-intermediate-size", COST_MODEL },
    { "--moe-latent-size", COST_MODEL },
    { "--moe-router-topk", COST_MODEL },
    { "--moe-router-load-balancing-type", COST_MODEL },
    { "--moe-router-score-function", COST_MODEL },
    { "--moe-aux-loss-coeff", COST_MODEL },
    { "--mtp-*", COST_MODEL },
    { "--hybrid-*", COST_MODEL },
    { "--mamba-*", COST_MODEL },
    { "--is-hybrid-model", COST_MODEL },
    { "--linear-*", COST_MODEL },
    { "--experimental-attention-variant", COST_MODEL },
    { "--heterogeneous-layers-*", COST_MODEL },
    { "--retro-*", COST_MODEL },
    { "--spec", COST_MODEL },
    { "--vocab-*", COST_MODEL },
    { "--padded-vocab-size", COST_MODEL },
    { "--tokenizer-*", COST_MODEL },
    { "--make-vocab-size-divisible-by", COST_MODEL },
    { "--init-method-*", COST_MODEL },
    { "--bf16", COST_MODEL },
    { "--fp16", COST_MODEL },
    { "--fp8-format", COST_MODEL },
    { "--fp4-format", COST_MODEL },
    { "--optimizer", COST_MODEL },
    { "--adam-*", COST_MODEL },
    { "--lr", COST_MODEL },
    { "--lr-*", COST_MODEL },
    { "--min-lr", COST_MODEL },
    { "--weight-decay*", COST_MODEL },
    { "--start-weight-decay", COST_MODEL },
    { "--end-weight-decay", COST_MODEL },
    { "--clip-grad", COST_MODEL },
    { "--train-iters", COST_MODEL },
    { "--train-samples", COST_MODEL },
    { "--sft", COST_MODEL },
    { "--data-path", COST_MODEL },
    { "--data-args-path", COST_MODEL },
    { "--train-data-path", COST_MODEL },
    { "--valid-data-path", COST_MODEL },
    { "--test-data-path", COST_MODEL },
    { "--per-split-data-args-path", COST_MODEL },
    { "--split", COST_MODEL },
    { "--mock-data", COST_MODEL },
    { "--load", COST_MODEL },
    { "--save", COST_MODEL },
    { "--perform-rl-step", COST_MODEL },
    { "--grpo-*", COST_MODEL },
};

static bool is_named(const char *option, const char *pattern)
{
    const char *star = strchr(pattern, '*');
    size_t head = star ? (size_t)(star - pattern) : 0, tail, length = strlen(option);

    if (!star)
        return strcmp(option, pattern) == 0;
    tail = strlen(star + 1);
    return length >= head + tail && strncmp(option, pattern, head) == 0 &&
           strcmp(option + length - tail, star + 1) == 0;
}

static enum cost option_cost(const char *option)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (is_named(option, rows[i].option))
            return rows[i].cost;
    return COST_EXECUTION;
}

bool option_is_asked_for(const char *option)
{
    return option_cost(option) != COST_EXECUTION;
}

static int edit_cost(const struct edit *edit)
{
    if (edit->target == EDIT_LAUNCHER)
        return COST_GRID;
    if (edit->target == EDIT_ENVIRONMENT)
        return COST_EXECUTION;
    return (int)option_cost(edit->option) + (edit->remove ? COST_OF_LOSS : 0);
}

int plan_cost(const struct plan *plan)
{
    int cost = 0;

    for (int i = 0; i < plan->count; i++)
        cost += edit_cost(&plan->edit[i]);
    return cost;
}
