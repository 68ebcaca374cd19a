/* Whose trainer a script is, by its name and options: one of Megatron's own entry scripts, another
 * framework's that only looks like it, or a user's own. */
#ifndef LAUNCH_TRAINER_H
#define LAUNCH_TRAINER_H

#include "launch/launch.h"

/* Is the trainer one of Megatron's own entry scripts, by name? Another script can feed other
 * batches than the options say. */
bool launch_script_is_megatrons(const struct launch *launch);

/* Why the options behind launch->script are not a Megatron training's, or NULL. In 'arena'. */
const char *trainer_cannot_know(const struct launch *launch, struct arena *arena);

#endif
