/* A script's launches, from our options and the world: what 'expand' lists, 'check SCRIPT' judges
 * and a sweep looks at. */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "cli/inputs.h"
#include "expand/expand.h"

/* Which word of cli->argv is a script: the first one, or what "sbatch OPTIONS SCRIPT" submits; -1 for
 * none. */
int script_word(const struct cli *cli, struct arena *arena);

/* Runs the script of that word with the words behind it; as root becomes --user first. -1 with
 * 'err' set where it cannot be run. */
int script_expand(const struct cli *cli, const struct inputs *configured, struct arena *arena,
                  struct expansion *expansion, struct error *err);

/* Does it start training, or hide what it starts ("deepspeed")? Then it is a launch to be listed;
 * else, as "python tools/preprocess.py", it is none. 'launch' is written. */
bool script_launch(const struct expand_launch *found, struct arena *arena, struct launch *launch);

/* Everything a verdict on one launch needs, in 'inputs'. -1 with 'err' set for bad options of ours.
 */
int script_gather(const struct cli *cli, const struct inputs *configured,
                  const struct expansion *expansion, const struct expand_launch *found,
                  struct arena *arena, struct inputs *inputs, struct error *err);

/* The finding's words stand in the script: points there. */
void script_point(const struct expansion *expansion, const struct expand_launch *found,
                  struct report *report);

/* Subcommands. */
int expand_command(const struct cli *cli);
int check_script(const struct cli *cli, const struct inputs *configured, struct arena *arena,
                 struct error *err);

#endif
