/* The subcommand 'audit': what a site's log of decisions says. */
#ifndef CLI_AUDIT_COMMAND_H
#define CLI_AUDIT_COMMAND_H

#include "cli/cli.h"

/* Returns the exit status: 2 when a log could not be opened or read. */
int audit_command(const struct cli *cli);

#endif
