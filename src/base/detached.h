/* Work that may hang - a driver, a file system that does not answer - in a process of its own,
 * which is nobody's child when it stays: an orphan of its own session without any descriptor,
 * signal handler or terminal of ours. */
#ifndef BASE_DETACHED_H
#define BASE_DETACHED_H

#include <stddef.h>

#include "base/error.h"

enum detached_outcome {
    DETACHED_ANSWERED,
    DETACHED_LATE,       /* not within the deadline; it goes on by itself */
    DETACHED_SILENT,     /* it ended without an answer */
    DETACHED_NOT_STARTED /* no pipe or process: 'err' says why */
};

/* Runs work(fd, data) there and waits for its answer of 'size' bytes, written to *answer (perhaps
 * in part when there is none). */
enum detached_outcome detached_ask(void (*work)(int fd, void *data), void *data,
                                   double deadline_seconds, void *answer, size_t size,
                                   struct error *err);

/* For 'work': hands the answer over. */
void detached_answer(int fd, const void *data, size_t size);

#endif
