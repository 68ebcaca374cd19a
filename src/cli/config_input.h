/* A configuration named on our command line, with the sizes given beside it. */
#ifndef CLI_CONFIG_INPUT_H
#define CLI_CONFIG_INPUT_H

#include "cli/cli.h"
#include "config/config.h"

/* Is one of --config and its kin given? */
bool config_is_given(const struct cli *cli);

/* Reads it, or leaves config->path NULL where none is given. -1 with 'err' set for bad input, also
 * for sizes without a configuration. */
int config_input(const struct cli *cli, struct arena *arena, struct config *config,
                 struct error *err);

/* --tp and its kin, and --num-gpus. */
void config_input_sizes(const struct cli *cli, struct config *config);

/* Reads 'path' whatever its format, with the sizes of our command line. */
int config_input_file(const struct cli *cli, const char *path, struct arena *arena,
                      struct config *config, struct error *err);

#endif
