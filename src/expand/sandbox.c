/* Our side of the sandbox: start it, take what it sends, end it in time. And its first process,
 * which makes the rest and reaps. */
#include "expand/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 64 * 1024, SAID_MAX = 16 * 1024, LAST_MAX = 2048 };

/* How long what the script leaves in the background may go on after its end. */
static const double background_seconds = 2;

struct pipes {
    int channel[2]; /* inside, ours */
    int said[2];    /* ours, inside */
    int news[2];    /* ours, first process only: "E text" (P: not permitted) when it
                       could not start, "S status" at the end */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap(void)
{
    nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
}

/* --- inside ------------------------------------------------------------------------------ */

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return n < 0 ? -1 : 0;
}

/* The user stays who they are; nobody else exists here. */
static int map_user(uid_t uid, gid_t gid, struct error *err)
{
    char line[64];

    snprintf(line, sizeof(line), "%u %u 1", uid, uid);
    if (write_file("/proc/self/uid_map", line) < 0)
        return error_set(err, "/proc/self/uid_map: %s", strerror(errno));
    snprintf(line, sizeof(line), "%u %u 1", gid, gid);
    if (write_file("/proc/self/setgroups", "deny") < 0 ||
        write_file("/proc/self/gid_map", line) < 0)
        return error_set(err, "/proc/self/gid_map: %s", strerror(errno));
    /* If the machine runs out of memory, this goes first. */
    write_file("/proc/self/oom_score_adj", "1000");
    return 0;
}

static void become(const struct sandbox *sandbox, const struct pipes *pipes)
{
    int null = open("/dev/null", O_RDWR);

    setsid();
    dup2(null, 0);
    dup2(pipes->said[1], 1);
    dup2(pipes->said[1], 2);
    dup2(pipes->channel[0], SANDBOX_CHANNEL);
    for (int fd = 3; fd < 1024; fd++)
        if (fd != SANDBOX_CHANNEL)
            close(fd);
    execve(sandbox->argv[0], (char *const *)sandbox->argv,
           (char *const *)sandbox->environment->entry);
    dprintf(2, "%s: %s\n", sandbox->argv[0], strerror(errno));
    _exit(127);
}

/* Waits for the program, then for what it left in the background. */
static int reap(pid_t program)
{
    double end = 0;
    int status = 0, s;
    pid_t pid;

    for (;;) {
        pid = waitpid(-1, &s, end > 0 ? WNOHANG : 0);
        if (pid == program) {
            status = s;
            end = now() + background_seconds;
        } else if (pid < 0 && errno != EINTR) {
            return status;
        } else if (pid == 0) {
            if (now() > end)
                return status;
            nap();
        }
    }
}

static void be_first(const struct sandbox *sandbox, const struct pipes *pipes, uid_t uid, gid_t gid)
{
    struct error err;
    pid_t program;
    int status;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (map_user(uid, gid, &err) < 0 || sandbox_root(sandbox, &err) < 0 ||
        sandbox_confine(sandbox->seconds, &err) < 0) {
        dprintf(pipes->news[1], "%c%s", errno == EPERM || errno == EACCES ? 'P' : 'E', err.text);
        _exit(1);
    }
    program = fork();
    if (program == 0)
        become(sandbox, pipes);
    close(pipes->channel[0]);
    close(pipes->said[1]);
    status = reap(program);
    dprintf(pipes->news[1], "S%d", status);
    _exit(0);
}

/* --- outside ----------------------------------------------------------------------------- */

/* Why this machine does not let us, and what to type. */
static int explain(int error, struct error *err)
{
    static const struct {
        const char *path, *name;
        const char *off;
        const char *type;
    } switches[] = {
        { "/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "0",
          "sysctl -w user.max_user_namespaces=15000" },
        { "/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "0",
          "sysctl -w kernel.unprivileged_userns_clone=1" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
          "kernel.apparmor_restrict_unprivileged_userns", "1",
          "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" },
    };

    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        FILE *file = fopen(switches[i].path, "re");
        char text[32] = "";

        if (file && fgets(text, sizeof(text), file))
            text[strcspn(text, "\n")] = '\0';
        if (file)
            fclose(file);
        if (strcmp(text, switches[i].off) == 0)
            return error_set(err,
                             "a script is only run in a sandbox, and this machine keeps users from "
                             "making one (%s is %s); as root: %s",
                             switches[i].name, text, switches[i].type);
    }
    return error_set(err,
                     "a script is only run in a sandbox, and this machine keeps users from making "
                     "one (%s); in a "
                     "container: start it with --security-opt seccomp=unconfined --security-opt "
                     "apparmor=unconfined --security-opt systempaths=unconfined",
                     strerror(error));
}

static int open_pipes(struct pipes *pipes, struct error *err)
{
    int on = 1;

    memset(pipes, -1, sizeof(*pipes));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pipes->channel) < 0 ||
        pipe2(pipes->said, O_CLOEXEC) < 0 || pipe2(pipes->news, O_CLOEXEC) < 0)
        return error_set(err, "no pipe: %s", strerror(errno));
    /* The kernel says who sent what. */
    setsockopt(pipes->channel[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    return 0;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_pipes(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++) {
        shut(&pipes->channel[i]);
        shut(&pipes->said[i]);
        shut(&pipes->news[i]);
    }
}

static pid_t start(const struct sandbox *sandbox, struct pipes *pipes)
{
    const unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    pid_t pid;

    /* After setuid() /proc/self belongs to root until we say that we may be looked at. */
    prctl(PR_SET_DUMPABLE, 1);
    fflush(NULL);
    pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0)
        be_first(sandbox, pipes, uid, gid);
    return pid;
}

