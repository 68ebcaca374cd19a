#include "launch/launch.h"

#include <string.h>

void launch_from_argv(const char *script, int argc, const char *const *argv, int64_t world,
                      const struct environment *env, struct launch *launch)
{
    memset(launch, 0, sizeof(*launch));
    launch->script = script;
    launch->argc = argc;
    launch->argv = argv;
    launch->argv_index = -1;
    launch->rank = -1;
    launch->environment = *env;
    if (world > 0)
        launch->world = (struct fact_int){ .known = true, .value = world, .source = "given" };
}
