#include "cli/guard.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/exec.h"

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM };
enum { FATAL_COUNT = sizeof(fatal) / sizeof(fatal[0]) };

/* A signal handler has no other way to its data. */
static struct {
    bool up;
    bool block;
    bool has_timer;
    char path[PATH_MAX];
    char *const *command;
    char *const *env;
    struct sigaction before[FATAL_COUNT];
    stack_t stack_before;
    sigset_t mask_before;
    timer_t timer;
    char stack[32 * 1024];
} guard;

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void restore_signals(void)
{
    for (int i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal[i], &guard.before[i], NULL);
}

static void on_fatal(int number)
{
    restore_signals();
    sigprocmask(SIG_SETMASK, &guard.mask_before, NULL);
    say("megatron-preflight: warning: ");
    say(number == SIGALRM ? "no verdict in time" : "internal error, no verdict");
    say(guard.block ? "; the job is blocked (on_error: block)\n" : "; the job starts unchecked\n");
    if (guard.block)
        _exit(EXIT_UNDECIDED);
    execve(guard.path, guard.command, guard.env);
    _exit(EXIT_CANNOT_RUN);
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* As execvp would find it; left empty where it is not found, and then the guard stays down. */
static void find_program(const char *name)
{
    const char *path = getenv("PATH");

    guard.path[0] = '\0';
    if (strchr(name, '/')) {
        snprintf(guard.path, sizeof(guard.path), "%s", name);
        return;
    }
    for (const char *p = path ? path : "/bin:/usr/bin"; *p; p += *p == ':') {
        size_t n = strcspn(p, ":");

        snprintf(guard.path, sizeof(guard.path), "%.*s%s%s", (int)n, p, n ? "/" : "./", name);
        if (is_program(guard.path))
            return;
        p += n;
    }
    guard.path[0] = '\0';
}

static void start_timer(double seconds)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
    struct itimerspec when = { .it_value = { .tv_sec = (time_t)seconds + 1 } };

    /* A POSIX timer, unlike alarm(), does not outlive exec. */
    guard.has_timer = timer_create(CLOCK_MONOTONIC, &event, &guard.timer) == 0;
    if (guard.has_timer)
        timer_settime(guard.timer, 0, &when, NULL);
}

void guard_raise(const char *const *command, const struct environment *env, bool block,
                 double seconds)
{
    stack_t stack = { .ss_sp = guard.stack, .ss_size = sizeof(guard.stack) };
    struct sigaction action = { .sa_handler = on_fatal, .sa_flags = SA_ONSTACK };

    find_program(command[0]);
    if (!guard.path[0])
        return; /* the exec will say so */
    guard.up = true;
    guard.block = block;
    guard.command = (char *const *)command;
    guard.env = (char *const *)env->entry;
    sigfillset(&action.sa_mask);
    sigprocmask(SIG_SETMASK, NULL, &guard.mask_before);
    sigaltstack(&stack, &guard.stack_before);
    for (int i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal[i], &action, &guard.before[i]);
    if (seconds > 0)
        start_timer(seconds);
}

void guard_lower(void)
{
    if (!guard.up)
        return;
    if (guard.has_timer)
        timer_delete(guard.timer);
    restore_signals();
    sigaltstack(&guard.stack_before, NULL);
    memset(&guard, 0, sizeof(guard));
}
