/* plugstack.conf: required @libdir@/slurm/megatron-preflight.so [preflight=FILE] [switches=DIR] [records=DIR] [seconds=N]
 *
 * What srun is about to start is checked as the user, once the allocation is there and before anything is
 * launched, and refused when it cannot run. The work is done by the program; this only asks it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <slurm/spank.h>

SPANK_PLUGIN(megatron-preflight, 1)

enum { WORDS_BYTES_MOST = 4 << 20, OWN_WORDS = 9 };

struct settings {
    const char *preflight, *switches, *records;
    int seconds;
};

static struct settings settings_of(int ac, char **av)
{
    struct settings settings = { .preflight = BINDIR "/megatron-preflight",
                                 .switches = SYSCONFDIR "/megatron-preflight/slurm",
                                 .records = "/var/spool/megatron-preflight",
                                 .seconds = 15 };

    for (int i = 0; i < ac; i++) {
        if (strncmp(av[i], "preflight=", 10) == 0)
            settings.preflight = av[i] + 10;
        else if (strncmp(av[i], "switches=", 9) == 0)
            settings.switches = av[i] + 9;
        else if (strncmp(av[i], "records=", 8) == 0)
            settings.records = av[i] + 8;
        else if (strncmp(av[i], "seconds=", 8) == 0 && atoi(av[i] + 8) > 0)
            settings.seconds = atoi(av[i] + 8);
        else
            slurm_error("megatron-preflight: unknown argument '%s' in plugstack.conf", av[i]);
    }
    return settings;
}

static bool is_on(const struct settings *settings, const char *name)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", settings->switches, name);
    return access(path, F_OK) == 0;
}

/* The words srun was started with, behind OWN_WORDS places for ours; NULL when they cannot be read. */
static const char **typed_words(char *text, size_t size)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC), count = 0;
    size_t length = 0;
    const char **word;
    ssize_t n;

    if (fd < 0)
        return NULL;
    while (length < size && (n = read(fd, text + length, size - length)) > 0)
        length += (size_t)n;
    close(fd);
    if (!length || length == size)
        return NULL;
    for (size_t i = 0; i < length; i++)
        count += !text[i];
    word = calloc(OWN_WORDS + (size_t)count + 1, sizeof(*word));
    for (size_t i = 0, w = OWN_WORDS; word && i < length; i += strlen(text + i) + 1)
        word[w++] = text + i;
    return word;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Its exit status, -1 for none, -2 when the time was up. */
static int status_of(pid_t child, int seconds)
{
    double deadline = now() + seconds;
    int status;
    pid_t ended;

    while ((ended = waitpid(child, &status, WNOHANG)) <= 0) {
        if (ended < 0 && errno != EINTR)
            return -1;
        if (now() > deadline) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -2;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_dry_run(const struct settings *settings)
{
    return is_on(settings, "dry-run") || is_on(settings, "spank.dry-run");
}

static int ask(const struct settings *settings, const char **word, unsigned int job)
{
    char record[4096];
    pid_t child;
    const char *log = is_dry_run(settings) ? "--quiet" : "--log-stops"; /* --quiet twice is --quiet */

    snprintf(record, sizeof(record), "%s/%u.jsonl", settings->records, job);
    memcpy(word, (const char *[OWN_WORDS]){ settings->preflight, "check", "--quiet", "--save", record,
                                            "--color", "never", log, "--" },
           OWN_WORDS * sizeof(*word));
    child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execv(settings->preflight, (char **)word);
        _exit(127);
    }
    return child < 0 ? -1 : status_of(child, settings->seconds);
}

static int act_on(const struct settings *settings, int status)
{
    if (status == 1 && is_dry_run(settings)) {
        slurm_info("megatron-preflight (dry run): this step would be stopped");
        return 0;
    }
    if (status == 1) {
        slurm_error("megatron-preflight: stopped; nothing was launched");
        return -1;
    }
    if (status == -2)
        slurm_info("megatron-preflight: spank: no verdict within %d s; the step goes unchecked",
                   settings->seconds);
    else if (status != 0)
        slurm_info("megatron-preflight: spank: no verdict (status %d); the step goes unchecked", status);
    return 0;
}

int slurm_spank_local_user_init(spank_t spank, int ac, char **av)
{
    struct settings settings = settings_of(ac, av);
    unsigned int job = 0;
    char *text = malloc(WORDS_BYTES_MOST);
    const char **word;
    int rc = 0;

    if (text && !is_on(&settings, "off") && !is_on(&settings, "spank.off") &&
        spank_get_item(spank, S_JOB_ID, &job) == ESPANK_SUCCESS) {
        word = typed_words(text, WORDS_BYTES_MOST);
        if (word)
            rc = act_on(&settings, ask(&settings, word, job));
        free(word);
    }
    free(text);
    return rc;
}
