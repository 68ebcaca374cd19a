/* megatron-preflight's last steps (agree, print, exec) with a verdict that the test chooses, so
 * that agreement and exec are tested apart from rules:
 *
 *   wrapper [--timeout SECONDS] [--helper PATH] [--no-mpi] [--block] [--stop] [--script NAME]
 *           [--late RANK:SECONDS] [--think SECONDS] [--differ RANK] [--die RANK] command ... */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exec.h"
#include "cli/run.h"

struct choice {
    bool stop;
    double think;
};

static int own_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (!rank)
        rank = getenv("PMIX_RANK");
    return rank ? atoi(rank) : -1;
}

static size_t count_different(const struct cluster_facts *facts, size_t count)
{
    size_t different = 0;

    for (size_t i = 1; i < count; i++)
        different += facts[i].argv_hash != facts[0].argv_hash;
    return different;
}

static void decide(void *data, const struct cluster_facts *facts, size_t count, bool speaks,
                   struct cluster_verdict *out)
{
    struct choice *choice = data;
    size_t different = count_different(facts, count);

    usleep((useconds_t)(choice->think * 1e6));
    out->exit_status = choice->stop || different ? EXIT_STOPPED : 0;
    if (speaks)
        fprintf(stderr, "wrapper: %s, %zu ranks, %zu different\n", out->exit_status ? "stop" : "go",
                count, different);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "timeout", 1, NULL, 't' }, { "helper", 1, NULL, 'h' }, { "no-mpi", 0, NULL, 'n' },
        { "block", 0, NULL, 'b' },   { "stop", 0, NULL, 's' },   { "late", 1, NULL, 'l' },
        { "think", 1, NULL, 'k' },   { "differ", 1, NULL, 'd' }, { "script", 1, NULL, 'p' },
        { "die", 1, NULL, 'x' },     { NULL, 0, NULL, 0 },
    };
    extern char **environ;
    struct environment env = { .known = true, .entry = (const char *const *)environ };
    struct cluster_facts mine = { .world = 4, .argv_hash = 1 };
    struct choice choice = { .stop = false };
    struct run run = { .mine = &mine,
                       .decide = decide,
                       .data = &choice,
                       .cluster = { .environment = &env, .rank = own_rank(), .timeout_seconds = 60 } };
    int option, rank, late_rank = -1;
    double late = 0;

    while (environ[env.count])
        env.count++;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 't':
            run.cluster.timeout_seconds = atof(optarg);
            break;
        case 'h':
            run.cluster.helper = optarg;
            break;
        case 'n':
            run.cluster.no_mpi = true;
            break;
        case 'b':
            run.block_on_error = true;
            break;
        case 's':
            choice.stop = true;
            break;
        case 'k':
            choice.think = atof(optarg);
            break;
        case 'd':
            mine.argv_hash += atoi(optarg) == own_rank();
            break;
        case 'p':
            snprintf(mine.script, sizeof(mine.script), "%s", optarg);
            break;
        case 'l':
            if (sscanf(optarg, "%d:%lf", &rank, &late) == 2)
                late_rank = rank;
            break;
        case 'x':
            if (atoi(optarg) == own_rank())
                raise(SIGKILL);
            break;
        default:
            return EXIT_OWN_USAGE;
        }
    }
    if (own_rank() >= 0 && own_rank() == late_rank)
        usleep((useconds_t)(late * 1e6));
    run.command = (const char *const *)argv + optind;
    return run_job(&run);
}
