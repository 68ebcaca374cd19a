/* Any bytes as a configuration; what is accepted is turned into options and written again. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "config/guide_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_and_write(config_reader *read, const char *path)
{
    struct arena arena = ARENA_INIT;
    struct config config;
    struct error err;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    config_init(&config, &arena);
    if (read(&config, path, &err) == 0) {
        config_assume(&config);
        guide_write(&config, out);
    }
    fclose(out);
    free(text);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    FILE *out;

    snprintf(path, sizeof(path), "/tmp/fuzz-config-%d.yaml", (int)getpid());
    out = fopen(path, "w");
    fwrite(data, 1, size, out);
    fclose(out);
    read_and_write(guide_read, path);
    read_and_write(flags_read, path);
    return 0;
}
