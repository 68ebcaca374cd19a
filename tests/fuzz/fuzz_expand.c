/* Any bytes as what comes out of the sandbox: messages of several senders, the recordings in them,
 * the words and places in those; and as a script whose placeholders are quoted. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "expand/script_line.h"
#include "expand/placeholders.h"
#include "expand/recording.h"
#include "expand/words.h"
#include "launch/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct recording *recording, struct arena *arena)
{
    struct launch launch;
    int count;

    script_line_find(&recording->environment, "train.sh", arena);
    for (int i = 0; i < recording->argc; i++)
        words_split(recording->argv[i], arena, &count);
    if (recording->argc)
        launch_parse(recording->argc, recording->argv, &recording->environment, arena, &launch);
}

/* A message: sender, length, bytes. The magic in front is right in every other one. */
static size_t next_message(const uint8_t *data, size_t size, char *message, size_t *n)
{
    static const uint32_t magic = 0x70787265;

    *n = (size_t)data[1] | (size_t)data[2] << 8;
    if (*n > size - 3)
        *n = size - 3;
    memcpy(message, data + 3, *n);
    if (*n >= sizeof(magic) && data[0] & 1)
        memcpy(message, &magic, sizeof(magic));
    return 3 + *n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char message[1 << 16];
    struct arena arena = ARENA_INIT;
    struct recording_reader reader = { .arena = &arena };
    struct recording recording;
    size_t n;

    placeholders_quote(arena_strndup(&arena, (const char *)data, size), &arena);
    for (size_t at = 0; at + 3 < size;) {
        pid_t sender = data[at] >> 1;

        at += next_message(data + at, size - at, message, &n);
        if (recording_take(&reader, sender, message, n, &recording))
            look(&recording, &arena);
    }
    arena_release(&arena);
    return 0;
}
