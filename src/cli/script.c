#include "cli/script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "launch/launchers.h"
#include "launch/sbatch.h"

int script_word(const struct cli *cli, struct arena *arena)
{
    int word = sbatch_script(cli->argc, cli->argv, arena);

    /* A launcher may be a shell script itself. */
    if (!cli->argc || (!word && launcher_find(cli->argv[0])))
        return -1;
    return word || expand_is_script(cli->argv[0]) ? word : -1;
}

int script_expand(const struct cli *cli, const struct inputs *configured, struct arena *arena,
                  struct expansion *expansion, struct error *err)
{
    const int word = sbatch_script(cli->argc, cli->argv, arena);
    const struct expand_options options = { .environment = &configured->environment,
                                            .nodes = cli->nodes,
                                            .gpus_per_node = cli->gpus_per_node,
                                            .sbatch_argc = word ? word - 1 : 0,
                                            .sbatch_argv = word ? cli->argv + 1 : NULL,
                                            .seconds = cli->timeout };

    if (expand_drop_root(cli->user, cli->argv[word], err) < 0)
        return -1;
    return expand(cli->argv[word], cli->argc - word - 1, cli->argv + word + 1, &options, arena,
                  expansion, err);
}

/* Is the program behind the launchers that were understood one that hides the ranks it starts? */
static bool hides_ranks(const struct launch *launch)
{
    const struct launcher *last =
        launch->layer_count < 16 ? launch->layer[launch->layer_count].launcher : NULL;

    return last && last->cannot_know;
}

bool script_launch(const struct expand_launch *found, struct arena *arena, struct launch *launch)
{
    launch_parse(found->argc, found->argv, &found->environment, arena, launch);
    if (!launch->cannot_know)
        return true;
    return !launch->script ? launch_ranks(launch) || hides_ranks(launch)
                           : launch_ranks(launch) && launch->argc > 0;
}

/* A bare srun takes the allocation as it is, which whoever submits the script may name. */
static void doubt_bare_srun(struct launch *launch)
{
    if (!launch->world.known || !launch->world.source || strcmp(launch->world.source, "srun") != 0)
        return;
    launch->world.known = launch->nodes.known = launch->ranks_per_node.known = false;
    launch->world_unknown = "neither srun nor the script says how many tasks";
}

int script_gather(const struct cli *cli, const struct inputs *configured,
                  const struct expansion *expansion, const struct expand_launch *found,
                  struct arena *arena, struct inputs *inputs, struct error *err)
{
    struct cli one = *cli;
    char here[4096];
    int rc;

    one.argc = found->argc;
    one.argv = found->argv;
    one.script = NULL;
    *inputs = *configured;
    inputs->environment = found->environment;
    if (!inputs->facts.path.known)
        inputs->facts.path =
            (struct fact_str) { .known = true, .value = expansion->path, .source = "script" };
    inputs->environment.known = !cli->environment_unknown;
    /* The trainer's path is seen from there; a directory that only the sandbox had is none. */
    if (!getcwd(here, sizeof(here)))
        here[0] = '\0';
    if (*here && chdir(found->directory) < 0)
        here[0] = '\0';
    rc = inputs_gather(&one, arena, inputs, err);
    /* Where this user may not be, nothing more is looked up from there. */
    if (*here && chdir(here) < 0 && errno != EACCES)
        return error_set(err, "%s: cannot go back to it", here);
    if (rc == 0)
        doubt_bare_srun(&inputs->launch);
    if (rc == 0 && expansion->assumed_gpus && !cli->world_size) {
        inputs->launch.world.known = inputs->launch.ranks_per_node.known = false;
        inputs->launch.world_unknown =
            "the script asks how many GPUs a node has; give --gpus-per-node";
    }
    return rc;
}

void script_point(const struct expansion *expansion, const struct expand_launch *found,
                  struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        struct finding *finding = &report->findings.item[i];

        if (found->line > 0 && finding->where_count < 8)
            finding->where[finding->where_count++] = (struct where) {
                .in = WHERE_FILE, .name = expansion->path, .line = found->line, .column = 1
            };
    }
}
