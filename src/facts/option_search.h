/* Options of the trainer that its release does not know: does the script, or the tree it imports,
 * mention them? Bounded in files, bytes and time; only looked for when there are any. */
#ifndef FACTS_OPTION_SEARCH_H
#define FACTS_OPTION_SEARCH_H

#include "facts/facts.h"
#include "launch/launch.h"

/* Fills facts->options_in_tree, if it is not known yet and facts->megatron_tree is. It stays
 * unknown when the search could not be complete: a file that cannot be read, a bound reached, a
 * script that imports modules from elsewhere (which may add options). */
void option_search(const struct launch *launch, const char *cwd, struct arena *arena,
                   struct facts *facts);

#endif
