/* Any bytes as a fork's option table, and as the words of a command line that is parsed with it. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "megatron/argparse.h"
#include "megatron/options_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text, const struct option_extra *extra, struct arena *arena)
{
    static struct job job;
    struct argparse_result result;
    const char *argv[64];
    char *words = arena_strdup(arena, text);
    int argc = 0;

    for (char *word = strtok(words, "\t\n"); word && argc < 64; word = strtok(NULL, "\t\n"))
        argv[argc++] = word;
    for (int r = 0; r < RELEASE_COUNT; r += 4) {
        job_init(&job);
        argparse_parse(argc, argv, (enum release)r, extra, arena, &job, &result);
    }
    for (int f = 0; f < JOB_FIELD_COUNT; f++) {
        char value[32];

        if (job_given(&job, (enum job_field)f))
            job_field_print(&job, (enum job_field)f, value, sizeof(value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = "/tmp/fuzz-options.tsv";
    struct arena arena = ARENA_INIT;
    struct option_extra extra = { 0 };
    struct error err;
    FILE *out = fopen(path, "w");

    fwrite(data, 1, size, out);
    fclose(out);
    options_file_read(path, &arena, &extra, &err);
    parse(arena_strndup(&arena, (const char *)data, size), &extra, &arena);
    arena_release(&arena);
    return 0;
}
