#include "expand/recording.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* In front of each part. */
struct part {
    uint32_t magic;
    uint32_t offset, size; /* of this part's payload in the recording's */
};

static const uint32_t magic = 0x70787265;

/* --- reading ----------------------------------------------------------------------------- */

/* The next NUL-terminated string of [*p, end), which ends with a NUL. */
static const char *next_string(const char **p, const char *end)
{
    const char *string = *p;

    if (string >= end)
        return NULL;
    *p += strlen(string) + 1;
    return string;
}

static bool next_number(const char **p, const char *end, long max, long *number)
{
    const char *text = next_string(p, end);
    char *rest;

    if (!text || !*text)
        return false;
    *number = strtol(text, &rest, 10);
    return !*rest && *number >= 0 && *number <= max;
}

static int count_strings(const char *p, const char *end)
{
    int n = 0;

    while (next_string(&p, end))
        n++;
    return n;
}

static const char *const *strings(const char **p, const char *end, int count, struct arena *arena)
{
    const char **string = arena_alloc(arena, ((size_t)count + 1) * sizeof(*string));

    for (int i = 0; i < count; i++)
        string[i] = next_string(p, end);
    return string;
}

/* Payload: kind, directory, argc, the words, then the environment; each ends with a NUL. */
static bool decode(const char *payload, size_t size, struct arena *arena,
                   struct recording *recording)
{
    const char *p = payload, *end = payload + size, *directory;
    struct recording r = { .environment = { .known = true } };
    long kind, argc;

    if (!size || end[-1] != '\0')
        return false;
    if (!next_number(&p, end, RECORDING_KINDS - 1, &kind) || !(directory = next_string(&p, end)) ||
        !next_number(&p, end, RECORDING_MAX, &argc) || argc < 1 || argc > count_strings(p, end))
        return false;
    r.kind = (enum recording_kind)kind;
    r.directory = directory;
    r.argc = (int)argc;
    r.argv = strings(&p, end, r.argc, arena);
    r.environment.count = count_strings(p, end);
    r.environment.entry = strings(&p, end, r.environment.count, arena);
    *recording = r;
    return true;
}

static int slot_of(const struct recording_reader *reader, pid_t sender)
{
    for (int i = 0; i < RECORDING_SENDERS; i++)
        if (reader->partial[i].sender == sender)
            return i;
    return -1;
}

/* Where the part belongs: that of the sender's recording under way, or a free one for its first. */
static int slot_for(struct recording_reader *reader, pid_t sender, const struct part *part)
{
    int slot = slot_of(reader, sender);

    if (part->offset == 0) {
        if (slot >= 0 || part->size == 0 || part->size > RECORDING_MAX ||
            reader->total + part->size > RECORDING_TOTAL || reader->count >= RECORDING_COUNT)
            return -1;
        slot = slot_of(reader, 0);
        if (slot < 0)
            return -1;
        reader->partial[slot].sender = sender;
        reader->partial[slot].payload = arena_alloc(reader->arena, part->size);
        reader->partial[slot].have = 0;
        reader->partial[slot].size = part->size;
        reader->total += part->size;
        reader->count++;
        return slot;
    }
    if (slot < 0 || part->offset != reader->partial[slot].have ||
        part->size != reader->partial[slot].size)
        return -1;
    return slot;
}

bool recording_take(struct recording_reader *reader, pid_t sender, const void *message, size_t size,
                    struct recording *recording)
{
    struct part part;
    size_t payload = size - sizeof(part);
    int slot;

    if (size <= sizeof(part) || sender <= 0) {
        reader->lost = true;
        return false;
    }
    memcpy(&part, message, sizeof(part));
    slot = part.magic == magic ? slot_for(reader, sender, &part) : -1;
    if (slot < 0 || payload > reader->partial[slot].size - reader->partial[slot].have) {
        reader->lost = true;
        return false;
    }
    memcpy(reader->partial[slot].payload + reader->partial[slot].have,
           (const char *)message + sizeof(part), payload);
    reader->partial[slot].have += payload;
    if (reader->partial[slot].have < reader->partial[slot].size)
        return false;
    reader->partial[slot].sender = 0;
    if (decode(reader->partial[slot].payload, reader->partial[slot].size, reader->arena, recording))
        return true;
    reader->lost = true;
    return false;
}

/* --- writing ----------------------------------------------------------------------------- */

static char *encode(const struct recording *recording, struct arena *arena, size_t *size)
{
    char *text = NULL, *copy;
    FILE *out = open_memstream(&text, size);

    if (!out)
        return NULL;
    fprintf(out, "%d%c%s%c%d%c", recording->kind, 0, recording->directory, 0, recording->argc, 0);
    for (int i = 0; i < recording->argc; i++)
        fwrite(recording->argv[i], 1, strlen(recording->argv[i]) + 1, out);
    for (int i = 0; i < recording->environment.count; i++)
        fwrite(recording->environment.entry[i], 1, strlen(recording->environment.entry[i]) + 1,
               out);
    fclose(out);
    copy = arena_alloc(arena, *size);
    memcpy(copy, text, *size);
    free(text);
    return copy;
}

/* One message, whatever the script did to the socket that it shares: 0, or -1 with errno. */
static int send_part(int channel, struct msghdr *msg)
{
    struct pollfd room = { .fd = channel, .events = POLLOUT };

    while (sendmsg(channel, msg, MSG_NOSIGNAL) < 0) {
        if (errno == EAGAIN)
            poll(&room, 1, 10);
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int recording_send(int channel, const struct recording *recording, struct arena *arena)
{
    size_t size, n, most = RECORDING_PART;
    char *payload = encode(recording, arena, &size);

    for (size_t offset = 0; payload && offset < size; offset += n) {
        struct part part = { magic, (uint32_t)offset, (uint32_t)size };
        struct iovec iov[2] = { { &part, sizeof(part) }, { payload + offset, 0 } };
        struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

        n = size - offset < most ? size - offset : most;
        iov[1].iov_len = n;
        if (send_part(channel, &msg) == 0)
            continue;
        if (errno != EMSGSIZE || most < 512)
            return -1;
        most /= 2;
        n = 0;
    }
    return payload ? 0 : -1;
}
