#include "launch/launch.h"

#include <string.h>

#include "launch/count.h"
#include "launch/peel.h"
#include "launch/trainer.h"

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
        launch->world = (struct fact_int) { .known = true, .value = world, .source = "given" };
}

static bool is_script(const char *word)
{
    size_t n = strlen(word);

    return n > 3 && strcmp(word + n - 3, ".py") == 0;
}

static void stop_at_stranger(struct peel *peel)
{
    const char *word = peel->word[0];
    size_t n = strlen(word);

    if (n > 3 && strcmp(word + n - 3, ".sh") == 0)
        peel_cannot_know(peel, "'%.200s' is a script; 'megatron-preflight check %.200s' looks inside", word,
                         word);
    else
        peel_cannot_know(peel,
                         "'%.200s' is not a launcher that this program knows; put "
                         "megatron-preflight behind it",
                         word);
}

/* "profile" of "nsys profile": false when the launcher does something else. */
static bool take_first(struct peel *peel, const struct launcher *launcher)
{
    const char *word = peel->argc > 1 ? peel->word[1] : "";
    size_t length = strlen(word);

    for (const char *p = launcher->first; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && memcmp(p, word, n) == 0) {
            peel->used++;
            return true;
        }
        p += n;
    }
    if (launcher->first)
        peel_cannot_know(peel, "'%s %s' starts no job", launcher_base_name(peel->word[0]), word);
    return !launcher->first;
}

static struct launch_layer *add_layer(struct peel *peel, const struct launcher *launcher)
{
    struct launch *launch = peel->launch;
    struct launch_layer *layer;

    if (launch->layer_count == (int)(sizeof(launch->layer) / sizeof(launch->layer[0]))) {
        peel_cannot_know(peel, "more than %d launchers stand in front of each other",
                         launch->layer_count);
        return NULL;
    }
    layer = &launch->layer[launch->layer_count];
    *layer = (struct launch_layer) { .launcher = launcher,
                                     .index = peel->offset,
                                     .remote = launcher->remote };
    return layer;
}

static void peel_layer(struct peel *peel, const struct launcher *launcher)
{
    const char *const *word = peel->word;
    struct launch_layer *layer = add_layer(peel, launcher);

    if (!layer)
        return;
    if (launcher->cannot_know) {
        peel_cannot_know(peel, "%s", launcher->cannot_know);
        return;
    }
    peel->used = 1;
    peel->module = false;
    if (!take_first(peel, launcher) || !peel_options(peel, launcher))
        return;
    peel->used += launcher->operands;
    if (launcher->apply)
        launcher->apply(peel, layer);
    layer->words = peel->word == word ? peel->used : peel->argc;
    peel->launch->layer_count++;
    peel->launch->remote |= layer->remote;
    peel->launch->container |= launcher->container;
    if (!peel->done && peel->word == word)
        peel_advance(peel);
}

static void peel_one(struct peel *peel)
{
    const struct launcher *launcher;

    if (peel->argc <= 0) {
        peel_cannot_know(peel, "the command starts nothing");
        return;
    }
    launcher = (peel->module ? launcher_of_module : launcher_find)(peel->word[0]);
    if (launcher)
        peel_layer(peel, launcher);
    else if (peel->module || is_script(peel->word[0]))
        peel_trainer(peel, 0, peel->module);
    else
        stop_at_stranger(peel);
}

static int64_t number_in(const struct environment *env, const char *name)
{
    const char *text = environment_get(env, name);
    int64_t value;

    return text && count_read(text, &value) ? value : -1;
}

static struct fact_int fact_in(const struct environment *env, const char *name, struct arena *arena)
{
    int64_t value = number_in(env, name);

    if (value < 0)
        return (struct fact_int) { .known = false };
    return count_of(value, arena_printf(arena, "%s=%lld", name, (long long)value));
}

