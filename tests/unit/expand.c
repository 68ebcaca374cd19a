/* What comes out of the sandbox, and what goes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "expand/expand.h"
#include "expand/script_line.h"
#include "expand/placeholders.h"
#include "expand/recording.h"
#include "expand/shims.h"
#include "expand/start.h"
#include "expand/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena arena = ARENA_INIT;

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* --- recordings ---------------------------------------------------------------------------------
 */

static void sends_and_reads(void **state)
{
    static char large[200000];
    const char *words[] = { "torchrun", "a b\n", "", large };
    const char *entries[] = { "A=1", "B=", large };
    struct recording sent = { .kind = RECORDING_LAUNCH,
                              .directory = "/x",
                              .argc = 4,
                              .argv = words,
                              .environment = { .known = true, .count = 3, .entry = entries } };
    struct recording_reader reader = { .arena = &arena };
    struct recording got;
    char message[RECORDING_PART + 64];
    int fd[2], parts = 0;
    ssize_t n;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &(int) { 4 << 20 }, sizeof(int));
    if (fork() == 0)
        _exit(recording_send(fd[0], &sent, &arena) < 0);
    while ((n = recv(fd[1], message, sizeof(message), 0)) != 0) {
        if (n < 0)
            continue;
        parts++;
        if (recording_take(&reader, 7, message, (size_t)n, &got))
            break;
    }
    assert_true(parts > 10);
    assert_false(reader.lost);
    assert_int_equal(got.argc, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(got.argv[i], words[i]);
    assert_int_equal(got.environment.count, 3);
    assert_string_equal(got.environment.entry[1], "B=");
    close(fd[0]);
    close(fd[1]);
}

struct message {
    pid_t sender;
    uint32_t magic, offset, size;
    const char *bytes;
    size_t length;
};

#define MAGIC 0x70787265
#define LAUNCH "0\0/\0001\0x\0"

static const struct {
    struct message message[3];
    int whole; /* recordings */
    bool lost;
} streams[] = {
    { { { 5, MAGIC, 0, 8, LAUNCH, 8 } }, 1, false },
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 }, { 5, MAGIC, 3, 8, &LAUNCH[3], 5 } }, 1, false },
    /* Nobody disturbs a recording of another's. */
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 },
        { 6, MAGIC, 0, 8, LAUNCH, 8 },
        { 5, MAGIC, 3, 8, &LAUNCH[3], 5 } },
      2,
      false },
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 }, { 6, MAGIC, 3, 8, &LAUNCH[3], 5 } }, 0, true },
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 }, { 5, MAGIC, 0, 8, LAUNCH, 8 } }, 0, true },
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 }, { 5, MAGIC, 4, 8, LAUNCH, 1 } }, 0, true },
    { { { 5, MAGIC, 0, 8, LAUNCH, 3 }, { 5, MAGIC, 3, 9, LAUNCH, 1 } }, 0, true },
    { { { 5, MAGIC, 0, 4, LAUNCH, 8 } }, 0, true },
    { { { 5, MAGIC, 0, 0, LAUNCH, 8 } }, 0, true },
    { { { 5, MAGIC, 0, RECORDING_MAX + 1, LAUNCH, 8 } }, 0, true },
    { { { 5, MAGIC + 1, 0, 8, LAUNCH, 8 } }, 0, true },
    { { { 0, MAGIC, 0, 8, LAUNCH, 8 } }, 0, true },
    { { { 5, MAGIC, 0, 7, LAUNCH, 7 } }, 0, true },         /* no NUL at the end */
    { { { 5, MAGIC, 0, 8, "9\0/\0001\0x", 8 } }, 0, true }, /* no such kind */
    { { { 5, MAGIC, 0, 8, "0\0/\0002\0x", 8 } }, 0, true }, /* words that are not there */
    { { { 5, MAGIC, 0, 8, "0\0/\0000\0x", 8 } }, 0, true }, /* no words */
    { { { 5, MAGIC, 0, 9, "0\0/\000-1\0x", 9 } }, 0, true },
    { { { 5, MAGIC, 0, 2, "0", 2 } }, 0, true },
};