/* One message of the channel. 1: taken, 0: none now, -1: no more will come or enough came. */
static int take_message(const struct sandbox *sandbox, int fd, struct sandbox_end *end)
{
    static char message[MESSAGE_MAX];
    char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
    struct iovec iov = { message, sizeof(message) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct ucred sender = { 0 };

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&sender, CMSG_DATA(c), sizeof(sender));
        for (size_t i = 0;
             c->cmsg_type == SCM_RIGHTS && CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
            int gift;

            memcpy(&gift, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            close(gift);
        }
    }
    if (sandbox->received(sandbox->data, sender.pid, message, (size_t)n))
        return 1;
    end->outcome = SANDBOX_STOPPED;
    return -1;
}

/* A stream of which the first 'limit' bytes are kept, and some of the last. */
struct text {
    char first[SAID_MAX + 1];
    size_t size, limit;
    char last[LAST_MAX + 1];
    size_t last_size;
};

static void keep_last(struct text *text, const char *bytes, size_t n)
{
    size_t keep;

    if (n > LAST_MAX) {
        bytes += n - LAST_MAX;
        n = LAST_MAX;
    }
    keep = text->last_size + n > LAST_MAX ? LAST_MAX - n : text->last_size;
    memmove(text->last, text->last + text->last_size - keep, keep);
    memcpy(text->last + keep, bytes, n);
    text->last_size = keep + n;
}

/* Reads what is there. False at the end of the stream. */
static bool take_text(int fd, struct text *text)
{
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    size_t room = text->limit - text->size;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    keep_last(text, bytes, (size_t)n);
    if (room > (size_t)n)
        room = (size_t)n;
    memcpy(text->first + text->size, bytes, room);
    text->size += room;
    return true;
}

struct texts {
    struct text said, news;
};

static void end_texts(struct texts *texts)
{
    texts->said.first[texts->said.size] = texts->said.last[texts->said.last_size] = '\0';
    texts->news.first[texts->news.size] = '\0';
}

/* Until the first process is gone, and all others with it, or the time is over. */
static void watch(const struct sandbox *sandbox, struct pipes *pipes, struct texts *texts,
                  struct sandbox_end *end)
{
    double deadline = now() + sandbox->seconds;
    double left;

    end->outcome = SANDBOX_ENDED;
    while (pipes->news[0] >= 0) {
        struct pollfd poll_fds[] = { { pipes->channel[1], POLLIN, 0 },
                                     { pipes->said[0], POLLIN, 0 },
                                     { pipes->news[0], POLLIN, 0 } };

        left = deadline - now();
        if (left <= 0) {
            end->outcome = SANDBOX_DEADLINE;
            return;
        }
        if (poll(poll_fds, 3, (int)(left * 1000) + 1) < 0 && errno != EINTR)
            return;
        if (poll_fds[0].revents && take_message(sandbox, pipes->channel[1], end) < 0) {
            if (end->outcome == SANDBOX_STOPPED)
                return;
            shut(&pipes->channel[1]);
        }
        if (poll_fds[1].revents && !take_text(pipes->said[0], &texts->said))
            shut(&pipes->said[0]);
        if (poll_fds[2].revents && !take_text(pipes->news[0], &texts->news))
            shut(&pipes->news[0]);
    }
}

/* Everybody is dead: what they had sent is still there. */
static void drain(const struct sandbox *sandbox, struct pipes *pipes, struct texts *texts,
                  struct sandbox_end *end)
{
    enum sandbox_outcome outcome = end->outcome;

    while (pipes->channel[1] >= 0 && outcome != SANDBOX_STOPPED &&
           take_message(sandbox, pipes->channel[1], end) > 0)
        ;
    if (end->outcome != SANDBOX_STOPPED)
        end->outcome = outcome;
    if (pipes->said[0] < 0)
        return;
    fcntl(pipes->said[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 64 && take_text(pipes->said[0], &texts->said); i++)
        ;
}

static int run(const struct sandbox *sandbox, struct pipes *pipes, struct arena *arena,
               struct sandbox_end *end, struct error *err)
{
    struct texts texts = { .said.limit = SAID_MAX, .news.limit = 1024 };
    pid_t first = start(sandbox, pipes);

    if (first < 0)
        return explain(errno, err);
    shut(&pipes->channel[0]);
    shut(&pipes->said[1]);
    shut(&pipes->news[1]);
    watch(sandbox, pipes, &texts, end);
    kill(first, SIGKILL); /* and with it everything inside */
    while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
        ;
    drain(sandbox, pipes, &texts, end);
    end_texts(&texts);
    if (texts.news.first[0] == 'P') {
        explain(EPERM, err);
        return error_prefix(err, "%s", texts.news.first + 1);
    }
    if (texts.news.first[0] == 'E')
        return error_set(err, "no sandbox: %s", texts.news.first + 1);
    end->status = texts.news.first[0] == 'S' ? atoi(texts.news.first + 1) : 0;
    end->said = arena_strdup(arena, texts.said.first);
    end->last = arena_strdup(arena, texts.said.last);
    return 0;
}

int sandbox_run(const struct sandbox *sandbox, struct arena *arena, struct sandbox_end *end,
                struct error *err)
{
    struct pipes pipes;
    int rc = open_pipes(&pipes, err);

    memset(end, 0, sizeof(*end));
    if (rc == 0)
        rc = run(sandbox, &pipes, arena, end, err);
    close_pipes(&pipes);
    return rc;
}
