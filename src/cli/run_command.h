/* The subcommand 'run': gather, decide, agree, print, become the job. */
#ifndef CLI_RUN_COMMAND_H
#define CLI_RUN_COMMAND_H

#include "cli/cli.h"

/* Returns only when the job was not started: the exit status. */
int run_command(const struct cli *cli);

#endif
