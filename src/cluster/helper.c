#include "cluster/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/message.h"

/* Where the helper is, seen from the directory of our own binary: a build tree, an installation. */
static const char *const helper_places[] = {
    "libexec/megatron-preflight-mpi",
    "../libexec/megatron-preflight/megatron-preflight-mpi",
};

/* What the job's own MPI was told is not for ours: an option for another build of Open MPI makes
 * MPI_Init fail. Which network to use may stay. */
static const char *const dropped[] = { "OMPI_MCA_btl",  "OMPI_MCA_pml",  "OMPI_MCA_mtl",
                                       "OMPI_MCA_coll", "OMPI_MCA_osc",  "OMPI_MCA_io_",
                                       "OMPI_MCA_io=",  "OMPI_MCA_mpi_", "OMPI_MCA_topo",
                                       "OMPI_MCA_op_",  "OMPI_MCA_hook", "LD_PRELOAD=" };
static const char network[] = "OMPI_MCA_btl_tcp_";

static const char *const added[] = {
    "OMPI_MCA_pml=ob1", /* a tenth of the start-up time of the default, which opens every fabric */
    "OMPI_MCA_btl=tcp,self",
    "OMPI_MCA_coll=tuned,libnbc,basic,self",
    "OMPI_MCA_mpi_yield_when_idle=1",
    "OMPI_MCA_opal_cuda_support=0",        /* no CUDA context for a few hundred bytes */
    "OMPI_MCA_opal_signal=",               /* the helper looks after its crashes itself */
    "OMPI_MCA_orte_base_help_aggregate=0", /* complaints not to mpirun but to /dev/null */
    "PMIX_MCA_gds=hash", /* the only store that serves a rank's second session: a restart loop */
};

static int find_helper(char *path, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (n < 0)
        return error_set(err, "cannot read /proc/self/exe: %s", strerror(errno));
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof(helper_places) / sizeof(helper_places[0]); i++) {
        n = snprintf(path, size, "%s/%s", self, helper_places[i]);
        if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
            return 0;
    }
    return error_set(err, "no MPI helper '%s' beside '%s/megatron-preflight'", helper_places[0],
                     self);
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_dropped(const char *entry)
{
    if (begins_with(entry, network))
        return false;
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        if (begins_with(entry, dropped[i]))
            return true;
    return false;
}

/* The helper has a value of its own. */
static bool is_replaced(const char *entry)
{
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
        if (strncmp(entry, added[i], strcspn(added[i], "=") + 1) == 0)
            return true;
    return false;
}

/* NULL-terminated, as exec wants it. */
static const char **helper_environment(const struct environment *env, struct arena *arena)
{
    size_t count = 0, added_count = sizeof(added) / sizeof(added[0]);
    const char **envp = arena_alloc(arena, ((size_t)env->count + added_count + 1) * sizeof(*envp));

    for (int i = 0; i < env->count; i++)
        if (!is_dropped(env->entry[i]) && !is_replaced(env->entry[i]))
            envp[count++] = env->entry[i];
    for (size_t i = 0; i < added_count; i++)
        envp[count++] = added[i];
    return envp;
}

/* fork() without the SIGCHLD that its end would send: a job started with SIGCHLD blocked would find
 * it pending. */
static pid_t fork_silently(void)
{
    return (pid_t)syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);
}

static void close_from(int first)
{
    long last;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
        return;
#endif
    last = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < last; fd++)
        close(fd);
}

/* Descriptors 0 to 2 are /dev/null, HELPER_SOCKET and HELPER_TRAINER what they are called, all
 * others closed. Both sources are first moved out of the way of their targets. */
static bool arrange_descriptors(int sock, int trainer)
{
    int high = HELPER_TRAINER + 1;
    int null = open("/dev/null", O_RDWR);

    sock = fcntl(sock, F_DUPFD, high);
    trainer = trainer < 0 ? -1 : fcntl(trainer, F_DUPFD, high);
    if (null < 0 || sock < 0)
        return false;
    for (int fd = 0; fd <= 2; fd++)
        if (null != fd && dup2(null, fd) < 0)
            return false;
    if (dup2(sock, HELPER_SOCKET) < 0)
        return false;
    close(HELPER_TRAINER);
    if (trainer >= 0)
        dup2(trainer, HELPER_TRAINER);
    close_from(high);
    return true;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    signal(SIGPIPE, SIG_IGN); /* the job's end of the socket closes when it starts */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_helper(const char *path, char **envp, int sock, int trainer_fd,
                          const char *trainer)
{
    const char *argv[] = { path, trainer, NULL };

    if (!arrange_descriptors(sock, trainer_fd))
        _exit(EXIT_FAILURE);
    reset_signals();
    if (chdir("/") < 0)
        _exit(EXIT_FAILURE);
    execve(path, (char *const *)argv, envp);
    _exit(EXIT_FAILURE);
}

static int pidfd_of_self(void)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, getpid(), 0u);
#else
    return -1;
#endif
}

/* The helper is the child of a child that ends at once, so that whoever adopts orphans adopts it. A
 * reaper of orphans among our own attributes would make that us: put aside meanwhile. */
static bool orphan(const char *path, char **envp, int sock)
{
    int trainer_fd = pidfd_of_self();
    int reaper = 0;
    char trainer[16];
    pid_t child, pid;
    int status = -1;

    snprintf(trainer, sizeof(trainer), "%d", (int)getpid());
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    if (reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 0);
    child = fork_silently();
    if (child == 0) {
        setsid();
        pid = fork_silently();
        if (pid == 0)
            become_helper(path, envp, sock, trainer_fd, trainer);
        _exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    if (child > 0)
        while (waitpid(child, &status, __WALL) < 0 && errno == EINTR)
            ;
    if (reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (trainer_fd >= 0)
        close(trainer_fd);
    return child > 0 && status == 0;
}

int helper_start(const char *path, const struct environment *env, struct error *err)
{
    struct arena arena = ARENA_INIT;
    char found[PATH_MAX];
    int pair[2];
    bool started;

    if (!path) {
        if (find_helper(found, sizeof(found), err) < 0)
            return -1;
        path = found;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, "cannot make a socket pair: %s", strerror(errno));
    started = orphan(path, (char **)helper_environment(env, &arena), pair[1]);
    arena_release(&arena);
    close(pair[1]);
    if (started)
        return pair[0];
    close(pair[0]);
    return error_set(err, "cannot start the MPI helper '%s'", path);
}
