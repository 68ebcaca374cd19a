/* The Megatron checkout that a trainer's script imports: where it is, which release it says it is,
 * and which of its rule-bearing files (trees.tsv) differ from that release's. */
#ifndef FACTS_TREE_H
#define FACTS_TREE_H

#include "facts/facts.h"
#include "launch/launch.h"

/* The directory that holds megatron/core/package_info.py, looked for where Python would (beside the
 * script, the working directory for a module, PYTHONPATH) and then where scripts add it (the
 * directories above the script, the working directory 'cwd'). *how says which. NULL: none that we
 * can read. */
const char *tree_find(const struct launch *launch, const char *cwd, struct arena *arena,
                      const char **how);

/* The version that megatron/core/package_info.py of 'tree' states ("0.17.0rc0"), or NULL. */
const char *tree_version(const char *tree, struct arena *arena);

/* Fills what is not known yet of facts->megatron, megatron_tree and megatron_changed. Does nothing
 * for a trainer in a container, whose files are not ours. */
void tree_facts(const struct launch *launch, const char *cwd, struct arena *arena,
                struct facts *facts);

#endif
