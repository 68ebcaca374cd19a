/* How a script is started in the sandbox: its command and its environment. Pure. */
#ifndef EXPAND_START_H
#define EXPAND_START_H

#include "expand/expand.h"

/* Does the first line name a shell ("#!/bin/bash -l", "#!/usr/bin/env bash")? */
bool start_is_shell(const char *line);

/* The environment with the values of variables that commonly hold keys replaced. */
struct environment start_without_secrets(const struct environment *environment,
                                         struct arena *arena);

/* That, as the job's: what #SBATCH lines and our options allocate, and what the sandbox needs. */
struct environment start_environment(const struct environment *environment, const char *text,
                                     const char *directory, const struct expand_options *options,
                                     struct arena *arena);

/* The same with a NULL behind its entries, as execve() wants it. */
struct environment start_ended(const struct environment *environment, struct arena *arena);

/* bash with the options of the script's first line, the script and its arguments; NULL at the end.
 */
const char *const *start_command(const char *bash, const char *path, const char *text, int argc,
                                 const char *const *argv, struct arena *arena);

#endif
