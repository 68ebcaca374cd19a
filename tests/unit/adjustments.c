/* What config and globals change in a job, row by row of the sections that this file is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rules/sections.h"

static struct arena arena;
static struct facts facts;
static struct job job;

static void adjust(enum release release)
{
    struct walk walk = { .arena = &arena, .facts = &facts, .release = release, .job = &job };

    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++) {
            const struct rule *rule = &rule_sections[s]->rows[i];

            if (rule->adjust && rule->stage >= STAGE_CONFIG && release >= rule->since &&
                release <= rule->until)
                rule->adjust(&walk);
        }
}

static void fresh(void)
{
    arena_release(&arena);
    facts_init(&facts);
    job_init(&job);
    job.tensor_model_parallel_size = 2;
    job.pipeline_model_parallel_size = 2;
    job.num_attention_heads = 16;
    job.num_query_groups = 4;
    job.ffn_hidden_size = 4096;
}

static void test_query_groups(void **state)
{
    (void)state;
    fresh();
    adjust(RELEASE_MAIN);
    assert_int_equal(job.num_query_groups, 16);
    fresh();
    job.group_query_attention = 1;
    adjust(RELEASE_MAIN);
    assert_int_equal(job.num_query_groups, 4);
}

static void test_activation(void **state)
{
    (void)state;
    fresh();
    job.bias_gelu_fusion = 1;
    job.bias_swiglu_fusion = 0;
    adjust(RELEASE_0_16_0);
    assert_string_equal(job.activation_func, "gelu");
    assert_int_equal(job.gated_linear_unit, 0);
    assert_int_equal(job.bias_activation_fusion, 1);
    job.swiglu = 1;
    adjust(RELEASE_0_16_0);
    assert_string_equal(job.activation_func, "silu");
    assert_int_equal(job.gated_linear_unit, 1);
    assert_int_equal(job.bias_activation_fusion, 0);
}

static void test_recompute_modules(void **state)
{
    (void)state;
    fresh();
    adjust(RELEASE_0_11_0);
    assert_int_equal(job.recompute_modules.count, -1);
    job.moe_layer_recompute = 1;
    adjust(RELEASE_0_12_0);
    assert_int_equal(job.recompute_modules.count, 2);
    assert_true(list_has(&job.recompute_modules, "core_attn"));
    assert_true(list_has(&job.recompute_modules, "moe"));
    assert_string_equal(job.recompute_granularity, "selective");
}

static void test_vocabulary(void **state)
{
    (void)state;
    fresh();
    job.make_vocab_size_divisible_by = 128;
    job.tokenizer_type = "NullTokenizer";
    job.vocab_size = 256;
    adjust(RELEASE_0_18_2);
    assert_int_equal(job.padded_vocab_size, 256);
    adjust(RELEASE_0_17_0);
    assert_int_equal(job.padded_vocab_size, 512);
    job.tokenizer_type = "HuggingFaceTokenizer";
    job.padded_vocab_size = NONE_INT;
    adjust(RELEASE_0_17_0);
    assert_true(job.padded_vocab_size == NONE_INT);
    facts.vocab_size.known = true;
    facts.vocab_size.value = 50257;
    adjust(RELEASE_0_17_0);
    assert_int_equal(job.padded_vocab_size, 50432);
}

static void test_grid(void **state)
{
    (void)state;
    fresh();
    job.world_size = 64;
    job.data_parallel_size = 16;
    job.context_parallel_size = 1;
    job.expert_model_parallel_size = 8;
    job.micro_batch_size = 2;
    job.global_batch_size = 128;
    adjust(RELEASE_0_9_0);
    assert_int_equal(job.expert_data_parallel_size, 2);
    assert_int_equal(job.num_microbatches, 4);
    job.expert_tensor_parallel_size = 1;
    adjust(RELEASE_0_10_0);
    assert_int_equal(job.expert_data_parallel_size, 4);
    assert_int_equal(job.microbatch_group_size_per_vp_stage, 2);
}

static void test_experts_without_width(void **state)
{
    (void)state;
    fresh();
    job.num_experts = 8;
    job.moe_expert_capacity_factor = -1.0;
    adjust(RELEASE_MAIN);
    assert_int_equal(job.moe_ffn_hidden_size, 4096);
    assert_true(is_none_float(job.moe_expert_capacity_factor));
    fresh();
    job.moe_ffn_hidden_size = 512;
    job.moe_layer_freq = (struct freq){ .kind = FREQ_INT, .every = 2 };
    adjust(RELEASE_0_17_0);
    assert_int_equal(job.moe_ffn_hidden_size, 512);
    adjust(RELEASE_0_18_2);
    assert_true(job.moe_ffn_hidden_size == NONE_INT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_groups),      cmocka_unit_test(test_activation),
        cmocka_unit_test(test_recompute_modules), cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_grid),              cmocka_unit_test(test_experts_without_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
