#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "verdict/policy_keys.h"

static int read_text(struct policy *policy, enum policy_layer layer, const char *name,
                     const char *text, struct arena *arena, struct error *err)
{
    return policy_read_text(policy, layer, name, text, strlen(text), arena, err);
}

static void test_good(void **state)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct error err;

    (void)state;
    policy_init(&policy);
    assert_true(policy.headroom == 0.80);
    assert_int_equal(
        read_text(&policy, POLICY_USER, "a.yaml",
                  "# site\nmode: warn\non_error: block\nheadroom: 0.9\ntimeout: 5\n"
                  "gpu: H100-80GB\ngpu_memory: 79GiB\nmodified_tree: nothing\n"
                  "world_size_rule: product\n"
                  "severity:\n  memory-near-limit: ignore\n  memory-may-exceed: note\n",
                  &arena, &err),
        0);
    assert_int_equal(policy.mode, MODE_WARN);
    assert_int_equal(policy.on_error, ON_ERROR_BLOCK);
    assert_int_equal(policy.modified_tree, TREE_NOTHING);
    assert_int_equal(policy.world_size_rule, WORLD_PRODUCT);
    assert_true(policy.headroom == 0.9);
    assert_true(policy.timeout_seconds == 5);
    assert_true(policy.gpu_memory_bytes == 79ULL << 30);
    assert_string_equal(policy.gpu, "H100-80GB");
    assert_int_equal(policy.severity.count, 2);
    assert_int_equal(policy.severity.item[0].severity, SEVERITY_COUNT);
    assert_int_equal(policy.severity.item[1].severity, SEVERITY_NOTE);
    assert_int_equal(read_text(&policy, POLICY_USER, "b.yaml", "", &arena, &err), 0);
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
        { "gpu_memory: much\n",
          ":1:13: gpu_memory: 'much' is not a size; write for example 80GiB" },
        { "mode: off\nmode: off\n", ":2:1: 'mode' is given twice" },
        { "- mode\n", ":1:1: a policy must be a mapping of keys" },
        { "severity:\n  no-such-rule: note\n",
          ":2:3: severity: no rule 'no-such-rule'; 'megatron-preflight rules' lists them" },
        { "severity:\n  memory-near-limit: loud\n",
          ":2:22: severity: memory-near-limit: 'loud' is none of: note warning error ignore" },
        { "max_gpus: 0\n", ":1:11: max_gpus: '0' is neither a positive number nor none" },
        { "max_gpus: [8]\n",
          ":1:11: max_gpus: '(not a word)' is neither a positive number nor none" },
        { "locked: [mode, modes]\n", ":1:16: locked: no key 'modes'" },
        { "locked: modes\n", ":1:9: locked: no key 'modes'" },
        { "facts: x\n", ":1:1: 'facts' can be locked, but not set in a policy" },
        { "bypass: root\n", ":1:9: bypass: must be {users: [NAME, ...], groups: [NAME, ...]}" },
        { "bypass: {user: root}\n",
          ":1:10: bypass: unknown key 'user'; there are users and groups" },
        { "required_options: [bf16]\n",
          ":1:20: required_options: 'bf16' is not an option; write --option or --option VALUE" },
        { "forbidden_options: [{--bf16: 1}]\n",
          ":1:21: forbidden_options: must be a list of words" },
        { "paths: {a: {mode: off}}\n", ":1:13: paths: 'mode' cannot be set here; max_gpus, "
                                       "allowed_gpus, gpu and gpu_memory can" },
        { "partitions: {a: 8}\n", ":1:17: partitions: 'a' must be a mapping of keys" },
        { "paths: 8\n", ":1:8: paths: must be {PATTERN: {KEY: VALUE, ...}, ...}" },
        { "mode: [\n", ":2:1: did not find expected node content" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct policy policy, before;
        struct error err;
        char want[512];

        policy_init(&policy);
        before = policy;
        assert_int_equal(read_text(&policy, POLICY_USER, "site.yaml", rows[i].text, &arena, &err),
                         -1);
        snprintf(want, sizeof(want), "site.yaml%s", rows[i].error);
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
    assert_int_equal(policy_read(&policy, POLICY_USER, "/nonexistent/policy.yaml", &arena, &err),
                     -1);
    assert_string_equal(err.text,
                        "cannot read policy '/nonexistent/policy.yaml': No such file or directory");
    arena_release(&arena);
}

/* Values as --explain-policy shows them. */
static void assert_value(const struct policy *policy, enum policy_key key, const char *want)
{
    char text[512] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    policy_print_value(policy, key, out);
    fclose(out);
    assert_string_equal(text, want);
}