static void believes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct recording_reader reader = { .arena = &arena };
        struct recording recording;
        int whole = 0;

        for (int m = 0; m < 3 && streams[i].message[m].bytes; m++) {
            const struct message *message = &streams[i].message[m];
            char bytes[64];

            memcpy(bytes, &message->magic, 4);
            memcpy(bytes + 4, &message->offset, 4);
            memcpy(bytes + 8, &message->size, 4);
            memcpy(bytes + 12, message->bytes, message->length);
            whole +=
                recording_take(&reader, message->sender, bytes, 12 + message->length, &recording);
        }
        if (whole != streams[i].whole || reader.lost != streams[i].lost)
            fail_msg("stream %zu: %d recordings, lost %d", i, whole, reader.lost);
    }
}

static void is_bounded(void **state)
{
    struct recording_reader reader = { .arena = &arena };
    struct recording recording;
    char bytes[12 + 8];
    int whole = 0;

    (void)state;
    memcpy(bytes, &(uint32_t) { MAGIC }, 4);
    memset(bytes + 4, 0, 4);
    memcpy(bytes + 8, &(uint32_t) { 8 }, 4);
    memcpy(bytes + 12, LAUNCH, 8);
    for (int i = 0; i < RECORDING_COUNT + 100; i++)
        whole += recording_take(&reader, 3, bytes, sizeof(bytes), &recording);
    assert_int_equal(whole, RECORDING_COUNT);
    assert_true(reader.lost);
}

/* --- places ------------------------------------------------------------------------------ */

static const struct {
    const char *at, *outer;
    int line;
    const char *file;
} places[] = {
    { "12\n0\n@t.sh", "", 12, NULL },
    { "6\n40\n0\n@t.sh\n@t.sh", "", 6, NULL },
    { "6\n40\n0\n@lib.sh\n@t.sh", "", 40, "lib.sh" },
    { "1\n\n@", "9\n0\n@t.sh\n", 9, NULL },
    { "2\n0\n@child.sh", "3\n0\n@mid.sh\n9\n0\n@t.sh\n", 9, "child.sh" },
    { "7\n3\n0\n@/.expand/preamble\n@t.sh", "", 3, NULL },
    { "@t.sh", "", 0, NULL },
    { "", "", 0, NULL },
    { "x\n@t.sh", "", 0, NULL },
};

static void finds_the_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *entries[] = { arena_printf(&arena, WORDS_AT "=%s", places[i].at),
                                  arena_printf(&arena, WORDS_OUTER "=%s", places[i].outer) };
        struct environment env = { .known = true, .count = 2, .entry = entries };
        struct script_line place = script_line_find(&env, "t.sh", &arena);

        assert_int_equal(place.line, places[i].line);
        if (places[i].file)
            assert_string_equal(place.file, places[i].file);
        else
            assert_null(place.file);
    }
}

/* --- placeholders ------------------------------------------------------------------------ */

static const struct {
    const char *text, *want; /* NULL: left alone */
} scripts[] = {
    { "A=<Specify path>\n", "A='Specify_path'\n" },
    { "A=<path>/x # y\n", "A='path'/x # y\n" },
    { "x --data <Path of data (e.g /x)> \\\n -y\n", "x --data 'Path_of_data_(e.g_/x)' \\\n -y\n" },
    { "A=\"<a b>/c\"\n", "A=\"a_b/c\"\n" },
    { "A=<P> \\\n  (e.g., /x) \\\n", "A='P' \\\n   \\\n" },
    { "cat <<EOF\n", NULL },
    { "sort <in >out\n", NULL },
    { "mapfile a < <(ls)\n", NULL },
    { "a=$(<file)\n", NULL },
    { "[[ a < b && c > d ]]\n", NULL },
    { "x 2>&1 <a>b\n", NULL },
    { "", NULL },
};

static void quotes_placeholders(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        const char *got = placeholders_quote(scripts[i].text, &arena);

        if (scripts[i].want && got)
            assert_string_equal(got, scripts[i].want);
        else if (!scripts[i].want != !got)
            fail_msg("'%s': '%s'", scripts[i].text, got ? got : "left alone");
    }
}

