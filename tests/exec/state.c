/* state [--sleep=SECONDS] PREFIX [WORD...]: writes to PREFIX.<rank> (PREFIX.0 without a launcher)
 * everything a program can see of how it was started, one fact a line, without numbers that differ
 * from one start to the next (process ids, inodes). Two runs that differ in a line were started
 * differently. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void print_words(FILE *out, char **argv)
{
    for (int i = 0; argv[i]; i++)
        fprintf(out, "argv[%d] %s\n", i, argv[i]);
}

/* In order: a program may depend on it. */
static void print_environment(FILE *out)
{
    for (char **entry = environ; *entry; entry++)
        fprintf(out, "env %s\n", *entry);
}

/* "pipe:[123]" without its number. */
static void forget_numbers(char *text)
{
    char *bracket = strstr(text, ":[");

    if (bracket && isdigit((unsigned char)bracket[2]))
        bracket[1] = '\0';
}

static void print_descriptor(FILE *out, int fd)
{
    char path[64], target[512];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    n = readlink(path, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    forget_numbers(target);
    fprintf(out, "fd %d %s flags %o cloexec %d", fd, target, fcntl(fd, F_GETFL),
            fcntl(fd, F_GETFD));
    /* Our own line on standard error moves its offset. */
    fprintf(out, " offset %lld\n", fd == STDERR_FILENO ? 0 : (long long)lseek(fd, 0, SEEK_CUR));
}

static void print_descriptors(FILE *out)
{
    for (int fd = 0; fd < 1024; fd++)
        if (fd != fileno(out) && fcntl(fd, F_GETFD) >= 0)
            print_descriptor(out, fd);
}

/* The lines of a file of /proc/self that begin with one of the names (all without names). */
static void print_lines(FILE *out, const char *path, const char *const *names)
{
    FILE *file = fopen(path, "re");
    char line[1024];

    while (file && fgets(line, sizeof(line), file)) {
        bool wanted = names == NULL;

        for (int i = 0; names && names[i]; i++)
            wanted |= strncmp(line, names[i], strlen(names[i])) == 0;
        if (wanted)
            fprintf(out, "%s %s", path, line);
    }
    if (file)
        fclose(file);
}

static void print_signals(FILE *out)
{
    struct sigaction action;

    for (int sig = 1; sig < NSIG; sig++)
        if (sigaction(sig, NULL, &action) == 0)
            fprintf(out, "signal %d %s flags %x\n", sig,
                    action.sa_handler == SIG_DFL   ? "default"
                    : action.sa_handler == SIG_IGN ? "ignored"
                                                   : "caught",
                    (unsigned)action.sa_flags);
}

static void print_scheduling(FILE *out)
{
    struct sched_param param;
    struct itimerval timer;
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    fprintf(out, "affinity");
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            fprintf(out, " %d", cpu);
    sched_getparam(0, &param);
    fprintf(out, "\nscheduler %d priority %d nice %d ioprio %ld timerslack %d\n",
            sched_getscheduler(0), param.sched_priority, getpriority(PRIO_PROCESS, 0),
            syscall(SYS_ioprio_get, 1, 0), prctl(PR_GET_TIMERSLACK));
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
        if (getitimer(which, &timer) == 0)
            fprintf(out, "timer %d %s\n", which,
                    timer.it_value.tv_sec || timer.it_value.tv_usec ? "set" : "off");
}

static void print_attributes(FILE *out)
{
    int pdeathsig = 0, reaper = 0;
    char cwd[4096];
    mode_t mask = umask(0);

    umask(mask);
    prctl(PR_GET_PDEATHSIG, &pdeathsig);
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    fprintf(out, "umask %o\ncwd %s\n", mask, getcwd(cwd, sizeof(cwd)) ? cwd : "?");
    fprintf(out, "uid %d %d gid %d %d\n", getuid(), geteuid(), getgid(), getegid());
    fprintf(out,
            "pdeathsig %d subreaper %d no_new_privs %d dumpable %d keepcaps %d securebits %d\n",
            pdeathsig, reaper, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE),
            prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS));
    fprintf(out, "personality %x\n", (unsigned)personality(0xffffffff));
    fprintf(out, "group leader %d, session leader %d, group of parent %d, session of parent %d\n",
            getpgrp() == getpid(), getsid(0) == getpid(), getpgrp() == getpgid(getppid()),
            getsid(0) == getsid(getppid()));
    fprintf(out, "terminal's group %d\n", tcgetpgrp(0) == getpgrp());
}

static void print_children(FILE *out)
{
    int status;
    pid_t child = waitpid(-1, &status, WNOHANG | __WALL);

    fprintf(out, "waitpid %s\n",
            child == 0  ? "a child runs"
            : child > 0 ? "a child ended"
                        : strerror(errno));
    print_lines(out, "/proc/thread-self/children", NULL);
}

static const char *own_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (!rank)
        rank = getenv("PMIX_RANK");
    if (!rank)
        rank = getenv("RANK");
    return rank ? rank : "0";
}

static const char *const status_lines[] = { "SigPnd",
                                            "SigBlk",
                                            "SigIgn",
                                            "SigCgt",
                                            "Shd",
                                            "Cap",
                                            "NoNewPriv",
                                            "Seccomp:",
                                            "Threads",
                                            "Cpus_allowed_list",
                                            "Mems_allowed_list",
                                            "Groups",
                                            NULL };

int main(int argc, char **argv)
{
    char path[4096];
    unsigned pause = 0;
    FILE *out;

    if (argc > 1 && sscanf(argv[1], "--sleep=%u", &pause) == 1)
        argv++, argc--;
    if (argc < 2)
        return EXIT_FAILURE;
    snprintf(path, sizeof(path), "%s.%s", argv[1], own_rank());
    out = fopen(path, "we");
    if (!out)
        return EXIT_FAILURE;
    print_words(out, argv + 2);
    print_descriptors(out);
    print_children(out);
    print_signals(out);
    print_lines(out, "/proc/self/status", status_lines);
    print_lines(out, "/proc/self/limits", NULL);
    print_lines(out, "/proc/self/oom_score_adj", NULL);
    print_lines(out, "/proc/self/cgroup", NULL);
    print_scheduling(out);
    print_attributes(out);
    print_environment(out);
    if (fclose(out))
        return EXIT_FAILURE;
    sleep(pause);
    return EXIT_SUCCESS;
}