static void test_later_wins_key_by_key(void **state)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;

    (void)state;
    policy_init(&policy);
    read_text(&policy, POLICY_SITE, "policy.yaml",
              "mode: warn\nheadroom: 0.9\nmax_gpus: 64\nseverity: {gbs-divisible: note}\n"
              "allowed_gpus: [A100-80GB]\npaths: {'a/*': {max_gpus: 8}}\n",
              &arena, NULL);
    read_text(&policy, POLICY_SITE, "10.yaml",
              "mode: observe\nmax_gpus: none\nallowed_gpus: ['H100*', B200-180GB]\n"
              "severity: {world-divides-model: ignore}\npaths: {'b/*': {gpu: H100-80GB}}\n",
              &arena, NULL);
    assert_value(&policy, POLICY_MODE, "observe");
    assert_value(&policy, POLICY_HEADROOM, "0.9");
    assert_value(&policy, POLICY_MAX_GPUS, "none");
    assert_value(&policy, POLICY_ALLOWED_GPUS, "[H100*, B200-180GB]");
    assert_value(&policy, POLICY_SEVERITY, "{gbs-divisible: note, world-divides-model: ignore}");
    assert_value(&policy, POLICY_PATHS, "{a/*: {max_gpus: 8}, b/*: {gpu: H100-80GB}}");
    assert_string_equal(policy_origin_text(&policy.origin[POLICY_MODE], &arena), "10.yaml:1");
    assert_string_equal(policy_origin_text(&policy.origin[POLICY_HEADROOM], &arena),
                        "policy.yaml:2");
    assert_string_equal(policy_origin_text(&policy.origin[POLICY_TIMEOUT], &arena), "default");
    arena_release(&arena);
}

