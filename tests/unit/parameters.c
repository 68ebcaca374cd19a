/* Parameters of models whose totals are published, and of small pieces counted by hand. */
#include "memory/parameters.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "resolve.h"

#define BASE                                                                                       \
    "--micro-batch-size 1 --bf16 --train-iters 10 --lr 1e-4 --tokenizer-type NullTokenizer "
#define LLAMA3                                                                                     \
    BASE "--seq-length 8192 --max-position-embeddings 8192 --vocab-size 128256 "                   \
         "--group-query-attention "                                                                \
         "--num-query-groups 8 --swiglu --normalization RMSNorm --disable-bias-linear "            \
         "--position-embedding-type rope --untie-embeddings-and-output-weights "                   \
         "--make-vocab-size-divisible-by 16 "
#define QWEN3                                                                                      \
    BASE "--seq-length 4096 --max-position-embeddings 4096 --vocab-size 151936 "                   \
         "--group-query-attention "                                                                \
         "--swiglu --normalization RMSNorm --disable-bias-linear --position-embedding-type rope "  \
         "--untie-embeddings-and-output-weights --qk-layernorm --kv-channels 128 --num-experts "   \
         "128 "                                                                                    \
         "--moe-router-topk 8 --moe-grouped-gemm --moe-router-load-balancing-type aux_loss "

/* Published totals (model cards; for Llama and Mixtral the checkpoints' own sums). */
static const struct {
    const char *name;
    int64_t world;
    uint64_t want;
    const char *line;
} models[] = {
    { "Llama-3 8B", 8, 8030261248,
      LLAMA3
      "--num-layers 32 --hidden-size 4096 --ffn-hidden-size 14336 --num-attention-heads 32" },
    { "Llama-3 70B", 64, 70553706496,
      LLAMA3
      "--num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 --num-attention-heads 64 "
      "--tensor-model-parallel-size 4 --pipeline-model-parallel-size 4 --sequence-parallel" },
    { "Llama-3.1 405B", 72, 405853388800,
      LLAMA3
      "--num-layers 126 --hidden-size 16384 --ffn-hidden-size 53248 --num-attention-heads 128 "
      "--tensor-model-parallel-size 8 --pipeline-model-parallel-size 9 --sequence-parallel" },
    { "Mixtral 8x7B", 8, 46702792704,
      BASE "--seq-length 4096 --max-position-embeddings 4096 --vocab-size 32000 --num-layers 32 "
           "--hidden-size 4096 --ffn-hidden-size 14336 --num-attention-heads 32 "
           "--group-query-attention --num-query-groups 8 --swiglu --normalization RMSNorm "
           "--disable-bias-linear --position-embedding-type rope "
           "--untie-embeddings-and-output-weights --num-experts 8 --expert-model-parallel-size 8" },
    { "Qwen3-30B-A3B", 8, 30532122624,
      QWEN3 "--num-layers 48 --hidden-size 2048 --ffn-hidden-size 6144 --num-attention-heads 32 "
            "--num-query-groups 4 --moe-ffn-hidden-size 768 --expert-model-parallel-size 8" },
    { "Qwen3-235B-A22B", 64, 235093634560,
      QWEN3 "--num-layers 94 --hidden-size 4096 --ffn-hidden-size 12288 --num-attention-heads 64 "
            "--num-query-groups 4 --moe-ffn-hidden-size 1536 --expert-model-parallel-size 32 "
            "--pipeline-model-parallel-size 2" },
};

static void test_published_totals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        struct resolved r;
        uint64_t total;

        if (!resolve_line(&r, "main", models[i].line, models[i].world))
            fail_msg("%s: no placement because of %s", models[i].name, r.why);
        total = parameters_of_model(&r.shape, &r.placement, &r.arena);
        if (total != models[i].want)
            fail_msg("%s: %ju parameters, %ju published", models[i].name, (uintmax_t)total,
                     (uintmax_t)models[i].want);
        arena_release(&r.arena);
    }
}

/* The GPT family of the 2021 scaling study: layers, hidden size, heads, tp, pp, GPUs, and its name
 * in billions. */
static const struct {
    int layers, hidden, heads, tp, pp, gpus;
    double billions;
} gpt_models[] = {
    { 24, 2304, 24, 1, 1, 32, 1.7 },         { 30, 3072, 32, 2, 1, 64, 3.6 },
    { 36, 4096, 32, 4, 1, 128, 7.5 },        { 40, 6144, 48, 8, 1, 256, 18.4 },
    { 48, 8192, 64, 8, 2, 512, 39.1 },       { 60, 10240, 80, 8, 4, 1024, 76.1 },
    { 80, 12288, 96, 8, 8, 1536, 145.6 },    { 96, 16384, 128, 8, 16, 1920, 310.1 },
    { 105, 20480, 128, 8, 35, 2520, 529.6 }, { 128, 25600, 160, 8, 64, 3072, 1008.0 },
};

