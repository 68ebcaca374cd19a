#include "megatron/options_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "files.h"
#include "megatron/argparse.h"

static int read_text(const char *text, struct arena *arena, struct option_extra *extra,
                     struct error *err)
{
    char *root = files_begin();
    int rc;

    files_write(root, "fork.tsv", text);
    rc = options_file_read(arena_printf(arena, "%s/fork.tsv", root), arena, extra, err);
    files_end(root);
    return rc;
}

static void test_a_forks_options_are_parsed(void **state)
{
    static const char text[] =
        "options\tdest\tkind\tnargs\ttype\tdefault\tchoices\n"
        "# ours\n"
        "\n"
        "--goldfish-k --gk\tgoldfish_k\tStore\t\tint\t50\t\n"
        "--qk-norm\tqk_layernorm\tStoreTrue\r\n"
        "--normalization\tnormalization\tStore\t\tstr\tLayerNorm\tLayerNorm|RMSNorm|DyT";
    const char *const argv[] = { "--gk", "7", "--qk-norm", "--normalization", "DyT" };
    struct arena arena = ARENA_INIT;
    struct option_extra extra;
    struct argparse_result result;
    static struct job job;
    struct error err;

    (void)state;
    assert_int_equal(read_text(text, &arena, &extra, &err), 0);
    assert_int_equal(extra.count, 3);
    job_init(&job);
    argparse_parse(5, argv, RELEASE_MAIN, &extra, &arena, &job, &result);
    assert_int_equal(result.first.problem, ARGPARSE_OK);
    assert_int_equal(result.unknown_count, 0);
    assert_true(job.qk_layernorm == 1);
    assert_string_equal(job.normalization, "DyT");
    arena_release(&arena);
}

static void test_errors_say_where(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "--a\ta\tStroe\n",
          "fork.tsv:1: 'Stroe' is no kind; it is Store, StoreTrue, StoreFalse or "
          "BooleanOptional" },
        { "# x\n--a\n", "fork.tsv:2: 1 columns instead of 3 to 7, separated by tabs" },
        { "--a\ta\tStore\t\tint\t1\t\tx\n", "fork.tsv:1: 8 columns instead of 3 to 7" },
        { "a\ta\tStore\n", "fork.tsv:1: 'a' is no option; it begins with '--'" },
        { "\ta\tStore\n", "fork.tsv:1: the line names no option" },
        { "--a\ta\tStore\tmany\n", "fork.tsv:1: 'many' is no number of values" },
        { "--a\ta\tStore\t\tcomplex\n", "fork.tsv:1: 'complex' is no type that is known" },
        { "--a\tnum_layers\tStore\t\tstr\n",
          "fork.tsv:1: '--a' cannot be kept in Megatron's 'num_layers'" },
        { "--a\tnum_layers\tStoreTrue\n",
          "fork.tsv:1: '--a' cannot be kept in Megatron's 'num_layers'" },
    };
    struct arena arena = ARENA_INIT;
    struct option_extra extra;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_text(cases[i].text, &arena, &extra, &err), -1);
        assert_non_null(strstr(err.text, cases[i].want));
    }
    assert_int_equal(options_file_read("/nonexistent", &arena, &extra, &err), -1);
    assert_string_equal(err.text, "cannot read '/nonexistent': No such file or directory");
    arena_release(&arena);
}

/* Every table that we ship is one that we read. */
static void test_our_own_tables(void **state)
{
    struct arena arena = ARENA_INIT;
    struct option_extra extra;
    struct error err;

    (void)state;
    for (int r = 0; r < RELEASE_COUNT; r++) {
        const char *path =
            arena_printf(&arena, "configs/megatron/options/%s.tsv", release_names[r]);

        assert_int_equal(options_file_read(path, &arena, &extra, &err), 0);
        assert_true(extra.count > 300);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_forks_options_are_parsed),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_our_own_tables),
    };

    return cmocka_run_group_tests_name("options_file", tests, NULL, NULL);
}
