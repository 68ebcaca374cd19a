#include "base/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 3 }; /* the only descriptor there besides /dev/null */

void detached_answer(int fd, const void *data, size_t size)
{
    for (const char *p = data; size;) {
        ssize_t n = write(fd, p, size);

        if (n <= 0)
            _exit(1);
        p += n;
        size -= (size_t)n;
    }
}

/* Nothing that others wait for: no descriptor but the pipe, no handler of ours. */
static void let_go(int fd)
{
    int null = open("/dev/null", O_RDWR);

    setsid();
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    for (int i = 0; i < ANSWER; i++)
        dup2(null, i);
    dup2(fd, ANSWER);
    if (close_range(ANSWER + 1, ~0u, 0) < 0)
        for (int i = ANSWER + 1; i < 1024; i++)
            close(i);
}

/* A grandchild, so that it is nobody's child when it stays; its end of the pipe is 'fd'. */
static int start(int fd, void (*work)(int, void *), void *data)
{
    sigset_t all, before;
    pid_t child;
    int status;

    /* Signals meant for us must not run our handlers in the children. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0) {
        if (fork() == 0) {
            let_go(fd);
            work(ANSWER, data);
        }
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return child < 0 ? -1 : 0;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns the bytes read before the end of the pipe or the deadline. */
static size_t read_until(int fd, void *data, size_t size, double deadline)
{
    size_t have = 0;

    while (have < size) {
        double left = deadline - now();
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (left <= 0 || (poll(&ready, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR))
            break;
        if (!ready.revents)
            continue;
        n = read(fd, (char *)data + have, size - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

enum detached_outcome detached_ask(void (*work)(int fd, void *data), void *data,
                                   double deadline_seconds, void *answer, size_t size,
                                   struct error *err)
{
    double deadline = now() + deadline_seconds;
    size_t have;
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) < 0) {
        error_set(err, "no pipe: %s", strerror(errno));
        return DETACHED_NOT_STARTED;
    }
    if (start(fd[1], work, data) < 0) {
        error_set(err, "no process: %s", strerror(errno));
        close(fd[0]);
        close(fd[1]);
        return DETACHED_NOT_STARTED;
    }
    close(fd[1]);
    have = read_until(fd[0], answer, size, deadline);
    close(fd[0]);
    if (have == size)
        return DETACHED_ANSWERED;
    return now() >= deadline ? DETACHED_LATE : DETACHED_SILENT;
}
