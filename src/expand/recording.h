/* What the shims tell us, as bytes. A recording is cut into parts, each one message of a
 * SOCK_SEQPACKET socket; the kernel says which process sent it. The reader believes nothing:
 * bounded, and whatever does not fit is counted as lost, so that a script that floods or breaks the
 * channel cannot pass for one that was followed. */
#ifndef EXPAND_RECORDING_H
#define EXPAND_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/environment.h"

enum {
    RECORDING_PART = 32 * 1024,  /* of the payload in one message */
    RECORDING_MAX = 1024 * 1024, /* one recording */
    RECORDING_SENDERS = 64,      /* with a recording not yet complete */
    RECORDING_COUNT = 2000,      /* all */
    RECORDING_TOTAL = 64 * 1024 * 1024
};

enum recording_kind {
    RECORDING_LAUNCH, /* argv: a command that would start training */
    RECORDING_GAP,    /* argv[0]: what could not be followed */
    RECORDING_GPUS,   /* somebody asked for the GPUs of a node, which are not known */
    RECORDING_KINDS
};

struct recording {
    enum recording_kind kind;
    const char *directory;
    int argc;
    const char *const *argv;
    struct environment environment;
};

struct recording_reader {
    struct arena *arena;
    size_t count, total;
    bool lost; /* something could not be read */
    struct {
        pid_t sender; /* 0: free */
        char *payload;
        size_t have, size;
    } partial[RECORDING_SENDERS];
};

/* One message. True when it completes a recording, which is then written (strings in the reader's
 * arena, any bytes). */
bool recording_take(struct recording_reader *reader, pid_t sender, const void *message, size_t size,
                    struct recording *recording);

/* 0, or -1 with errno. */
int recording_send(int channel, const struct recording *recording, struct arena *arena);

#endif
