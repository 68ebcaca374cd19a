#include "cluster/cluster.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/helper.h"
#include "cluster/identity.h"
#include "cluster/message.h"

/* A helper that claims more ranks than this is not ours. */
#define RANKS_MAX (1u << 22)

struct talk {
    int fd;
    struct timespec deadline;
    bool late; /* the deadline passed while waiting */
};

static struct timespec deadline_in(double seconds)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)seconds;
    at.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static int milliseconds_left(const struct timespec *deadline)
{
    struct timespec now;
    int64_t left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left = (int64_t)(deadline->tv_sec - now.tv_sec) * 1000 +
           (deadline->tv_nsec - now.tv_nsec) / 1000000;
    if (left < 0)
        return 0;
    return left > 1000000 ? 1000000 : (int)left;
}

static bool wait_readable(struct talk *talk)
{
    struct pollfd fd = { .fd = talk->fd, .events = POLLIN };
    int left, n;

    do {
        left = milliseconds_left(&talk->deadline);
        n = poll(&fd, 1, left);
    } while ((n < 0 && errno == EINTR) || (n == 0 && left > 0));
    talk->late = n == 0;
    return n > 0;
}

static bool receive_all(struct talk *talk, void *data, size_t size)
{
    char *p = data;

    while (size > 0) {
        ssize_t n;

        if (!wait_readable(talk))
            return false;
        n = recv(talk->fd, p, size, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static bool receive_header(struct talk *talk, struct message *message)
{
    return receive_all(talk, message, sizeof(*message)) && message->magic == MESSAGE_MAGIC;
}

/* The facts of all ranks have come: decide and answer. */
static bool decide_for_all(struct talk *talk, const struct message *message,
                           cluster_decide_fn *decide, void *data, struct cluster_verdict *out)
{
    struct cluster_facts *all;
    bool here;

    if (message->size != sizeof(*all) || message->count == 0 || message->count > RANKS_MAX)
        return false;
    all = malloc((size_t)message->count * sizeof(*all));
    here = all && receive_all(talk, all, (size_t)message->count * sizeof(*all));
    if (here) {
        decide(data, all, message->count, true, out);
        send_message(talk->fd, MESSAGE_VERDICT, 1, out, sizeof(*out));
    }
    free(all);
    return here;
}

/* An MPI launcher counts a rank that ends before its helper left MPI as crashed. */
static void wait_until_finished(struct talk *talk)
{
    struct message message;

    receive_header(talk, &message);
}

static bool take_part(struct talk *talk, cluster_decide_fn *decide, void *data,
                      struct cluster_verdict *out)
{
    struct message message;
    bool decided = false;

    if (!receive_header(talk, &message))
        return false;
    if (message.kind == MESSAGE_FACTS)
        decided = decide_for_all(talk, &message, decide, data, out);
    else if (message.kind == MESSAGE_VERDICT && message.count == 1 && message.size == sizeof(*out))
        decided = receive_all(talk, out, sizeof(*out));
    else if (message.kind == MESSAGE_UNDECIDED)
        talk->late = true;
    if (decided)
        wait_until_finished(talk);
    return decided;
}

/* Ranks of one program of the launch and of one script agree with each other (FNV-1a, 31 bits). */
static uint32_t component_of(const struct cluster_identity *identity,
                             const struct cluster_facts *mine)
{
    uint32_t hash = 2166136261u ^ identity->application;

    for (const char *p = mine->script; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    return hash & 0x7fffffff;
}

static enum cluster_outcome talk_to_others(const struct cluster_options *options,
                                           const struct cluster_identity *identity,
                                           const struct cluster_facts *mine,
                                           cluster_decide_fn *decide, void *data,
                                           struct cluster_verdict *out, struct error *err)
{
    struct message_hello hello = { .component = component_of(identity, mine), .facts = *mine };
    struct talk talk = { .deadline = deadline_in(options->timeout_seconds) };
    struct message message;
    bool started, decided;

    talk.fd = helper_start(options->helper, options->environment, err);
    if (talk.fd < 0)
        return CLUSTER_NO_HELPER;
    started = send_message(talk.fd, MESSAGE_HELLO, 1, &hello, sizeof(hello)) &&
              receive_header(&talk, &message) && message.kind == MESSAGE_STARTED;
    decided = started && take_part(&talk, decide, data, out);
    close(talk.fd);
    if (decided)
        return CLUSTER_JOINED;
    if (talk.late) {
        error_set(err, "not all ranks answered within %g s; each decides alone",
                  options->timeout_seconds);
        return CLUSTER_DEADLINE;
    }
    error_set(err, "the MPI helper %s; each rank decides alone",
              started ? "ended early" : "cannot start");
    return started ? CLUSTER_FAILED : CLUSTER_NO_HELPER;
}

bool cluster_possible(const struct environment *env)
{
    struct cluster_identity identity;

    return cluster_identify(env, &identity);
}

static bool alone(const struct cluster_options *options, struct cluster_identity *identity)
{
    /* As process 1 of a container we would adopt the helper, and the job could wait for it. */
    return options->no_mpi || getpid() == 1 || !cluster_identify(options->environment, identity);
}

bool cluster_speaks(const struct cluster_options *options, enum cluster_outcome outcome)
{
    struct cluster_identity identity;
    int64_t rank = options->rank;

    if (!alone(options, &identity) && identity.rank >= 0)
        rank = identity.rank;
    return rank <= 0 || (outcome == CLUSTER_DEADLINE && rank == 1);
}

enum cluster_outcome cluster_agree(const struct cluster_options *options,
                                   const struct cluster_facts *mine, cluster_decide_fn *decide,
                                   void *data, struct cluster_verdict *out, struct error *err)
{
    enum cluster_outcome outcome = CLUSTER_ALONE;
    struct cluster_identity identity;

    memset(out, 0, sizeof(*out));
    if (!alone(options, &identity))
        outcome = talk_to_others(options, &identity, mine, decide, data, out, err);
    if (outcome != CLUSTER_JOINED)
        decide(data, mine, 1, cluster_speaks(options, outcome), out);
    return outcome;
}

struct environment cluster_job_environment(const struct environment *env,
                                           enum cluster_outcome outcome, struct arena *arena)
{
    struct cluster_identity identity;
    struct environment job = *env;

    if (outcome == CLUSTER_ALONE || outcome == CLUSTER_NO_HELPER ||
        !cluster_identify(env, &identity))
        return job;
    if (!environment_get(env, "PMIX_MCA_gds"))
        job = environment_with(&job, "PMIX_MCA_gds", "hash", arena);
    return environment_with(&job, CLUSTER_MARKER, identity.launch, arena);
}
