/* check --all: every launch of a repository, in one report. */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "cli/cli.h"
#include "cli/inputs.h"

/* Prints the report to stdout. The exit status, or -1 with 'err' set for bad input. */
int check_all(const struct cli *cli, const struct inputs *configured, struct arena *arena,
              struct error *err);

#endif
