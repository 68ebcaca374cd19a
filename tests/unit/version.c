#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "facts/facts.h"

static void compares_as_pip_does(void **state)
{
    static const struct {
        const char *have, *want;
        int is;
    } row[] = {
        { "2.9.0", "2.9.0", 0 },        { "2.9", "2.9.0", 0 },          { "2.10.0", "2.9.0", 1 },
        { "2.9.0.post1", "2.9", 1 },    { "2.7.0.dev0", "2.7.0", -1 },  { "2.7.0", "2.7.0.dev0", 1 },
        { "2.6.0a0", "2.6.0", -1 },     { "2.9.0+cu124", "2.9.0", 0 },  { "1.14", "2.0", -1 },
        { "2.16.0rc1", "2.15.0", 1 },   { "2.5.0", "2.12.0", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        assert_int_equal(version_compare(row[i].have, row[i].want), row[i].is);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(compares_as_pip_does) };

    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
