/* spawn COUNT COMMAND...: starts COMMAND that many times, one after the other, and prints the median and the
 * least time from start to end in microseconds. Output of the command goes to /dev/null. */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t time_once(char **argv, posix_spawn_file_actions_t *actions)
{
    int64_t start = now_us();
    int status;
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], actions, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) < 0)
        exit(EXIT_FAILURE);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "spawn: '%s' ended with status %d\n", argv[0], WEXITSTATUS(status));
        exit(EXIT_FAILURE);
    }
    return now_us() - start;
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    int count = argc > 2 ? atoi(argv[1]) : 0;
    int64_t *took;

    if (count < 1)
        return EXIT_FAILURE;
    took = calloc((size_t)count, sizeof(*took));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < count; i++)
        took[i] = time_once(argv + 2, &actions);
    qsort(took, (size_t)count, sizeof(*took), compare);
    printf("%lld %lld\n", (long long)took[count / 2], (long long)took[0]);
    return EXIT_SUCCESS;
}
