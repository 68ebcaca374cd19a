/* Everything a verdict needs, read from our options and the world. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <time.h>

#include "cli/cli.h"
#include "config/config.h"
#include "cli/site_policy.h"
#include "report/report.h"
#include "verdict/verdict.h"

struct inputs {
    struct policy policy;
    struct option_extra extra;
    struct environment environment; /* this process's */
    struct config config; /* the job's, path NULL without one */
    struct launch launch;
    struct facts facts;
    bool looks; /* facts are read from the world, not from --facts */
    struct timespec since; /* when we began, by CLOCK_MONOTONIC */
    struct site_faults faults; /* files of the site's policy that were left out */
};

/* Policy files, --mode, --on-error, --megatron-options: what does not depend on the job. -1 with
 * 'err' set for bad input. */
int inputs_configure(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                     struct error *err);

/* The launch of cli->argv and the facts about it; for 'run' without what only the deciding rank
 * reads (facts_gather_files). -1 with 'err' set for bad input. */
int inputs_gather(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                  struct error *err);

/* One line each for what is wrong with the site's policy and for attempts against its locks. */
void inputs_warn(const struct inputs *inputs, FILE *out);

/* The second half of it, for a launch that somebody else found and put into inputs->launch. */
int inputs_about_launch(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                        struct error *err);

/* How to print on that stream. */
void style_for(const struct cli *cli, FILE *out, struct report_style *style);

#endif
