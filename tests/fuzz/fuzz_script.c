/* Any text as a Python script that adds options, and as a batch script with #SBATCH lines. What is found in the
 * first must be readable as a table of options. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "launch/sbatch.h"
#include "megatron/add_argument.h"
#include "megatron/options_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan_python(const char *text, struct arena *arena)
{
    struct added_arguments added = { 0 };
    struct option_extra extra;
    struct error err;
    char *table = NULL;
    size_t size;
    FILE *out = open_memstream(&table, &size);

    add_argument_scan(text, arena, &added);
    options_text_write(added.row, added.count, out);
    fclose(out);
    assert(options_text_read(table, "table", arena, &extra, &err) == 0);
    assert(extra.count == added.count);
    free(table);
}

static void scan_batch(const char *text, struct arena *arena)
{
    static const struct environment env = { .known = true };
    struct sbatch_job job;
    int count;
    const char *const *word = sbatch_directives(text, arena, &count);

    sbatch_read(count, word, &env, arena, &job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    const char *text = arena_strndup(&arena, (const char *)data, size);

    scan_python(text, &arena);
    scan_batch(text, &arena);
    arena_release(&arena);
    return 0;
}
