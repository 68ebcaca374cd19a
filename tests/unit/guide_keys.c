/* The table of the configuration guide's keys: what the guide lists, what README shows. REWRITE=1 prints the
 * rows of README's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/read_file.h"
#include "base/word_list.h"
#include "config/guide.h"
#include "config/guide_keys.h"
#include "megatron/options.h"

/* Every key of the guide with its default there; NULL: required. */
static const struct {
    const char *section, *key, *fallback;
} guide[] = {
    { "model", "num_layers", NULL },
    { "model", "hidden_size", NULL },
    { "model", "num_attention_heads", NULL },
    { "model", "num_query_groups", "num_attention_heads" },
    { "model", "ffn_hidden_size", NULL },
    { "model", "num_experts", "null" },
    { "model", "moe_router_topk", "2" },
    { "model", "moe_ffn_hidden_size", "ffn_hidden_size" },
    { "model", "moe_shared_expert_intermediate_size", "null" },
    { "model", "vocab_size", NULL },
    { "model", "max_position_embeddings", NULL },
    { "model", "normalization", "RMSNorm" },
    { "model", "layernorm_epsilon", "1e-5" },
    { "model", "activation_func", "swiglu" },
    { "model", "gated_linear_unit", "true" },
    { "model", "qk_layernorm", "false" },
    { "model", "multi_latent_attention", "false" },
    { "parallelism", "tensor_model_parallel_size", NULL },
    { "parallelism", "pipeline_model_parallel_size", NULL },
    { "parallelism", "expert_model_parallel_size", "1" },
    { "parallelism", "expert_tensor_parallel_size", "1" },
    { "parallelism", "context_parallel_size", "1" },
    { "parallelism", "virtual_pipeline_model_parallel_size", "null" },
    { "training", "micro_batch_size", NULL },
    { "training", "seq_length", NULL },
    { "training", "use_distributed_optimizer", "true" },
    { "training", "sequence_parallel", "false" },
    { "training", "recompute_granularity", "null" },
    { "training", "recompute_method", "null" },
    { "training", "recompute_num_layers", "0" },
    { "training", "world_size", NULL },
    { "precision", "params_dtype", "bf16" },
    { "precision", "fp8", "false" },
};

static void test_keys_of_the_guide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(guide) / sizeof(guide[0]); i++) {
        enum guide_key k = guide_key_find(guide[i].key);

        if (k == GUIDE_KEY_COUNT)
            fail_msg("no key %s", guide[i].key);
        assert_true(word_list_has(guide_keys[k].sections, guide[i].section));
        if (guide[i].fallback)
            assert_string_equal(guide_keys[k].fallback, guide[i].fallback);
        else
            assert_null(guide_keys[k].fallback);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (int k = 0; k < GUIDE_KEY_COUNT; k++) {
        const struct guide_key_row *key = &guide_keys[k];
        char section[32];

        assert_non_null(key->name);
        assert_int_equal(guide_key_find(key->name), k); /* no name twice */
        snprintf(section, sizeof(section), "%.*s", (int)strcspn(key->sections, " "), key->sections);
        assert_true(guide_is_section(section));
        assert_true(*key->changes != '\0');
        assert_true((key->kind == GUIDE_CHOICE) == (key->choices != NULL));
        assert_true(key->kind != GUIDE_INT || key->least < key->most);
        for (const char *p = key->options; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");

            assert_non_null(option_find(p, n, RELEASE_MAIN));
            p += n;
        }
    }
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(guide_nearest("hiden_size"), "hidden_size");
    assert_string_equal(guide_nearest("Parallelsm"), "parallelism");
    assert_null(guide_nearest("zzzzzzzz"));
}

static void put_values(const struct guide_key_row *key, FILE *out)
{
    switch (key->kind) {
    case GUIDE_INT:
        fprintf(out, "%lld to %lld", (long long)key->least, (long long)key->most);
        break;
    case GUIDE_REAL:
        fprintf(out, "above %lld, up to %lld", (long long)key->least, (long long)key->most);
        break;
    case GUIDE_BOOL:
        fputs("true, false", out);
        break;
    case GUIDE_CHOICE:
        for (const char *p = key->choices; *p; p++)
            fputs(*p == ' ' ? ", " : (char[]) { *p, '\0' }, out);
        break;
    case GUIDE_NAME:
        fputs("a name", out);
        break;
    }
}

static void put_row(const struct guide_key_row *key, FILE *out)
{
    fprintf(out, "| %.*s | `%s` | ", (int)strcspn(key->sections, " "), key->sections, key->name);
    put_values(key, out);
    fprintf(out, " | %s | ", key->fallback ? key->fallback : "required");
    for (const char *p = key->options; *p; p += strspn(p, " ")) {
        int n = (int)strcspn(p, " ");

        fprintf(out, "%s`%.*s`", p == key->options ? "" : ", ", n, p);
        p += n;
    }
    fprintf(out, " | %s |\n", key->changes);
}

static void test_table_of_readme(void **state)
{
    struct arena arena = ARENA_INIT;
    size_t size;
    const char *readme = read_file("README.md", 1 << 20, &arena, &size);

    (void)state;
    assert_non_null(readme);
    for (int k = 0; k < GUIDE_KEY_COUNT; k++) {
        char *row = NULL;
        size_t length;
        FILE *out = open_memstream(&row, &length);

        put_row(&guide_keys[k], out);
        fclose(out);
        if (getenv("REWRITE"))
            fputs(row, stdout);
        else if (!strstr(readme, row))
            fail_msg("README.md has no row: %s", row);
        free(row);
    }
    arena_release(&arena);
}

static void test_guide_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < guide_row_count; i++) {
        assert_ptr_equal(guide_find(guide_rows[i].id), &guide_rows[i]);
        assert_true(*guide_rows[i].says && *guide_rows[i].megatron && *guide_rows[i].we);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_the_guide), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nearest),           cmocka_unit_test(test_table_of_readme),
        cmocka_unit_test(test_guide_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
