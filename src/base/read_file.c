#include "base/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(int fd, size_t limit, struct arena *arena, size_t *size)
{
    struct stat st;
    char *data;
    ssize_t n = 0;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size > limit) {
        errno = S_ISREG(st.st_mode) ? EFBIG : S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return NULL;
    }
    data = arena_alloc(arena, (size_t)st.st_size + 1);
    *size = 0;
    while (*size < (size_t)st.st_size) {
        n = read(fd, data + *size, (size_t)st.st_size - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    data[*size] = '\0';
    return n < 0 ? NULL : data;
}

char *read_file(const char *path, size_t limit, struct arena *arena, size_t *size)
{
    /* O_NONBLOCK: a fifo must not hang us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), saved;
    char *data;

    if (fd < 0)
        return NULL;
    data = read_all(fd, limit, arena, size);
    saved = errno;
    close(fd);
    errno = saved;
    return data;
}
