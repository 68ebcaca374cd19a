#include "cli/sweep_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 64, WINDOW = 4 * MOST_PROCESSES };

/* One thing in the window: not begun, under way, or finished and waiting for those before it. */
struct slot {
    size_t index;
    pid_t pid; /* 0: none */
    int fd;
    double began;
    char *text;
    size_t size, capacity;
    bool finished;
    char failure[128];
};

struct run {
    const struct pool *pool;
    size_t count;
    size_t next;      /* first that has not begun */
    size_t delivered; /* first that was not handed over */
    int running, most;
    struct slot slot[WINDOW]; /* of index i: slot[i % WINDOW] */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int usable_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return n < 1 ? 1 : n > MOST_PROCESSES ? MOST_PROCESSES : n;
}

/* --- a worker -------------------------------------------------------------------------------- */

static void work(const struct pool *pool, size_t index, int fd, pid_t parent)
{
    FILE *out = fdopen(fd, "w");

    setpgid(0, 0); /* what it starts is killed with it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!out || getppid() != parent)
        _exit(1);
    pool->work(pool->data, index, out);
    _exit(fclose(out) == 0 ? 0 : 1);
}

static int begin(struct run *run, struct error *err)
{
    struct slot *slot = &run->slot[run->next % WINDOW];
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, "cannot make a pipe: %s", strerror(errno));
    *slot = (struct slot) { .index = run->next, .fd = ends[0], .began = now() };
    fflush(NULL); /* what is buffered must not be written twice */
    slot->pid = fork();
    if (slot->pid == 0) {
        close(ends[0]);
        work(run->pool, run->next, ends[1], parent);
    }
    close(ends[1]);
    if (slot->pid < 0) {
        close(ends[0]);
        return error_set(err, "cannot start a process: %s", strerror(errno));
    }
    setpgid(slot->pid, slot->pid);
    run->running++;
    run->next++;
    return 0;
}

/* --- what comes back ------------------------------------------------------------------------- */

static void fail(struct slot *slot, const char *how)
{
    if (!*slot->failure)
        snprintf(slot->failure, sizeof(slot->failure), "%s", how);
    kill(-slot->pid, SIGKILL);
    kill(slot->pid, SIGKILL);
}

static void finish(struct run *run, struct slot *slot)
{
    siginfo_t ended;
    int status = 0;

    close(slot->fd);
    while (waitid(P_PID, (id_t)slot->pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    kill(-slot->pid, SIGKILL); /* what it left behind */
    while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!*slot->failure && WIFSIGNALED(status))
        snprintf(slot->failure, sizeof(slot->failure), "the process that looked at it died of %s",
                 strsignal(WTERMSIG(status)));
    else if (!*slot->failure && WEXITSTATUS(status) != 0)
        snprintf(slot->failure, sizeof(slot->failure),
                 "the process that looked at it ended with status %d", WEXITSTATUS(status));
    slot->pid = 0;
    slot->finished = true;
    run->running--;
}

static bool grow(struct slot *slot)
{
    size_t capacity = slot->capacity ? 2 * slot->capacity : 1 << 16;
    char *text = realloc(slot->text, capacity);

    if (!text)
        return false;
    slot->text = text;
    slot->capacity = capacity;
    return true;
}

static void take(struct run *run, struct slot *slot)
{
    ssize_t n;

    if (slot->size + 1 >= slot->capacity && !grow(slot)) {
        fail(slot, "out of memory");
        finish(run, slot);
        return;
    }
    n = read(slot->fd, slot->text + slot->size, slot->capacity - slot->size - 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        finish(run, slot);
        return;
    }
    slot->size += (size_t)n;
    if (slot->size > run->pool->most_output) {
        fail(slot, "it holds too much");
        finish(run, slot);
    }
}

static void deliver(struct run *run)
{
    while (run->delivered < run->next && run->slot[run->delivered % WINDOW].finished) {
        struct slot *slot = &run->slot[run->delivered % WINDOW];

        if (slot->text)
            slot->text[slot->size] = '\0';
        run->pool->done(run->pool->data, slot->index, slot->text ? slot->text : "", slot->size,
                        *slot->failure ? slot->failure : NULL);
        free(slot->text);
        *slot = (struct slot) { 0 };
        run->delivered++;
    }
}

static void end_late_ones(struct run *run)
{
    char text[64];

    snprintf(text, sizeof(text), "it took longer than %g seconds", run->pool->seconds);
    for (size_t i = run->delivered; i < run->next; i++) {
        struct slot *slot = &run->slot[i % WINDOW];

        if (slot->finished || now() - slot->began < run->pool->seconds)
            continue;
        fail(slot, text);
        finish(run, slot);
    }
}

static void wait_for_some(struct run *run)
{
    struct pollfd fds[MOST_PROCESSES];
    struct slot *slots[MOST_PROCESSES];
    nfds_t n = 0;

    for (size_t i = run->delivered; i < run->next; i++) {
        struct slot *slot = &run->slot[i % WINDOW];

        if (slot->finished)
            continue;
        slots[n] = slot;
        fds[n++] = (struct pollfd) { .fd = slot->fd, .events = POLLIN };
    }
    if (poll(fds, n, 200) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents)
            take(run, slots[i]);
}

int pool_run(const struct pool *pool, size_t count, struct error *err)
{
    struct run *run = calloc(1, sizeof(*run));
    int rc = 0;

    if (!run)
        return error_set(err, "out of memory");
    *run = (struct run) { .pool = pool,
                          .count = count,
                          .most = pool->processes ? pool->processes : usable_cores() };
    while (run->delivered < count) {
        while (rc == 0 && run->next < count && run->running < run->most &&
               run->next - run->delivered < WINDOW)
            rc = begin(run, err);
        if (rc < 0 && run->running == 0)
            break;
        rc = 0; /* fewer at once, then */
        wait_for_some(run);
        end_late_ones(run);
        deliver(run);
        if (pool->tick)
            pool->tick(pool->data, run->delivered, count);
    }
    free(run);
    return rc;
}
