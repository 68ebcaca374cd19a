#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "megatron/layer_pattern.h"
#include "megatron/layout.h"

static const struct {
    const char *text;
    int stages;         /* 0: refused */
    const char *joined; /* stages separated by '|' */
} layouts[] = {
    { "Et|tL", 2, "Et|tL" },
    { "E,t*3|(t,t|)*2,m|L", 5, "Ettt|tt|tt|m|L" },
    { "(ab)*2", 0, NULL },
    { "(Et|)*2L", 3, "Et|Et|L" },
    { "Et|*3L", 4, "Et|||L" },
    { "E(tt)L", 0, NULL },
    { "E((t)*2L", 0, NULL },
    { "Et t", 0, NULL },
    { "et|L", 0, NULL },
    { "Ett*0L", 1, "EtL" },
    { "(t|)*2*2", 4, "t|t||" },
    { "E()*2L", 0, NULL },
    { "t*999999999999", 0, NULL },
    { "(tttttttttt)*9999", 0, NULL },
    { "", 1, "" },
    { "t*", 0, NULL },
};

static void test_layout_parse(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        struct layout layout = { 0, NULL };
        struct error err = { "" };
        char joined[64] = "";
        int rc = layout_parse(layouts[i].text, &arena, &layout, &err);

        if (layouts[i].stages == 0) {
            assert_int_equal(rc, -1);
            assert_true(err.text[0]);
            assert_int_equal(layout.stage_count, 0);
            continue;
        }
        assert_int_equal(rc, 0);
        for (int s = 0; s < layout.stage_count; s++) {
            strcat(joined, s ? "|" : "");
            strcat(joined, layout.stage[s]);
        }
        assert_string_equal(joined, layouts[i].joined);
    }
    arena_release(&arena);
}

static void test_layout_count(void **state)
{
    struct arena arena = ARENA_INIT;
    struct layout layout;

    (void)state;
    assert_int_equal(layout_parse("Ettt|(tt|)*29,m|L", &arena, &layout, NULL), 0);
    assert_int_equal(layout.stage_count, 32);
    assert_int_equal(layout_count(&layout, 0, 't'), 3);
    assert_int_equal(layout_count(&layout, 30, 'm'), 1);
    assert_int_equal(layout_count_before(&layout, 31, 't'), 61);
    arena_release(&arena);
}

static void test_moe_layers(void **state)
{
    static const int64_t mixed[] = { 0, 1, 1 };
    static struct job job;

    (void)state;
    job_init(&job);
    job.num_layers = 3;
    job.moe_layer_freq = (struct freq) { .kind = FREQ_INT, .every = 2 };
    assert_int_equal(moe_layer_count(&job), 0);
    job.num_experts = 8;
    assert_true(layer_is_moe(&job, 0));
    assert_false(layer_is_moe(&job, 1));
    assert_int_equal(moe_layer_count(&job), 2);
    job.moe_layer_freq = (struct freq) { .kind = FREQ_LIST, .count = 3, .item = mixed };
    assert_false(layer_is_moe(&job, 0));
    assert_int_equal(moe_layer_count(&job), 2);
    assert_false(layer_is_moe(&job, 3));
    job.linear_attention_freq = (struct freq) { .kind = FREQ_INT, .every = 3 };
    assert_true(layer_is_linear_attention(&job, 1));
    assert_false(layer_is_linear_attention(&job, 2));
}

static void test_hybrid_pattern(void **state)
{
    struct hybrid_pattern pattern = hybrid_pattern_of("MM*-|MME*/MD/MD");

    (void)state;
    assert_int_equal(pattern.segments, 2);
    assert_int_equal(pattern.layers, 8);
    assert_int_equal(pattern.mtp_depths, 2);
    assert_int_equal(pattern.mtp_length, 2);
    assert_memory_equal(pattern.mtp_part, "MD", 2);
    assert_int_equal(hybrid_count(&pattern, -1, 'M'), 4);
    assert_int_equal(hybrid_count(&pattern, 1, 'E'), 1);
    assert_int_equal(hybrid_segment_layers(&pattern, 1), 4);
    pattern = hybrid_pattern_of(NULL);
    assert_int_equal(pattern.layers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_parse),
        cmocka_unit_test(test_layout_count),
        cmocka_unit_test(test_moe_layers),
        cmocka_unit_test(test_hybrid_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
