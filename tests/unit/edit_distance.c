/* base/edit_distance.c against the textbook's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/edit_distance.h"

static size_t slow(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b), table[70][70];

    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0)
                table[i][j] = i + j;
            else if (edit_folded(a[i - 1]) == edit_folded(b[j - 1]))
                table[i][j] = table[i - 1][j - 1];
            else
                table[i][j] =
                    1 + (table[i - 1][j] < table[i][j - 1] ? table[i - 1][j] : table[i][j - 1]);
        }
    }
    return table[m][n];
}

static void test_words(void **state)
{
    static const char *const words[] = { "",
                                         "-",
                                         "--tp",
                                         "--TP",
                                         "--seq-length",
                                         "--seq_lenght",
                                         "--tensor-model-parallel-size",
                                         "--tensor-model-paralel-size",
                                         "--pipeline-model-parallel-size" };
    size_t n = sizeof(words) / sizeof(words[0]);

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(
                edit_distance(words[i], strlen(words[i]), words[j], strlen(words[j]), 200),
                slow(words[i], words[j]));
}

static void random_word(char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        word[i] = "abcd_-AB"[rand() % 8];
    word[length] = '\0';
}

static void test_random_words(void **state)
{
    char a[65], b[65];

    (void)state;
    srand(1);
    for (int i = 0; i < 2000; i++) {
        random_word(a, (size_t)rand() % 65);
        random_word(b, (size_t)rand() % 65);
        assert_int_equal(edit_distance(a, strlen(a), b, strlen(b), 200), slow(a, b));
    }
}

static void test_limits(void **state)
{
    char longest[EDIT_DISTANCE_LONGEST + 2];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(edit_distance("abc", 3, "xyz", 3, 2), 3);
    assert_int_equal(edit_distance("abc", 3, "abcdefgh", 8, 2), 3);
    assert_int_equal(edit_distance(longest, sizeof(longest) - 1, "x", 1, 200), 201);
    assert_int_equal(edit_distance(longest, 64, longest, 64, 200), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_random_words),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests_name("edit_distance", tests, NULL, NULL);
}
