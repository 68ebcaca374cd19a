/* The one command of a string, against bash itself: whatever shell_command_read() accepts must be
 * what bash runs, word for word, with the same environment. */
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

#include "launch/shell.h"

static const char *const fronts[] = { "",
                                      "",
                                      "cd / && ",
                                      "export Z=1; ",
                                      "Z=$X ",
                                      "Z=2;",
                                      "set -e\n",
                                      "true && Z='3 4' ",
                                      "export Z=$Y; Z=5;",
                                      "echo a >&2; ",
                                      "exec ",
                                      "Y=new; ",
                                      "cd /nowhere-at-all || exit 1; " };

static const char *const words[] = {
    "a",           "'b c'",   "\"d e\"",     "$X",     "${Y}",
    "\"$X $Y\"",   "'$X'",    "\\$X",        "f\\ g",  "--opt=\"q r\"",
    "''",          "\"\"",    "$EMPTY",      "$UNSET", "\"$UNSET\"",
    "h'i'\"j\"$Y", "l#m",     "2>/dev/null", "\\\\",   "\"\\\"\"",
    "\"\\n\"",     "a=b",     "n$",          "$X$Y",   "x${X}y",
    "\"${X}\"z",   "2>&1",    "3",           "-x",     "\\\n",
    "--a-b",       "\"a'b\"", "$Z",          "#k",     "{",
    "}",           "a{b",     "!",           "*",      "$(echo x)",
    "`echo y`",    "[0]",     "?",           "~",      "${X:-1}",
    "$((1+1))",    "a;b",     "a&&b",        "("
};

static const char *const backs[] = { "",
                                     "",
                                     "",
                                     " ",
                                     ";",
                                     " || exit 1",
                                     " 2>&1",
                                     " | cat",
                                     " 2>&1 | cat",
                                     " # remark",
                                     "\n",
                                     " &",
                                     "; true",
                                     " > /dev/null 2>&1" };

static const char *const environment[] = { "X=1 2", "Y=y", "EMPTY=" };

static const char *variable(void *env, const char *name)
{
    const char *value = environment_get(env, name);

    return value ? value : "";
}

/* The trainer of the test prints its words and Z, each ended by a byte 1. */
static void write_trainer(const char *directory)
{
    char path[256];
    FILE *out;

    snprintf(path, sizeof(path), "%s/trainer", directory);
    out = fopen(path, "w");
    fputs("#!/bin/sh\nprintf '%s\\001' \"$@\" \"$Z\"\n", out);
    fclose(out);
    chmod(path, 0755);
}

static void ask_bash(const char *text, char *answer, size_t size)
{
    FILE *in;
    size_t n;

    setenv("TEXT", text, 1);
    in = popen("bash -c \"$TEXT\" 2>/dev/null", "r");
    n = fread(answer, 1, size - 1, in);
    answer[n] = '\0';
    pclose(in);
}

static void say(const struct shell_command *command, char *answer, size_t size)
{
    const char *z = environment_get(&command->environment, "Z");

    *answer = '\0';
    for (int i = 1; i < command->argc; i++)
        snprintf(answer + strlen(answer), size - strlen(answer), "%s\001", command->argv[i]);
    snprintf(answer + strlen(answer), size - strlen(answer), "%s\001", z ? z : "");
}

static unsigned next(unsigned *seed, size_t count)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % (unsigned)count;
}

#define PICK(list) list[next(seed, sizeof(list) / sizeof(list[0]))]

static void make_string(unsigned *seed, char *text, size_t size)
{
    unsigned count = next(seed, 5);

    snprintf(text, size, "%s%s", PICK(fronts), "trainer");
    for (unsigned i = 0; i < count; i++)
        snprintf(text + strlen(text), size - strlen(text), " %s", PICK(words));
    snprintf(text + strlen(text), size - strlen(text), "%s", PICK(backs));
}

static bool prints_elsewhere(const char *text)
{
    return strstr(text, "> /dev/null") || strstr(text, "cd /nowhere");
}

static void accepted_strings_are_what_bash_runs(void **state)
{
    char directory[] = "/tmp/megatron-preflight-shell-XXXXXX", path[4096];
    struct environment env = { .known = true, .count = 3, .entry = environment };
    char text[512], want[4096], have[4096];
    struct shell_command command;
    int accepted = 0, wrong = 0;
    unsigned seed = 1;

    (void)state;
    assert_non_null(mkdtemp(directory));
    write_trainer(directory);
    snprintf(path, sizeof(path), "%s:%s", directory, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("X", "1 2", 1);
    setenv("Y", "y", 1);
    setenv("EMPTY", "", 1);
    unsetenv("UNSET");
    unsetenv("Z");
    for (int i = 0; i < 700; i++) {
        struct arena arena = ARENA_INIT;

        make_string(&seed, text, sizeof(text));
        if (!shell_command_read(text, &env, variable, &env, &arena, &command) &&
            strcmp(command.argv[0], "trainer") == 0 && !prints_elsewhere(text)) {
            say(&command, have, sizeof(have));
            ask_bash(text, want, sizeof(want));
            accepted++;
            if (strcmp(have, want) != 0) {
                print_error("'%s': bash '%s', we '%s'\n", text, want, have);
                wrong++;
            }
        }
        arena_release(&arena);
    }
    snprintf(path, sizeof(path), "%s/trainer", directory);
    unlink(path);
    rmdir(directory);
    assert_true(accepted > 150);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_strings_are_what_bash_runs),
    };

    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
