/* JSON configurations: Hugging Face's and DeepSeek-V3 style. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[] = "/tmp/fuzz-json-XXXXXX";
    static int fd = -1;
    struct arena arena = ARENA_INIT;
    struct config config;
    struct launch launch;
    struct error err;

    if (fd < 0)
        fd = mkstemp(path);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    config_init(&config, &arena);
    if (json_read(&config, path, &err) == 0) {
        config_assume(&config);
        config_launch(&config, "pretrain_gpt.py", 0, NULL, &launch);
    }
    arena_release(&arena);
    return 0;
}