static void test_locks(void **state)
{
    static const struct {
        const char *site, *user;
        enum policy_key key;
        const char *want;
        size_t ignored;
    } rows[] = {
        { "locked: [mode]\n", "mode: off\n", POLICY_MODE, "enforce", 1 },
        { "locked: [mode]\nmode: observe\n", "mode: warn\n", POLICY_MODE, "warn", 0 },
        { "locked: [mode]\n", "headroom: 0.9\n", POLICY_HEADROOM, "0.9", 0 },
        { "locked: [headroom]\n", "headroom: 0.81\n", POLICY_HEADROOM, "0.8", 1 },
        { "locked: [headroom]\n", "headroom: 0.5\n", POLICY_HEADROOM, "0.5", 0 },
        { "locked: [on_error]\non_error: block\n", "on_error: run\n", POLICY_ON_ERROR, "block", 1 },
        { "locked: [max_gpus]\nmax_gpus: 64\n", "max_gpus: none\n", POLICY_MAX_GPUS, "64", 1 },
        { "locked: [max_gpus]\nmax_gpus: 64\n", "max_gpus: 8\n", POLICY_MAX_GPUS, "8", 0 },
        { "locked: [max_gpus]\nmax_gpus: 64\n", "paths: {'*': {max_gpus: 99, gpu: B200}}\n",
          POLICY_PATHS, "{*: {gpu: B200}}", 1 },
        { "locked: [paths]\n", "paths: {'*': {gpu: B200}}\n", POLICY_PATHS, "{}", 1 },
        { "locked: [gpu_memory]\n", "gpu_memory: 1T\n", POLICY_GPU_MEMORY, "none", 1 },
        { "locked: [gpu]\ngpu: H100-80GB\n", "gpu: H100-80GB\n", POLICY_GPU, "H100-80GB", 0 },
        { "locked: [severity]\n", "severity: {gbs-divisible: ignore}\n", POLICY_SEVERITY, "{}", 1 },
        { "locked: [required_options]\nrequired_options: [--bf16]\n", "required_options: []\n",
          POLICY_REQUIRED_OPTIONS, "[--bf16]", 1 },
        { "locked: [bypass]\n", "bypass: {users: [me]}\n", POLICY_BYPASS, "{users: [], groups: []}",
          1 },
        { "locked: all\n", "mode: warn\nlog: /dev/null\ntimeout: 1\n", POLICY_LOG, "none", 3 },
        { "locked: [mode]\n", "locked: []\nmode: off\n", POLICY_MODE, "enforce", 1 },
        { "locked: [mode]\n", "locked: [log]\n", POLICY_LOCKED, "[log, mode]", 0 },
        { "mode: warn\n", "locked: [mode]\nmode: off\n", POLICY_MODE, "off", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct policy policy;
        struct error err;

        policy_init(&policy);
        if (read_text(&policy, POLICY_SITE, "site", rows[i].site, &arena, &err) < 0 ||
            read_text(&policy, POLICY_USER, "user", rows[i].user, &arena, &err) < 0)
            fail_msg("row %zu: %s", i, err.text);
        assert_value(&policy, rows[i].key, rows[i].want);
        assert_int_equal(policy.ignored_count, rows[i].ignored);
        arena_release(&arena);
    }
}

static void test_sites_own_files_override_each_others_locks(void **state)
{
    struct arena arena = ARENA_INIT;
    struct policy policy;

    (void)state;
    policy_init(&policy);
    read_text(&policy, POLICY_SITE, "policy.yaml", "locked: [mode]\n", &arena, NULL);
    read_text(&policy, POLICY_SITE, "10.yaml", "mode: observe\n", &arena, NULL);
    assert_int_equal(policy.mode, MODE_OBSERVE);
    assert_int_equal(policy.locked, 1ULL << POLICY_MODE);
    read_text(&policy, POLICY_SITE, "20.yaml", "locked: []\n", &arena, NULL);
    assert_int_equal(policy.locked, 0);
    assert_int_equal(policy.ignored_count, 0);
    arena_release(&arena);
}

static void test_override_by_an_option(void **state)
{
    struct policy_origin flag = { .name = "--mode" };
    struct arena arena = ARENA_INIT;
    struct policy policy, wanted;

    (void)state;
    policy_init(&policy);
    read_text(&policy, POLICY_SITE, "site", "locked: [mode]\n", &arena, NULL);
    wanted = policy;
    wanted.mode = MODE_OFF;
    assert_false(policy_override(&policy, POLICY_MODE, &wanted, flag, &arena));
    assert_int_equal(policy.mode, MODE_ENFORCE);
    assert_string_equal(policy.ignored[0], "mode (--mode)");
    assert_true(policy_permits(&policy, POLICY_FACTS, flag, &arena));
    assert_false(policy_permits(&policy, POLICY_MODE, flag, &arena));
    arena_release(&arena);
}

static void test_narrow(void **state)
{
    static const struct {
        const char *path, *partition, *want;
    } rows[] = {
        { NULL, NULL, "64" },           { "train/a.sh", NULL, "64" },   { "exp/x/a.sh", NULL, "8" },
        { "exp/big/a.sh", NULL, "32" }, { "exp/x/a.sh", "debug", "2" }, { NULL, "debug", "2" },
        { "exp/x/a.sh", "batch", "8" },
    };
    struct arena arena = ARENA_INIT;
    struct policy site;

    (void)state;
    policy_init(&site);
    read_text(&site, POLICY_SITE, "site",
              "max_gpus: 64\npartitions: {debug: {max_gpus: 2}}\n"
              "paths:\n  exp/*: {max_gpus: 8}\n  exp/big/*: {max_gpus: 32}\n",
              &arena, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy policy = site;

        policy_narrow(&policy, rows[i].path, rows[i].partition);
        assert_value(&policy, POLICY_MAX_GPUS, rows[i].want);
    }
    arena_release(&arena);
}

/* --max-gpus against an entry of 'paths', with and without a lock. */
static void test_narrow_under_an_option(void **state)
{
    static const struct {
        const char *site;
        int64_t option;
        const char *want;
    } rows[] = {
        { "paths: {'*': {max_gpus: 8}}\n", 16, "16" },
        { "paths: {'*': {max_gpus: 8}}\n", 4, "4" },
        { "locked: [max_gpus]\npaths: {'*': {max_gpus: 8}}\n", 16, "8" },
        { "locked: [max_gpus]\npaths: {'*': {max_gpus: 8}}\n", 4, "4" },
        { "locked: [max_gpus]\nmax_gpus: 64\npaths: {'*': {max_gpus: none}}\n", 4, "4" },
        { "locked: [max_gpus]\nmax_gpus: 64\npaths: {'*': {max_gpus: none}}\n", 99, "none" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct policy policy, wanted;

        policy_init(&policy);
        read_text(&policy, POLICY_SITE, "site", rows[i].site, &arena, NULL);
        wanted = policy;
        wanted.max_gpus = rows[i].option;
        policy_override(&policy, POLICY_MAX_GPUS, &wanted,
                        (struct policy_origin) { .name = "--max-gpus" }, &arena);
        policy_narrow(&policy, "any", NULL);
        assert_value(&policy, POLICY_MAX_GPUS, rows[i].want);
        arena_release(&arena);
    }
}

static void test_keys_say_what_they_are(void **state)
{
    (void)state;
    for (int key = 0; key < POLICY_KEY_COUNT; key++) {
        const struct policy_key_row *row = &policy_keys[key];

        assert_non_null(row->name);
        assert_int_equal(policy_key_find(row->name), key);
        if (key < POLICY_FILE_KEY_COUNT)
            assert_true(row->help && *row->help && (row->value || row->choices));
        if (key && key < POLICY_FILE_KEY_COUNT)
            assert_true(strcmp(policy_keys[key - 1].name, row->name) < 0);
    }
    assert_int_equal(policy_key_find("moode"), POLICY_KEY_COUNT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_later_wins_key_by_key),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_sites_own_files_override_each_others_locks),
        cmocka_unit_test(test_override_by_an_option),
        cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_narrow_under_an_option),
        cmocka_unit_test(test_keys_say_what_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
