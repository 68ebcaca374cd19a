#include "facts/packages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "files.h"

static void make_executable(const char *root, const char *name, const char *text)
{
    char path[4096];

    files_write(root, name, text);
    snprintf(path, sizeof(path), "%s/%s", root, name);
    chmod(path, 0755);
}

/* A virtual environment with torch and Transformer Engine, without apex; flash_attn lies there
 * without metadata. */
static void make_venv(const char *root, struct arena *arena)
{
    make_executable(root, "venv/bin/python3", "");
    files_write(root, "venv/pyvenv.cfg",
                "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.12.1\n");
    files_write(root, "venv/lib/python3.12/site-packages/torch-2.9.0+cu128.dist-info/METADATA", "");
    files_write(root, "venv/lib/python3.12/site-packages/torch/__init__.py", "");
    files_write(root, "venv/lib/python3.12/site-packages/torchvision-0.24.0.dist-info/METADATA",
                "");
    files_write(root, "venv/lib/python3.12/site-packages/flash_attn/__init__.py", "");
    files_write(root, "venv/lib/python3.12/site-packages/more.pth",
                arena_printf(arena, "%s/elsewhere\n", root));
    files_write(root, "elsewhere/Transformer_Engine-2.9.0-py3.12.egg-info/PKG-INFO", "");
}

static void look(const char *root, const char *const *command, struct arena *arena,
                 struct facts *facts)
{
    const char *entry[1] = { arena_printf(arena, "PATH=/nowhere:%s/bin:%s/venv/bin", root, root) };
    struct environment env = { .known = true, .count = 1, .entry = entry };
    struct launch launch;
    int argc = 0;

    while (command[argc])
        argc++;
    launch_parse(argc, command, &env, arena, &launch);
    facts_init(facts);
    packages_facts(&launch, root, arena, facts);
}

static void assert_venv(const struct facts *facts)
{
    assert_string_equal(facts->python.value, "3.12");
    assert_string_equal(facts->torch.value, "2.9.0+cu128");
    assert_string_equal(facts->transformer_engine.value, "2.9.0");
    assert_true(facts->apex.known);
    assert_string_equal(facts->apex.value, "");
    assert_false(facts->flash_attn.known);
}

static void test_python_of_the_launch(void **state)
{
    const char *const by_path[] = { "venv/bin/python3", "pretrain_gpt.py", "--bf16", NULL };
    const char *const by_name[] = { "env", "A=1", "python3", "-u", "pretrain_gpt.py", NULL };
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    make_venv(root, &arena);
    look(root, by_path, &arena, &facts);
    assert_venv(&facts);
    look(root, by_name, &arena, &facts);
    assert_venv(&facts);
    files_end(root);
    arena_release(&arena);
}

static void test_python_of_torchrun(void **state)
{
    const char *const command[] = { "torchrun", "--nproc-per-node", "8", "pretrain_gpt.py", NULL };
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    make_venv(root, &arena);
    make_executable(root, "bin/torchrun",
                    arena_printf(&arena, "#!%s/venv/bin/python3\nimport sys\n", root));
    look(root, command, &arena, &facts);
    assert_venv(&facts);
    make_executable(root, "bin/torchrun", "#!/usr/bin/env python3\nimport sys\n");
    look(root, command, &arena, &facts);
    assert_venv(&facts);
    make_executable(root, "bin/torchrun", "#!/bin/sh\nexec something\n");
    look(root, command, &arena, &facts);
    assert_false(facts.python.known);
    files_end(root);
    arena_release(&arena);
}

static void test_nothing_known_without_an_interpreter(void **state)
{
    const char *const command[] = { "python3.12", "pretrain_gpt.py", NULL };
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    look(root, command, &arena, &facts);
    assert_false(facts.python.known);
    assert_false(facts.torch.known);
    assert_false(facts.apex.known);
    files_end(root);
    arena_release(&arena);
}

/* The managers of environments say whose python it is; PATH's would be another. */
static void test_environment_of_a_manager(void **state)
{
    static const char *const commands[][8] = {
        { "conda", "run", "-p", "venv", "python", "pretrain_gpt.py" },
        { "uv", "run", "--project", "venv/..", "python", "pretrain_gpt.py" },
        { "uv", "run", "--project", "venv/..", "pretrain_gpt.py" },
        { "uv", "run", "--project", "venv/..", "torchrun", "pretrain_gpt.py" },
        { "venv/bin/conda", "run", "-n", "base", "python", "pretrain_gpt.py" },
    };
    static const char *const unknown[][8] = {
        { "conda", "run", "-n", "other", "python3", "pretrain_gpt.py" },
        { "uv", "run", "--with", "torch", "python3", "pretrain_gpt.py" },
        { "poetry", "run", "python3", "pretrain_gpt.py" },
    };
    struct arena arena = ARENA_INIT;
    char *root = files_begin();
    struct facts facts;

    (void)state;
    make_venv(root, &arena);
    make_executable(root, "venv/bin/python", "");
    make_executable(root, "venv/bin/torchrun", "#!/bin/sh\n");
    assert_int_equal(symlink("venv", arena_printf(&arena, "%s/.venv", root)), 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        look(root, commands[i], &arena, &facts);
        assert_venv(&facts);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        look(root, unknown[i], &arena, &facts);
        assert_false(facts.torch.known);
    }
    files_end(root);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_of_the_launch),
        cmocka_unit_test(test_python_of_torchrun),
        cmocka_unit_test(test_environment_of_a_manager),
        cmocka_unit_test(test_nothing_known_without_an_interpreter),
    };

    return cmocka_run_group_tests_name("packages", tests, NULL, NULL);
}
