#include "cli/run_command.h"

#include <stdio.h>
#include <string.h>

#include "cli/decision.h"
#include "cli/exec.h"
#include "cli/explain_policy.h"
#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/run.h"
#include "cli/user.h"
#include "cluster/agreement.h"
#include "facts/gather.h"

/* How long facts may take on top of waiting for other ranks (a file system or a driver that hangs). */
enum { LOOKING_SECONDS = 30 };

/* One rank's way to its verdict. */
struct deciding {
    const struct cli *cli;
    struct inputs *inputs;
    struct arena *arena;
};

static void print(const struct deciding *deciding, const struct report *report)
{
    struct report_style style;

    if (report->mode == MODE_OBSERVE || report->mode == MODE_OFF)
        return;
    inputs_warn(deciding->inputs, stderr);
    style_for(deciding->cli, stderr, &style);
    if (!bypass_say(&deciding->inputs->policy, report, deciding->arena, stderr))
        report_text(report, &style, stderr);
    fflush(stderr);
}

static void decide(void *data, const struct cluster_facts *facts, size_t count, bool speaks,
                   struct cluster_verdict *out)
{
    struct deciding *deciding = data;
    struct inputs *inputs = deciding->inputs;
    struct report report;

    inputs->facts.ranks = facts;
    inputs->facts.rank_count = count;
    inputs->policy.let_go = user_bypass(&inputs->policy.bypass, deciding->arena);
    if (inputs->looks)
        facts_gather_files(&inputs->launch, deciding->arena, &inputs->facts);
    agreement_smallest_gpu(facts, count, &inputs->facts);
    verdict_decide(&(struct request){ .launch = &inputs->launch, .facts = &inputs->facts,
                                      .policy = &inputs->policy, .extra = &inputs->extra,
                                      .want_fixes = speaks },
                   deciding->arena, &report);
    memset(out, 0, sizeof(*out));
    out->verdict = report.verdict;
    out->exit_status = report.verdict == VERDICT_STOP ? EXIT_STOPPED : 0;
    if (!speaks)
        return;
    print(deciding, &report);
    decision_log(inputs, &report, deciding->arena);
}

static int fail(const struct error *err, int status)
{
    fprintf(stderr, "megatron-preflight: %s\n", err->text);
    return status;
}

static int start_unchecked(const struct cli *cli, const struct environment *env)
{
    struct error err;
    int status = exec_command(cli->argv, env, &err);

    return fail(&err, status);
}

static int check_and_start(const struct cli *cli, struct inputs *inputs,
                           struct arena *arena)
{
    struct error err;
    int status;
    struct deciding deciding = { .cli = cli, .inputs = inputs, .arena = arena };
    struct cluster_facts mine;
    struct run run = { .command = cli->argv,
                       .mine = &mine,
                       .decide = decide,
                       .data = &deciding,
                       .block_on_error = inputs->policy.on_error == ON_ERROR_BLOCK,
                       .cluster = { .environment = &inputs->environment,
                                    .no_mpi = cli->no_mpi,
                                    .timeout_seconds = inputs->policy.timeout_seconds } };

    guard_raise(cli->argv, &inputs->environment, run.block_on_error,
                inputs->policy.timeout_seconds + LOOKING_SECONDS);
    if (inputs_gather(cli, arena, inputs, &err) < 0) {
        guard_lower();
        return fail(&err, EXIT_OWN_USAGE);
    }
    run.cluster.rank = inputs->launch.rank;
    agreement_facts(&inputs->launch, &inputs->facts, &mine);
    status = run_job(&run);
    guard_lower();
    return status;
}

static int refuse_without_policy(const struct inputs *inputs)
{
    inputs_warn(inputs, stderr);
    fputs("megatron-preflight: the job is blocked (on_error: block)\n", stderr);
    return EXIT_UNDECIDED;
}

int run_command(const struct cli *cli)
{
    struct arena arena = ARENA_INIT;
    struct inputs inputs;
    struct error err;
    int status;

    if (cli->argc == 0 && !cli->explain_policy)
        return fail((error_set(&err, "no command given; see megatron-preflight --help"), &err),
                    EXIT_OWN_USAGE);
    if (inputs_configure(cli, &arena, &inputs, &err) < 0)
        status = fail(&err, EXIT_OWN_USAGE);
    else if (cli->explain_policy)
        status = explain_policy(cli, &inputs, &arena, &err) < 0 ? fail(&err, EXIT_OWN_USAGE) : 0;
    else if (inputs.faults.count && inputs.policy.on_error == ON_ERROR_BLOCK)
        status = refuse_without_policy(&inputs);
    else if (inputs.policy.mode == MODE_OFF)
        status = start_unchecked(cli, &inputs.environment);
    else
        status = check_and_start(cli, &inputs, &arena);
    arena_release(&arena);
    return status;
}
