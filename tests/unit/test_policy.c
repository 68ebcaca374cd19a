#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verdict/policy.h"

/* The policy of 'text' in a temporary file, its path in 'path'. */
static int read_text(const char *text, struct policy *policy, struct arena *arena,
                     struct error *err, char *path)
{
    FILE *out;
    int fd, rc;

    strcpy(path, "/tmp/policy-XXXXXX");
    fd = mkstemp(path);
    out = fdopen(fd, "w");
    fputs(text, out);
    fclose(out);
    rc = policy_read(policy, path, arena, err);
    unlink(path);
    return rc;
}

static void test_good(void **state)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct error err;
    char path[64];

    (void)state;
    policy_init(&policy);
    assert_true(policy.headroom == 0.80);
    assert_int_equal(read_text("# site\nmode: warn\non_error: block\nheadroom: 0.9\ntimeout: 5\n"
                               "gpu: H100-80GB\ngpu_memory: 79GiB\nmodified_tree: nothing\n"
                               "world_size_rule: product\n"
                               "severity:\n  memory-near-limit: ignore\n  memory-may-exceed: note\n",
                               &policy, &arena, &err, path),
                     0);
    assert_int_equal(policy.mode, MODE_WARN);
    assert_int_equal(policy.on_error, ON_ERROR_BLOCK);
    assert_int_equal(policy.modified_tree, TREE_NOTHING);
    assert_int_equal(policy.world_size_rule, WORLD_PRODUCT);
    assert_true(policy.headroom == 0.9);
    assert_true(policy.timeout_seconds == 5);
    assert_true(policy.gpu_memory_bytes == 79ULL << 30);
    assert_string_equal(policy.gpu, "H100-80GB");
    assert_int_equal(policy.severity_count, 2);
    assert_int_equal(policy.severity[0].severity, SEVERITY_COUNT);
    assert_int_equal(policy.severity[1].severity, SEVERITY_NOTE);
    assert_int_equal(read_text("", &policy, &arena, &err, path), 0);
    assert_int_equal(policy.mode, MODE_WARN);
    arena_release(&arena);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* after the path */
    } rows[] = {
        { "mode: warn\nmoode: off\n", ":2:1: unknown key 'moode'" },
        { "mode: loud\n", ":1:7: mode: 'loud' is none of: enforce warn observe off" },
        { "headroom: 1.5\n", ":1:11: headroom: '1.5' is not a number above 0 and up to 1" },
        { "headroom: nan\n", ":1:11: headroom: 'nan' is not a number above 0 and up to 1" },
        { "timeout: soon\n", ":1:10: timeout: 'soon' is not a number above 0 and up to 86400" },
        { "gpu_memory: much\n", ":1:13: gpu_memory: 'much' is not a size; write for example 80GiB" },
        { "mode: off\nmode: off\n", ":2:1: 'mode' is given twice" },
        { "- mode\n", ":1:1: a policy must be a mapping of keys" },
        { "severity:\n  no-such-rule: note\n",
          ":2:3: severity: no rule 'no-such-rule'; 'megatron-preflight rules' lists them" },
        { "severity:\n  memory-near-limit: loud\n",
          ":2:22: severity: memory-near-limit: 'loud' is none of: note warning error ignore" },
        { "mode: [\n", ":2:1: did not find expected node content" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct policy policy, before;
        struct error err;
        char path[64], want[512];

        policy_init(&policy);
        before = policy;
        assert_int_equal(read_text(rows[i].text, &policy, &arena, &err, path), -1);
        snprintf(want, sizeof(want), "%s%s", path, rows[i].error);
        assert_string_equal(err.text, want);
        assert_memory_equal(&policy, &before, sizeof(policy));
        arena_release(&arena);
    }
}

static void test_missing(void **state)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct error err;

    (void)state;
    policy_init(&policy);
    assert_int_equal(policy_read(&policy, "/nonexistent/policy.yaml", &arena, &err), -1);
    assert_string_equal(err.text,
                        "cannot open policy '/nonexistent/policy.yaml': No such file or directory");
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