/* Launchers by the variables they leave; the first that is there started this process. */
static const struct {
    const char *marker;
    const char *launcher;
    const char *processes, *per_node, *nodes;
} identities[] = {
    { "TORCHELASTIC_RUN_ID", "torchrun", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE" },
    { "OMPI_COMM_WORLD_SIZE", "mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "" },
    { "SLURM_STEP_ID", "srun", "SLURM_STEP_NUM_TASKS", "", "SLURM_STEP_NUM_NODES" },
    { "PMI_SIZE", "mpirun", "PMI_SIZE", "MPI_LOCALNRANKS", "" },
};

static void divide(struct launch_layer *layer)
{
    int64_t processes = layer->processes.value;

    if (!layer->processes.known)
        return;
    if (layer->per_node.known && !layer->nodes.known && layer->per_node.value > 0 &&
        processes % layer->per_node.value == 0)
        layer->nodes = count_of(processes / layer->per_node.value, layer->processes.source);
    if (layer->nodes.known && !layer->per_node.known && layer->nodes.value > 0 &&
        processes % layer->nodes.value == 0)
        layer->per_node = count_of(processes / layer->nodes.value, layer->processes.source);
}

static void look_around(struct launch *launch, const struct environment *env, struct arena *arena)
{
    struct launch_layer *around = &launch->around;

    around->index = -1;
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        if (!environment_get(env, identities[i].marker) ||
            number_in(env, identities[i].processes) <= 0)
            continue;
        around->launcher = launcher_find(identities[i].launcher);
        around->processes = fact_in(env, identities[i].processes, arena);
        around->per_node = fact_in(env, identities[i].per_node, arena);
        around->nodes = fact_in(env, identities[i].nodes, arena);
        divide(around);
        return;
    }
}

static int64_t own_rank(const struct environment *env)
{
    static const char *const names[] = { "RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (number_in(env, names[i]) >= 0)
            return number_in(env, names[i]);
    /* The batch step has a SLURM_PROCID too, but no step. */
    return environment_get(env, "SLURM_STEP_ID") ? number_in(env, "SLURM_PROCID") : -1;
}

const struct launch_layer *launch_ranks(const struct launch *launch)
{
    for (int l = launch->layer_count - 1; l >= 0; l--)
        if (launch->layer[l].launcher->starts_ranks)
            return &launch->layer[l];
    return NULL;
}

const struct launch_layer *launch_agents(const struct launch *launch)
{
    bool inside = false;

    for (int l = launch->layer_count - 1; l >= 0; l--) {
        if (!launch->layer[l].launcher->starts_ranks)
            continue;
        if (inside)
            return &launch->layer[l];
        inside = true;
    }
    return inside && launch->around.launcher ? &launch->around : NULL;
}

/* The trainer's own WORLD_SIZE, which Megatron believes whoever started it. */
static struct fact_int world_given(const struct launch *launch, struct arena *arena)
{
    struct fact_int given = fact_in(&launch->environment, "WORLD_SIZE", arena);

    given.known &= given.value > 0;
    return given;
}

static void world_of_layer(struct launch *launch, const struct launch_layer *layer)
{
    launch->world = layer->processes;
    launch->nodes = layer->nodes;
    launch->ranks_per_node = layer->per_node;
    memcpy(launch->world_place, layer->place, sizeof(launch->world_place));
    if (launch->world.known)
        launch->world_unknown = NULL;
}

/* A launcher of the command starts the ranks. torchrun sets WORLD_SIZE to what it starts; the
 * others leave what the environment holds. */
static void world_of_command(struct launch *launch, struct arena *arena)
{
    struct fact_int given = world_given(launch, arena);

    world_of_layer(launch, launch_ranks(launch));
    if (!given.known || (launch->world.known && launch->world.value == given.value))
        return;
    launch->world = given;
    launch->world_unknown = NULL;
    memset(launch->world_place, 0, sizeof(launch->world_place));
}

/* No launcher in the command: we are a rank, or the trainer is alone. */
static void world_of_environment(struct launch *launch, struct arena *arena)
{
    const struct environment *env = &launch->environment;
    struct fact_int given = world_given(launch, arena);

    launch->as_task = launch->around.launcher || (given.known && environment_get(env, "RANK"));
    if (launch->around.launcher)
        world_of_layer(launch, &launch->around);
    if (given.known)
        launch->world = given;
    if (launch->world.known)
        return;
    if (!env->known) {
        launch->world_unknown = "no launcher in the command, and the environment is not known";
        return;
    }
    launch->world = count_of(1, "one process, WORLD_SIZE is not set");
    launch->nodes = launch->ranks_per_node = launch->world;
}

void launch_parse(int argc, const char *const *command, const struct environment *env,
                  struct arena *arena, struct launch *launch)
{
    launch_parse_files(argc, command, env, NULL, arena, launch);
}

void launch_parse_files(int argc, const char *const *command, const struct environment *env,
                        const struct files *files, struct arena *arena, struct launch *launch)
{
    struct peel peel = {
        .arena = arena, .launch = launch, .argc = argc, .word = command, .files = files
    };

    memset(launch, 0, sizeof(*launch));
    launch->command_argc = argc;
    launch->command = command;
    launch->argv_index = -1;
    launch->environment = *env;
    launch->rank = own_rank(env);
    look_around(launch, env, arena);
    while (!peel.done)
        peel_one(&peel);
    if (launch->script && !launch->cannot_know)
        launch->cannot_know = trainer_cannot_know(launch, arena);
    if (launch_ranks(launch))
        world_of_command(launch, arena);
    else if (launch->script)
        world_of_environment(launch, arena);
}

int launch_first_words(int argc, const char *const *command, const struct environment *env,
                       struct arena *arena, struct launch *launch)
{
    struct peel peel = { .arena = arena, .launch = launch, .argc = argc, .word = command };
    const struct launcher *launcher = argc > 0 ? launcher_find(command[0]) : NULL;

    memset(launch, 0, sizeof(*launch));
    launch->environment = *env;
    if (launcher)
        peel_layer(&peel, launcher);
    return launch->layer_count ? launch->layer[0].words : -1;
}

static struct launch_layer *undecided(struct launch *launch)
{
    for (int l = 0; l < launch->layer_count; l++)
        if (launch->layer[l].per_gpu && !launch->layer[l].per_node.known)
            return &launch->layer[l];
    return NULL;
}

void launch_complete(struct launch *launch, const struct facts *facts, struct arena *arena)
{
    const struct fact_int *gpus =
        facts->gpus_visible.known ? &facts->gpus_visible : &facts->gpus_per_node;
    struct launch_layer *layer = undecided(launch);
    const char *text;

    if (!layer || !gpus->known || gpus->value <= 0 || launch->world.known)
        return;
    text = arena_printf(arena, "one process for each GPU, %s", gpus->source);
    layer->per_node = count_of(gpus->value, text);
    if (layer->nodes.known)
        layer->processes = count_of(layer->nodes.value * gpus->value, text);
    world_of_layer(launch, layer);
    if (launch->world.known)
        launch->environment =
            environment_with(&launch->environment, "WORLD_SIZE",
                             arena_printf(arena, "%lld", (long long)launch->world.value), arena);
}
