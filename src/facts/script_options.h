/* What the trainer's script, and the files beside it that it imports, add to Megatron's parser: read from
 * their text, no Python is run. Bounded in files, bytes and depth. */
#ifndef FACTS_SCRIPT_OPTIONS_H
#define FACTS_SCRIPT_OPTIONS_H

#include "facts/facts.h"
#include "launch/launch.h"

/* The module that a line of Python imports ("from a.b import c": "a.b", "from .a import b": "a"), or NULL. */
const char *python_import(const char *line, struct arena *arena);

/* Fills script_options and script_parser where they are not known. Nothing for a trainer in a container or a
 * module, or when the script cannot be read. */
void script_options_read(const struct launch *launch, const char *cwd, struct arena *arena,
                    struct facts *facts);

#endif
