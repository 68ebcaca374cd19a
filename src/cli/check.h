/* The subcommands that start nothing. Each returns the exit status. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/cli.h"
#include "cli/inputs.h"

int check_command(const struct cli *cli);
/* A report on standard output, in the format asked for. */
struct report;
void check_print(const struct cli *cli, const struct report *report);

int rules_command(const struct cli *cli);
int convert_command(const struct cli *cli);
int models_command(const struct cli *cli);
int version_command(void);

/* check --batch: one record a line in, one report a line out, in the same order, whatever the record. */
int check_batch(const struct cli *cli, const struct inputs *inputs, struct error *err);

#endif
