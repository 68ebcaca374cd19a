/* What a rank and its MPI helper say to each other over their socket pair: a header, then 'count'
 * elements of 'size' bytes. Both sides are one build, but not always one copy of it (a container's
 * binary can find the host's helper), so each message says what it is and how large; anything
 * unexpected ends the talk.
 *
 *     rank 0                helper 0  ...  helper n              rank n
 *       HELLO facts   ->                             <-   facts HELLO
 *       <- STARTED                                 STARTED ->              from here on MPI is used
 *                           gather to helper 0
 *       <- FACTS of all ranks
 *       VERDICT       ->    broadcast                VERDICT ->
 *       <- FINISHED                                 FINISHED ->
 *
 * A rank that started its job meanwhile has closed its end; helper 0 then broadcasts UNDECIDED. */
#ifndef CLUSTER_MESSAGE_H
#define CLUSTER_MESSAGE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cluster/cluster.h"

#define MESSAGE_MAGIC 0x4d504601u /* the last byte is the version */

enum message_kind {
    MESSAGE_HELLO = 1,
    MESSAGE_STARTED,
    MESSAGE_FACTS,
    MESSAGE_VERDICT,
    MESSAGE_UNDECIDED,
    MESSAGE_FINISHED
};

struct message {
    uint32_t magic;
    uint32_t kind;
    uint32_t count;
    uint32_t size;
};

/* A rank's first message. */
struct message_hello {
    uint32_t component; /* ranks of one value agree with each other; below 2^31 */
    uint32_t unused;
    struct cluster_facts facts;
};

/* What helpers broadcast. */
struct message_answer {
    uint32_t kind; /* MESSAGE_VERDICT or MESSAGE_UNDECIDED */
    uint32_t unused;
    struct cluster_verdict verdict;
};

/* Descriptors of the helper. */
enum { HELPER_SOCKET = 3, HELPER_TRAINER = 4 /* a pidfd, absent on old kernels */ };

/* Whole or not at all; a closed peer is false, never a signal. */
static inline bool send_all(int fd, const void *data, size_t size)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static inline bool send_message(int fd, enum message_kind kind, uint32_t count, const void *data,
                                uint32_t size)
{
    struct message message = { MESSAGE_MAGIC, kind, count, size };

    return send_all(fd, &message, sizeof(message)) && send_all(fd, data, (size_t)count * size);
}

#endif
