/* A launch left in a file and read again: the same words, the same verdict, nobody else's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/record.h"
#include "cli/saved.h"

static const char *const words[] = {
    "torchrun", "--nnodes=2", "--nproc-per-node=8", "pretrain_gpt.py", "--num-layers", "8", "--a b",
    ""
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static const char *const variables[] = { "WANDB_API_KEY=x", "HF_TOKEN=y", "NVTE_FLASH_ATTN=0",
                                         "my_password=z" };

static struct environment environment_of(void)
{
    return (struct environment) { .known = true, .count = 4, .entry = variables };
}

static void a_record_is_the_launch(void **state)
{
    struct arena arena = ARENA_INIT;
    struct environment env = environment_of();
    struct record record;
    struct launch launch;
    struct facts facts;
    struct error err;
    json_t *object;

    (void)state;
    launch_parse(WORDS, words, &env, &arena, &launch);
    facts_init(&facts);
    facts.torch = (struct fact_str) { .known = true, .value = "2.9.0", .source = "x" };
    facts.gpu = (struct fact_str) { .known = true, .value = "H100-80GB", .source = "x" };
    object = record_of(&launch, &env, &facts);
    assert_int_equal(record_read(object, &arena, &record, &err), 0);
    assert_int_equal(record.launch.command_argc, WORDS);
    for (int i = 0; i < WORDS; i++)
        assert_string_equal(record.launch.command[i], words[i]);
    assert_int_equal(record.launch.world.value, 16);
    assert_string_equal(record.facts.torch.value, "2.9.0");
    assert_false(record.facts.gpu.known); /* of the machine where it was written */
    assert_null(environment_get(&record.launch.environment, "WANDB_API_KEY"));
    assert_null(environment_get(&record.launch.environment, "HF_TOKEN"));
    assert_null(environment_get(&record.launch.environment, "my_password"));
    assert_string_equal(environment_get(&record.launch.environment, "NVTE_FLASH_ATTN"), "0");
    json_decref(object);
    arena_release(&arena);
}

static void words_that_json_cannot_hold(void **state)
{
    static const char *const bad[] = { "torchrun", "x.py", "--name", "\xff" };
    struct arena arena = ARENA_INIT;
    struct environment env = environment_of();
    struct launch launch;
    struct facts facts;

    (void)state;
    facts_init(&facts);
    launch_parse(4, bad, &env, &arena, &launch);
    assert_null(record_of(&launch, &env, &facts));
    arena_release(&arena);
}

static int status_of(const char *path, struct error *err)
{
    struct cli cli = { .command = CLI_CHECK, .saved = path, .quiet = true };
    struct inputs inputs = { .environment = environment_of() };

    policy_init(&inputs.policy);
    return check_saved(&cli, &inputs, err);
}

static void a_file_must_be_ones_own(void **state)
{
    char path[] = "/tmp/saved-XXXXXX", link[64];
    struct arena arena = ARENA_INIT;
    struct environment env = environment_of();
    struct saving saving;
    struct launch launch;
    struct facts facts;
    struct error err;
    struct stat st;

    (void)state;
    close(mkstemp(path));
    facts_init(&facts);
    launch_parse(WORDS, words, &env, &arena, &launch);
    saving_begin(&saving, path, &arena);
    saving_add(&saving, &launch, &env, &facts);
    saving_end(&saving);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(status_of(path, &err) >= 0);

    chmod(path, 0602);
    assert_int_equal(status_of(path, &err), -1);
    assert_non_null(strstr(err.text, "another user's"));
    chmod(path, 0600);
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(status_of(link, &err), -1);
    unlink(link);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(status_of(path, &err), -1);
        assert_non_null(strstr(err.text, "another user's"));
    }
    unlink(path);
    assert_int_equal(status_of(path, &err), -1);
    assert_int_equal(status_of("/dev/zero", &err), -1);
    arena_release(&arena);
}

static void a_broken_line_is_named(void **state)
{
    char path[] = "/tmp/saved-XXXXXX";
    int fd = mkstemp(path);
    struct error err;

    (void)state;
    assert_int_equal(write(fd, "{\"command\": [\"x\"]}\n{\"comm", 25), 25);
    close(fd);
    assert_int_equal(status_of(path, &err), -1);
    assert_non_null(strstr(err.text, ":2"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_the_launch),
        cmocka_unit_test(words_that_json_cannot_hold),
        cmocka_unit_test(a_file_must_be_ones_own),
        cmocka_unit_test(a_broken_line_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
