/* Any words, separated by newlines, as a launch command; lines before an empty one are the environment. The
 * trainer's words must be the last words of the command, or a string's. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/launch.h"

enum { WORDS = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct launch *launch)
{
    assert(!launch->script == (launch->cannot_know != NULL) || launch->cannot_know);
    assert(launch->world.known || launch->world_unknown || launch->cannot_know);
    assert(!launch->world.known || launch->world.source);
    if (launch->script && launch->argv_index >= 0)
        assert(launch->argv == launch->command + launch->argv_index &&
               launch->argv_index + launch->argc == launch->command_argc);
    for (int i = 0; i < 4 && launch->world_place[i].words; i++)
        assert(launch->world_place[i].index >= 0 &&
               launch->world_place[i].index + launch->world_place[i].words <= launch->command_argc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *word[WORDS], *entry[WORDS];
    struct arena arena = ARENA_INIT;
    struct environment env = { .known = true, .entry = entry };
    struct launch launch;
    char *text = malloc(size + 1), *rest = text, *line;
    int count = 0;

    memcpy(text, data, size);
    text[size] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL && count < WORDS) {
        if (*line || env.count)
            word[count++] = line;
        else
            for (; count; count--)
                entry[env.count++] = word[count - 1];
    }
    launch_parse(count, word, &env, &arena, &launch);
    check(&launch);
    if (launch.wanted_file) {
        struct file file = { .path = launch.wanted_file,
                             .text = arena_strndup(&arena, (const char *)data, size) };

        launch_parse_files(count, word, &env, &(struct files) { 1, &file }, &arena, &launch);
        check(&launch);
    }
    arena_release(&arena);
    free(text);
    return 0;
}
