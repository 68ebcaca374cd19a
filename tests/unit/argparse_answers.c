/* Random command lines and what the releases' own parsers (Python 3.11) answered to them. */
#include "megatron/argparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

enum { WORDS_MAX = 64, TEXT_MAX = 1024 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int words_of(const json_t *array, const char *words[WORDS_MAX])
{
    int count = (int)json_array_size(array);

    assert_true(count <= WORDS_MAX);
    for (int i = 0; i < count; i++)
        words[i] = json_string_value(json_array_get(array, (size_t)i));
    return count;
}

static void compare_error(const json_t *answer, const struct argparse_error *first)
{
    const char *message = text_of(answer, "message");

    if (strcmp(text_of(answer, "ends"), "USAGE") == 0) {
        assert_int_equal(first->problem, ARGPARSE_USAGE);
        assert_string_equal(first->message, message);
    } else { /* the exception's name */
        assert_int_equal(first->problem, ARGPARSE_TRACEBACK);
        assert_memory_equal(first->message, message, strlen(message));
    }
}

static void compare_unrecognized(const json_t *answer, const struct argparse_result *result,
                                 const char *const *argv)
{
    const char *words[WORDS_MAX];
    int count = words_of(json_object_get(answer, "unrecognized"), words);

    assert_int_equal(result->unknown_count, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(argv[result->unknown[i].index], words[i]);
}

static void compare_values(json_t *answer, const struct job *job)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(answer, "values"), name, value)
    {
        enum job_field field = job_field_find(name);
        char text[TEXT_MAX];

        assert_true(field < JOB_FIELD_COUNT);
        job_field_print(job, field, text, sizeof(text));
        assert_string_equal(text, json_string_value(value));
    }
}

static void compare(json_t *answer)
{
    struct arena arena = ARENA_INIT;
    struct argparse_result result;
    static struct job job;
    const char *argv[WORDS_MAX];
    int argc = words_of(json_object_get(answer, "argv"), argv);

    job_init(&job);
    argparse_parse(argc, argv, release_parse(text_of(answer, "release")), NULL, &arena, &job,
                   &result);
    if (strcmp(text_of(answer, "ends"), "OK") == 0) {
        assert_int_equal(result.first.problem, ARGPARSE_OK);
        compare_unrecognized(answer, &result, argv);
        compare_values(answer, &job);
    } else {
        compare_error(answer, &result.first);
    }
    arena_release(&arena);
}

static void test_answers(void **state)
{
    FILE *answers = popen("xz -dc tests/data/argparse.jsonl.xz", "r");
    char *line = NULL;
    size_t size = 0;
    int count = 0;

    (void)state;
    assert_non_null(answers);
    while (getline(&line, &size, answers) > 0) {
        json_t *answer = json_loads(line, 0, NULL);

        assert_non_null(answer);
        compare(answer);
        json_decref(answer);
        count++;
    }
    free(line);
    assert_int_equal(pclose(answers), 0);
    assert_true(count > 1700);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };

    return cmocka_run_group_tests_name("argparse_answers", tests, NULL, NULL);
}