/* --- starting ---------------------------------------------------------------------------- */

static void knows_shells(void **state)
{
    static const char *const yes[] = { "#!/bin/bash\n", "#! /bin/sh -eu", "#!/usr/bin/env bash\n",
                                       "#!/usr/bin/env -S bash -l\n", "#!/usr/bin/zsh" };
    static const char *const no[] = {
        "#!/usr/bin/env python3\n", "#!/usr/bin/perl", "echo", "", "#!", "#!/usr/bin/bashful"
    };

    (void)state;
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(start_is_shell(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(start_is_shell(no[i]));
}

static void hides_keys(void **state)
{
    const char *entries[] = { "HF_TOKEN=a",   "WANDB_API_KEY=b",   "MY_SECRET_X=c",
                              "NUM_TOKENS=4", "TOKENIZER_PATH=/t", "SSH_AUTH_SOCK=/s",
                              "KEYBOARD=us" };
    static const char *const want[] = { "HF_TOKEN=hidden",    "WANDB_API_KEY=hidden",
                                        "MY_SECRET_X=hidden", "NUM_TOKENS=4",
                                        "TOKENIZER_PATH=/t",  "SSH_AUTH_SOCK=hidden",
                                        "KEYBOARD=us" };
    struct environment env = { .known = true, .count = 7, .entry = entries };

    (void)state;
    env = start_without_secrets(&env, &arena);
    for (int i = 0; i < 7; i++)
        assert_string_equal(env.entry[i], want[i]);
}

static void starts_with_the_first_lines_options(void **state)
{
    static const struct {
        const char *text, *option;
    } lines[] = { { "#!/bin/bash -l\n", NULL },  { "#!/bin/bash -e\n", "-e" },
                  { "#!/bin/sh -eux\n", "-eu" }, { "#!/usr/bin/env -S bash -u\n", "-u" },
                  { "echo -e\n", NULL },         { "#!/bin/bash --noprofile\n", NULL } };
    const char *args[] = { "a" };

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        const char *const *word =
            start_command("/bin/bash", "-x.sh", lines[i].text, 1, args, &arena);

        if (lines[i].option)
            assert_string_equal(*++word, lines[i].option);
        assert_string_equal(word[1], "./-x.sh");
        assert_string_equal(word[2], "a");
        assert_null(word[3]);
    }
}

static void has_a_shim_for_each_launcher(void **state)
{
    static const struct {
        const char *program;
        enum shim_role role;
    } rows[] = { { "torchrun", SHIM_LEAF },
                 { "/opt/x/bin/python3.11", SHIM_PYTHON },
                 { "srun", SHIM_THROUGH },
                 { "timeout", SHIM_THROUGH },
                 { "singularity", SHIM_THROUGH },
                 { "sbatch", SHIM_BATCH },
                 { "bash", SHIM_NONE },
                 { "env", SHIM_NONE },
                 { "ls", SHIM_NONE },
                 { "sleep", SHIM_NOTHING } };
    const char *const *names = shim_names(&arena);
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(shim_role(rows[i].program), rows[i].role);
    for (; names[count]; count++)
        assert_null(strchr(names[count], '/'));
    assert_true(count > 100);
}

static void joins_words(void **state)
{
    const char *words[] = { "srun", "", "-N 2" };
    int count;
    const char *const *got = words_split(
        words_join(words_join("", 1, words, &arena), 2, words + 1, &arena), &arena, &count);

    (void)state;
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(got[i], words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sends_and_reads, release),
        cmocka_unit_test_teardown(believes_nothing, release),
        cmocka_unit_test_teardown(is_bounded, release),
        cmocka_unit_test_teardown(finds_the_line, release),
        cmocka_unit_test_teardown(quotes_placeholders, release),
        cmocka_unit_test_teardown(knows_shells, release),
        cmocka_unit_test_teardown(hides_keys, release),
        cmocka_unit_test_teardown(starts_with_the_first_lines_options, release),
        cmocka_unit_test_teardown(has_a_shim_for_each_launcher, release),
        cmocka_unit_test_teardown(joins_words, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
