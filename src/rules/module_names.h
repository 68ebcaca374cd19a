/* The words that --recompute-modules and --offload-modules take, by release; the parser takes any.
 */
#ifndef RULES_MODULE_NAMES_H
#define RULES_MODULE_NAMES_H

#include "base/arena.h"
#include "megatron/job.h"
#include "megatron/release.h"

enum module_use { MODULE_RECOMPUTE, MODULE_OFFLOAD };

/* The first word of the list that is no such module in that release, or NULL. */
const char *unknown_module(const struct list *list, enum module_use use, enum release release);

/* All of them, separated by commas. */
const char *module_names(enum module_use use, enum release release, struct arena *arena);

/* Is the module recomputed: selectively, and in the list? */
bool is_recomputed(const struct job *job, const char *module);

#endif
