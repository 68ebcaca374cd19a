/* What a layer saves, against sums made by hand and against a published measurement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory/layer.h"

static struct job job;
static struct facts facts;

#define MIB ((uint64_t)1 << 20)

/* Llama-2-7B, one sequence of 4096 tokens, no tensor parallelism, as Megatron resolves it. */
static struct shape llama(void)
{
    return (struct shape) {
        .release = RELEASE_MAIN,
        .tp = 1,
        .cp = 1,
        .pp = 1,
        .vpp = 1,
        .ep = 1,
        .etp = 1,
        .seq_length = 4096,
        .micro_batch_size = 1,
        .tokens = 4096,
        .tokens_sharded = 4096,
        .hidden_size = 4096,
        .rope = true,
        .norm_vectors = 1,
        .transformer_engine = true,
        .num_attention_heads = 32,
        .num_query_groups = 32,
        .kv_channels = 128,
        .qkv_width = 3 * 4096,
        .proj_width = 4096,
        .activation = ACTIVATION_SILU,
        .gated_linear_unit = true,
        .ffn_hidden_size = 11008,
        .gates = 2,
        .param_bytes = 2,
        .gpu_arch = 90,
    };
}

static void fresh(void)
{
    job_init(&job);
    facts_init(&facts);
    job.hidden_dropout = 0;
    job.attention_dropout = 0;
    job.gradient_accumulation_fusion = 1;
    job.bias_activation_fusion = 1;
    job.bias_dropout_fusion = 1;
    job.apply_rope_fusion = 1;
    job.masked_softmax_fusion = 1;
}

static struct profile profile_of(const struct shape *shape, struct layer layer)
{
    struct premise premise;
    struct profile profile;

    premise_of(&job, shape, &facts, LIKELY, &premise);
    layer_profile(&job, shape, &premise, layer, false, &profile);
    return profile;
}

static const struct layer dense = { .mixer = MIXER_ATTENTION, .feed_forward = FEED_FORWARD_DENSE };

/* Galvatron measured 514.563 MiB for this layer on real hardware; statistics and rounding are in
 * it. */
static void test_measured_layer(void **state)
{
    struct shape shape = llama();
    struct profile p;

    (void)state;
    fresh();
    p = profile_of(&shape, dense);
    assert_in_range(held_total(&p.saved) / 1024, 514 * 1024, 515 * 1024);
}

static int64_t saved_mib(const struct shape *shape, struct layer layer)
{
    struct profile p = profile_of(shape, layer);

    return held_total(&p.saved) / (int64_t)MIB;
}

/* One tensor of 4096 tokens times 4096 channels is 32 MiB in two bytes. */
static void test_what_options_change(void **state)
{
    struct shape shape = llama();
    int64_t base;

    (void)state;
    fresh();
    base = saved_mib(&shape, dense);
    job.hidden_dropout = 0.1; /* two masks of a byte an element */
    assert_int_equal(saved_mib(&shape, dense), base + 2 * 16);
    fresh();
    shape.qk_layernorm =
        true; /* q and k before their norms, and 32 rows of statistics a token each */
    assert_int_equal(saved_mib(&shape, dense), base + 2 * 32 + 1);
    shape = llama();
    job.attention_backend = "unfused"; /* probabilities of 32 heads instead of log-sums */
    assert_int_equal(saved_mib(&shape, dense), base + 32 * 32);
    fresh();
    job.recompute_granularity = "selective";
    job.recompute_modules = (struct list) { .count = 1, .item = (const char *const[]) { "mlp" } };
    /* norm output 32, fc1 172, activation 86; the norm's statistics go, too */
    assert_in_range(saved_mib(&shape, dense), base - 291, base - 289);
}

static void test_sequence_parallel_halves(void **state)
{
    struct shape shape = llama();
    int64_t base;

    (void)state;
    fresh();
    base = saved_mib(&shape, dense);
    shape.tp = 2;
    shape.sequence_parallel = true;
    shape.tokens_sharded = shape.tokens / 2;
    assert_in_range(saved_mib(&shape, dense), base / 2 - 1, base / 2 + 1);
}

/* Eight experts, two a token: experts' input 64, fc1 and activation of 11008 each, the pre-MLP
 * norm's output. */
static void test_experts(void **state)
{
    const struct layer moe = { .mixer = MIXER_ATTENTION, .feed_forward = FEED_FORWARD_MOE };
    struct shape shape = llama();
    int64_t base;

    (void)state;
    fresh();
    base = saved_mib(&shape, dense);
    shape.num_experts = shape.local_experts = 8;
    shape.moe_router_topk = 2;
    shape.moe_ffn_hidden_size = 11008;
    shape.expert_hidden = 4096;
    shape.moe_grouped_gemm = true;
    job.moe_expert_capacity_factor = none_float();
    assert_in_range(saved_mib(&shape, moe), base + 64 + 172 + 86, base + 64 + 172 + 86 + 3);
}

struct backend_case {
    int64_t arch;
    uint64_t width;
    bool deterministic;
    double dropout;
    const char *flash; /* version, "" not installed, NULL not known */
    enum attention_backend want;
};

/* As transformer_engine chooses, with cuDNN of 2025. */
static const struct backend_case backends[] = {
    { 90, 128, false, 0.0, "2.7.4", ATTENTION_FUSED },
    { 90, 128, true, 0.1, "2.7.4", ATTENTION_FUSED },
    { 80, 128, false, 0.0, "2.7.4", ATTENTION_FLASH },
    { 80, 128, false, 0.0, "", ATTENTION_FUSED },
    { 80, 128, true, 0.0, "", ATTENTION_UNFUSED },
    { 80, 150, false, 0.0, "2.7.4", ATTENTION_UNFUSED },
    { 70, 128, false, 0.0, "2.7.4", ATTENTION_UNFUSED },
    { 100, 128, true, 0.1, "2.7.4", ATTENTION_FLASH },
    { 100, 128, true, 0.0, "2.7.4", ATTENTION_FUSED },
    { 90, 256, false, 0.0, "2.7.4", ATTENTION_FUSED },
    { 100, 256, false, 0.0, "2.7.4", ATTENTION_FLASH },
};

static void test_backends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        const struct backend_case *c = &backends[i];
        struct shape shape = llama();
        struct premise premise;

        fresh();
        shape.gpu_arch = c->arch;
        shape.kv_channels = c->width;
        job.attention_dropout = c->dropout;
        job.deterministic_mode = c->deterministic;
        if (c->flash)
            facts.flash_attn = (struct fact_str) { .known = true, .value = c->flash };
        premise_of(&job, &shape, &facts, LIKELY, &premise);
        assert_int_equal(premise.attention, c->want);
    }
}

/* The lower bound never counts on un-fused scores that another backend could avoid. */
static void test_lower_bound_backend(void **state)
{
    struct shape shape = llama();
    struct premise premise;

    (void)state;
    fresh();
    shape.gpu_arch = -1;
    premise_of(&job, &shape, &facts, CERTAIN, &premise);
    assert_int_equal(premise.attention, ATTENTION_FUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured_layer),
        cmocka_unit_test(test_what_options_change),
        cmocka_unit_test(test_sequence_parallel_halves),
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_lower_bound_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
