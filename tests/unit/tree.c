#include "facts/option_search.h"
#include "facts/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "files.h"

static const char package_info[] = "MAJOR = 0\nMINOR = 16\nPATCH = 1\nPRE_RELEASE = 'rc0'\n\n"
                                   "VERSION = (MAJOR, MINOR, PATCH, PRE_RELEASE)\n";

static struct launch launch_of(const char *root, const char *script, const char *const *argv,
                               const struct environment *env, struct arena *arena)
{
    struct launch launch;
    int argc = 0;

    while (argv && argv[argc])
        argc++;
    launch_from_argv(arena_printf(arena, "%s/%s", root, script), argc, argv, 8, env, &launch);
    return launch;
}

/* Everything tree_facts() and option_search() find for a launch of 'script' in 'root'. */
static void look(const char *root, const char *script, const char *const *argv,
                 const char *pythonpath, struct arena *arena, struct facts *facts)
{
    const char *entry[1] = { arena_printf(arena, "PYTHONPATH=%s", pythonpath ? pythonpath : "") };
    struct environment env = { .known = true, .count = 1, .entry = entry };
    struct launch launch = launch_of(root, script, argv, &env, arena);

    facts_init(facts);
    tree_facts(&launch, "/", arena, facts);
    option_search(&launch, "/", arena, facts);
}

static void test_release_beside_the_script(void **state)
{
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    files_write(root, "megatron/core/package_info.py", package_info);
    files_write(root, "pretrain_gpt.py", "import torch\n");
    look(root, "pretrain_gpt.py", NULL, NULL, &arena, &facts);
    assert_string_equal(facts.megatron.value, "0.16.1rc0");
    assert_string_equal(facts.megatron_tree.value, root);
    assert_int_equal(facts_release(&facts), RELEASE_0_16_0);
    assert_true(facts.megatron_changed.known); /* its files are missing */
    assert_non_null(strstr(facts.megatron_changed.value, "megatron/training/arguments.py"));
    assert_false(facts.options_in_tree.known); /* nothing to look for */
    files_end(root);
    arena_release(&arena);
}

static void test_where_a_tree_is_found(void **state)
{
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    files_write(root, "fork/megatron/core/package_info.py", package_info);
    files_write(root, "fork/examples/mine/train.py", "");
    files_write(root, "alone/train.py", "");
    look(root, "fork/examples/mine/train.py", NULL, NULL, &arena, &facts);
    assert_string_equal(facts.megatron_tree.source, "above the script");
    look(root, "alone/train.py", NULL, NULL, &arena, &facts);
    assert_false(facts.megatron_tree.known);
    assert_false(facts.megatron.known);
    look(root, "alone/train.py", NULL, arena_printf(&arena, "/nowhere:%s/fork", root), &arena,
         &facts);
    assert_string_equal(facts.megatron_tree.source, "on PYTHONPATH");
    look(root, "alone/no_such_script.py", NULL, NULL, &arena, &facts);
    assert_false(facts.megatron.known);
    files_end(root);
    arena_release(&arena);
}

static void test_an_unreadable_version(void **state)
{
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    files_write(root, "megatron/core/package_info.py", "version = 'none of your business'\n");
    files_write(root, "pretrain_gpt.py", "");
    look(root, "pretrain_gpt.py", NULL, NULL, &arena, &facts);
    assert_false(facts.megatron.known);
    assert_false(facts.megatron_changed.known);
    files_end(root);
    arena_release(&arena);
}

static void test_a_container_has_other_files(void **state)
{
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct environment env = { .known = true };
    struct launch launch;
    struct facts facts;

    (void)state;
    files_write(root, "megatron/core/package_info.py", package_info);
    files_write(root, "pretrain_gpt.py", "");
    launch = launch_of(root, "pretrain_gpt.py", NULL, &env, &arena);
    launch.container = true;
    facts_init(&facts);
    tree_facts(&launch, "/", &arena, &facts);
    assert_false(facts.megatron.known);
    files_end(root);
    arena_release(&arena);
}

/* What the search answers for '--our-own' in forks that say so in different ways; NULL: it cannot
 * know. */
static void test_options_of_a_fork(void **state)
{
    static const struct {
        const char *name, *file, *text, *want;
    } cases[] = {
        { "in the parser", "megatron/training/arguments.py",
          "    group.add_argument('--our-own', type=int)\n", "--our-own" },
        { "in the script", "pretrain_gpt.py", "p.add_argument(\"--our-own\")\n", "--our-own" },
        { "as a field", "megatron/core/transformer/transformer_config.py",
          "class C:\n    our_own: int = 1\n", "--our-own" },
        { "nowhere", "megatron/training/arguments.py", "'--our-own-too' our_own(1)\n", "" },
        { "beside the script", "lib/args.py", "'--our-own'\n",
          "" }, /* not imported, not searched */
        { "imported from beside", "pretrain_gpt.py", "from megatron import x\nimport torch\n", "" },
        { "imported from elsewhere", "pretrain_gpt.py", "import mindspeed.adaptor\n", NULL },
    };
    static const char *const argv[] = { "--our-own", "1", "--bf16", NULL };
    struct arena arena = ARENA_INIT;
    struct facts facts;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *root = files_begin();

        files_write(root, "megatron/core/package_info.py", package_info);
        files_write(root, "pretrain_gpt.py", "import torch\n");
        files_write(root, cases[i].file, cases[i].text);
        look(root, "pretrain_gpt.py", argv, NULL, &arena, &facts);
        assert_int_equal(facts.options_in_tree.known, cases[i].want != NULL);
        if (cases[i].want)
            assert_string_equal(facts.options_in_tree.value, cases[i].want);
        files_end(root);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release_beside_the_script),
        cmocka_unit_test(test_where_a_tree_is_found),
        cmocka_unit_test(test_an_unreadable_version),
        cmocka_unit_test(test_a_container_has_other_files),
        cmocka_unit_test(test_options_of_a_fork),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
