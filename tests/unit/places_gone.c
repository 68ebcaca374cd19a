#include "facts/places_gone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

static void test_a_statement_is_found_by_its_text(void **state)
{
    char file[] = "def check(a):\n"
                  "    if a.x:\n"
                  "        raise ValueError(\n"
                  "            'no x')\n"
                  "    assert a.y, 'y'\n";
    const struct {
        const char *text;
        int lines;
        bool there;
    } cases[] = {
        { "asserta.y,'y'", 1, true },
        { "ifa.x:raiseValueError('nox')", 3, true },
        { "ifa.x:raiseValueError('nox')", 2, false },
        { "raiseValueError('nox')", 2, true },
        { "asserta.z,'z'", 1, false },
    };
    struct place_row row[5];
    const struct place_row *place[5];
    bool there[5] = { false };

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        row[i] = (struct place_row) { .lines = cases[i].lines, .hash = hash_of(cases[i].text) };
        place[i] = &row[i];
    }
    places_look(file, place, there, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(there[i], cases[i].there);
}

static void test_places_have_statements(void **state)
{
    size_t with_text = 0;

    (void)state;
    for (size_t i = 0; i < place_row_count; i++) {
        assert_true(place_rows[i].line > 0);
        assert_int_equal(place_rows[i].lines > 0, place_rows[i].hash != 0);
        with_text += place_rows[i].hash != 0;
    }
    assert_true(with_text > 3000);
}

static void test_a_file_that_cannot_be_recognized_says_nothing(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(
        places_gone("/nonexistent", "megatron/training/arguments.py", RELEASE_MAIN, &arena), "");
    assert_string_equal(places_gone("/tmp", "", RELEASE_MAIN, &arena), "");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_statement_is_found_by_its_text),
        cmocka_unit_test(test_places_have_statements),
        cmocka_unit_test(test_a_file_that_cannot_be_recognized_says_nothing),
    };

    return cmocka_run_group_tests_name("places_gone", tests, NULL, NULL);
}
