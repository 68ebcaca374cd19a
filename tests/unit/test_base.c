#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/parse_size.h"

static void test_parse_size(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } rows[] = {
        { "80GiB", 80ULL << 30 },   { "80G", 80ULL << 30 },  { "80gb", 80ULL << 30 },
        { "81559MiB", 81559ULL << 20 }, { "1.5T", 3ULL << 39 },  { "85899345920", 85899345920ULL },
        { "512 KiB", 512ULL << 10 }, { "7B", 7 },             { "", 0 },
        { "GiB", 0 },               { "-1G", 0 },            { "80GiBx", 0 },
        { "0x10", 0 },              { "1e30G", 0 },          { "nan", 0 },
        { "79", 0 },                { "1e10GiB", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 12345;
        struct error err;
        int rc = parse_size(rows[i].text, &bytes, &err);

        assert_int_equal(rc, rows[i].bytes ? 0 : -1);
        assert_true(bytes == (rows[i].bytes ? rows[i].bytes : 12345));
    }
}

static void test_error_text(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(error_set(&err, "'%s' is bad", "a\033b"), -1);
    assert_string_equal(err.text, "'a?b' is bad");
    assert_int_equal(error_prefix(&err, "%s:%d", "policy.yaml", 7), -1);
    assert_string_equal(err.text, "policy.yaml:7: 'a?b' is bad");
    assert_int_equal(error_set(NULL, "nobody listens"), -1);
}

static void test_arena(void **state)
{
    struct arena arena = ARENA_INIT;
    size_t capacity = 0;
    int *numbers = NULL;
    char *big;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        numbers = arena_grow(&arena, numbers, &capacity, (size_t)i + 1, sizeof(*numbers));
        numbers[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(numbers[i], i);
    big = arena_alloc(&arena, 1 << 20);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(big[i], 0);
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    arena_release(&arena);
}

static void test_environment(void **state)
{
    static const char *const entry[] = { "A=1", "AB=2", "EMPTY=" };
    struct environment env = { .known = true, .count = 3, .entry = entry }, changed;
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(environment_get(&env, "A"), "1");
    assert_string_equal(environment_get(&env, "AB"), "2");
    assert_string_equal(environment_get(&env, "EMPTY"), "");
    assert_null(environment_get(&env, "B"));
    changed = environment_with(&env, "A", "9", &arena);
    assert_string_equal(environment_get(&changed, "A"), "9");
    assert_int_equal(changed.count, 3);
    changed = environment_with(&changed, "A", NULL, &arena);
    assert_null(environment_get(&changed, "A"));
    assert_int_equal(changed.count, 2);
    assert_string_equal(environment_get(&env, "A"), "1");
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_size),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
