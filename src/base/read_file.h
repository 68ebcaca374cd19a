/* A whole small file. */
#ifndef BASE_READ_FILE_H
#define BASE_READ_FILE_H

#include <stddef.h>

#include "base/arena.h"

/* The regular file's bytes and a NUL behind them, in 'arena'; *size without the NUL. NULL with errno set when
 * it cannot be read, is no regular file or is larger than 'limit' (EFBIG). */
char *read_file(const char *path, size_t limit, struct arena *arena, size_t *size);

#endif
