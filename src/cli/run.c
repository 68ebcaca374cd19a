#include "cli/run.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/exec.h"
#include "cli/guard.h"

static bool agreement_failed(enum cluster_outcome outcome)
{
    return outcome >= CLUSTER_DEADLINE;
}

static void warn(const struct run *run, enum cluster_outcome outcome, const struct error *err)
{
    if (cluster_speaks(&run->cluster, outcome))
        fprintf(stderr, "megatron-preflight: warning: %s\n", err->text);
}

/* A launcher ends all ranks as soon as one ends with a status, and the report with them: ranks that
 * decided alone and have nothing to say wait a moment for the one that has. (After an agreement it
 * has been printed.) */
static void let_the_speaker_speak(const struct run *run, enum cluster_outcome outcome)
{
    if (outcome != CLUSTER_JOINED && !cluster_speaks(&run->cluster, outcome))
        sleep(2);
}

static int start_job(const struct run *run, enum cluster_outcome outcome)
{
    struct arena arena = ARENA_INIT;
    struct environment env = cluster_job_environment(run->cluster.environment, outcome, &arena);
    struct error err;
    int status;

    guard_lower();
    status = exec_command(run->command, &env, &err);
    fprintf(stderr, "megatron-preflight: %s\n", err.text);
    arena_release(&arena);
    return status;
}

int run_job(const struct run *run)
{
    struct cluster_verdict verdict;
    struct error err;
    enum cluster_outcome outcome =
        cluster_agree(&run->cluster, run->mine, run->decide, run->data, &verdict, &err);

    if (agreement_failed(outcome))
        warn(run, outcome, &err);
    if (verdict.exit_status) {
        let_the_speaker_speak(run, outcome);
        return verdict.exit_status;
    }
    if (agreement_failed(outcome) && run->block_on_error)
        return EXIT_UNDECIDED;
    return start_job(run, outcome);
}