static void test_gpt_family_within_two_percent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(gpt_models) / sizeof(gpt_models[0]); i++) {
        struct resolved r;
        char line[600];
        double total, name = gpt_models[i].billions * 1e9;

        snprintf(
            line, sizeof(line),
            "--num-layers %d --hidden-size %d --num-attention-heads %d --seq-length 2048 "
            "--max-position-embeddings 2048 --micro-batch-size 1 --fp16 --train-iters 10 --lr 1e-4 "
            "--tokenizer-type NullTokenizer --vocab-size 51200 --tensor-model-parallel-size %d "
            "--pipeline-model-parallel-size %d --make-vocab-size-divisible-by 128",
            gpt_models[i].layers, gpt_models[i].hidden, gpt_models[i].heads, gpt_models[i].tp,
            gpt_models[i].pp);
        if (!resolve_line(&r, "main", line, gpt_models[i].gpus))
            fail_msg("GPT %.1fB: no placement because of %s", gpt_models[i].billions, r.why);
        total = (double)parameters_of_model(&r.shape, &r.placement, &r.arena);
        if (fabs(total - name) > 0.02 * name &&
            fabs(total - name) > 0.05e9) /* the name's last digit */
            fail_msg("GPT %.1fB: %.2f billion", gpt_models[i].billions, total / 1e9);
        arena_release(&r.arena);
    }
}

/* A layer of hidden size 8 with 2 heads of 4, ffn 16, LayerNorm and biases, tp 2: counted by hand.
 */
static void test_one_layer_by_hand(void **state)
{
    struct shape shape = { .release = RELEASE_MAIN,
                           .tp = 2,
                           .etp = 2,
                           .ep = 1,
                           .hidden_size = 8,
                           .norm_vectors = 2,
                           .bias = true,
                           .qkv_bias = true,
                           .transformer_engine = true,
                           .num_attention_heads = 2,
                           .num_query_groups = 2,
                           .kv_channels = 4,
                           .qkv_width = 24,
                           .proj_width = 8,
                           .gates = 1,
                           .ffn_hidden_size = 16 };
    struct arena arena = ARENA_INIT;
    struct weights weights = { .arena = &arena };
    struct parameters sum;

    (void)state;
    weights_of_layer(
        &shape, (struct layer) { .mixer = MIXER_ATTENTION, .feed_forward = FEED_FORWARD_DENSE },
        PART_DECODER, &weights);
    parameters_of_weights(&weights, &sum);
    /* two norms 2 x 16, qkv 12 x 8 + 12, proj 8 x 4 + 8, fc1 8 x 8 + 8, fc2 8 x 8 + 8 */
    assert_int_equal(sum.total, 32 + 108 + 40 + 72 + 72);
    assert_int_equal(sum.expert, 0);
    arena_release(&arena);
}

/* 4 experts over ep 2: two on a rank; expert parameters have buffers of their own. */
static void test_experts_by_hand(void **state)
{
    struct shape shape = { .release = RELEASE_MAIN,
                           .tp = 1,
                           .etp = 1,
                           .ep = 2,
                           .expert_buffers = true,
                           .hidden_size = 8,
                           .norm_vectors = 1,
                           .transformer_engine = true,
                           .gates = 2,
                           .num_experts = 4,
                           .local_experts = 2,
                           .moe_grouped_gemm = true,
                           .te_grouped_gemm = true,
                           .expert_hidden = 8,
                           .moe_ffn_hidden_size = 6,
                           .moe_shared_expert_intermediate_size = 10 };
    struct arena arena = ARENA_INIT;
    struct weights weights = { .arena = &arena };
    struct parameters sum;

    (void)state;
    weights_of_layer(&shape, (struct layer) { .feed_forward = FEED_FORWARD_MOE }, PART_DECODER,
                     &weights);
    parameters_of_weights(&weights, &sum);
    assert_int_equal(sum.expert, 2 * (12 * 8 + 8 * 6));
    assert_int_equal(sum.total, sum.expert + 8 + 4 * 8 + 20 * 8 + 8 * 10);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_layer_by_hand),
        cmocka_unit_test(test_experts_by_hand),
        cmocka_unit_test(test_published_totals),
        cmocka_unit_test(test_gpt_family_within_two_percent),
    };

    return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
