/* Versions of Python and of the packages that Megatron's rules ask for, read from the *.dist-info
 * and *.egg-info names beside the interpreter that the launch names. No Python is run. */
#ifndef FACTS_PACKAGES_H
#define FACTS_PACKAGES_H

#include "facts/facts.h"
#include "launch/launch.h"

/* The interpreter that will run the trainer: the launch's python, or the one in the first line of
 * its torchrun, found on the trainer's PATH; links not followed. NULL when it cannot be known. */
const char *packages_interpreter(const struct launch *launch, const char *cwd, struct arena *arena);

/* Fills python, torch, transformer_engine, flash_attn and apex where they are not known. "" only if
 * every directory that the interpreter imports from was read and none has the package. Does nothing
 * for a trainer in a container or an interpreter without torch or Transformer
 * Engine. */
void packages_facts(const struct launch *launch, const char *cwd, struct arena *arena,
                    struct facts *facts);

#endif
