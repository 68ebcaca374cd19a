/* Launchers that start one process: what they do to the environment and where their command begins.
 */
#include "launch/apply.h"

#include <stdlib.h>
#include <string.h>

#include "launch/sbatch.h"
#include "launch/shell.h"

static bool is_assignment(const char *word)
{
    return word[0] != '=' && strchr(word, '=') != NULL;
}

void apply_env(struct peel *peel, struct launch_layer *layer)
{
    bool empty = peel_given(peel, "i");

    (void)layer;
    if (peel_given(peel, "S")) {
        peel_cannot_know(peel, "'env -S' splits a string");
        return;
    }
    if (peel->used < peel->argc && strcmp(peel->word[peel->used], "-") == 0) {
        empty = true;
        peel->used++;
    }
    if (empty)
        peel->launch->environment = (struct environment) { .known = true };
    for (int i = 0; i < peel->given_count; i++)
        if (strcmp(peel->given[i].name, "u") == 0)
            peel_setenv(peel, peel->given[i].value, NULL);
    while (peel->used < peel->argc && is_assignment(peel->word[peel->used]))
        peel_putenv(peel, peel->word[peel->used++]);
}

void apply_python(struct peel *peel, struct launch_layer *layer)
{
    const struct given *last = peel->given_count ? &peel->given[peel->given_count - 1] : NULL;
    const char *program = peel->word[0];

    (void)layer;
    if (last && strcmp(last->name, "c") == 0) {
        peel_cannot_know(peel, "'%s -c' runs code of its own", program);
    } else if (last && strcmp(last->name, "m") == 0) {
        peel->used = last->index + last->words - 1; /* "-mNAME" is one word */
        if (last->words == 1)
            peel_cannot_know(peel, "'%s' is one word; write '-m %s'", peel->word[last->index],
                             last->value);
        else
            peel->module = true;
    } else if (peel->used >= peel->argc || strcmp(peel->word[peel->used], "-") == 0) {
        peel_cannot_know(peel, "'%s' reads its program from standard input", program);
    } else if (!launcher_find(peel->word[peel->used])) {
        peel_trainer(peel, peel->used, false);
    }
}

/* A variable of the shell that no environment holds; any one word will do for those. */
static const char *shell_own(const char *name)
{
    static const char *const numbers[] = { "RANDOM", "SECONDS", "UID",   "EUID",        "PPID",
                                           "LINENO", "BASHPID", "SHLVL", "EPOCHSECONDS" };
    static const char *const words[] = { "HOSTNAME", "PWD", "OLDPWD", "HOSTTYPE", "OSTYPE" };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strcmp(name, numbers[i]) == 0)
            return "1";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(name, words[i]) == 0)
            return words[i];
    return NULL;
}

/* What a launcher in front sets for the first of its processes. */
static const struct {
    const char *name;
    const char *launcher; /* begins with */
    enum { FIRST, PROCESSES, NODES, PER_NODE } what;
} set_by_launcher[] = {
    { "SLURM_PROCID", "srun", FIRST },
    { "SLURM_NODEID", "srun", FIRST },
    { "SLURM_LOCALID", "srun", FIRST },
    { "SLURM_NTASKS", "srun", PROCESSES },
    { "SLURM_NPROCS", "srun", PROCESSES },
    { "SLURM_STEP_NUM_TASKS", "srun", PROCESSES },
    { "SLURM_NNODES", "srun", NODES },
    { "SLURM_STEP_NUM_NODES", "srun", NODES },
    { "OMPI_COMM_WORLD_RANK", "mpi", FIRST },
    { "OMPI_COMM_WORLD_LOCAL_RANK", "mpi", FIRST },
    { "OMPI_COMM_WORLD_NODE_RANK", "mpi", FIRST },
    { "OMPI_COMM_WORLD_SIZE", "mpi", PROCESSES },
    { "OMPI_COMM_WORLD_LOCAL_SIZE", "mpi", PER_NODE },
    { "PMI_RANK", "mpi", FIRST },
    { "PMI_SIZE", "mpi", PROCESSES },
    { "PMIX_RANK", "mpi", FIRST },
};

static const char *count_text(const struct fact_int *count, struct arena *arena)
{
    return count->known ? arena_printf(arena, "%lld", (long long)count->value) : NULL;
}

static const char *of_layer(const struct launch_layer *layer, int row, struct arena *arena)
{
    switch (set_by_launcher[row].what) {
    case FIRST:
        return "0";
    case PROCESSES:
        return count_text(&layer->processes, arena);
    case NODES:
        return count_text(&layer->nodes, arena);
    case PER_NODE:
        return count_text(&layer->per_node, arena);
    }
    return NULL;
}

/* What the command sees when it runs, on the first of its processes. */
static const char *variable(void *context, const char *name)
{
    const struct peel *peel = context;
    const struct launch *launch = peel->launch;
    const char *value = environment_get(&launch->environment, name);
    bool behind_srun = false;

    for (int l = launch->layer_count - 1; l >= 0; l--) {
        const char *launcher = launch->layer[l].launcher->names;

        for (size_t i = 0; i < sizeof(set_by_launcher) / sizeof(set_by_launcher[0]); i++)
            if (strncmp(launcher, set_by_launcher[i].launcher,
                        strlen(set_by_launcher[i].launcher)) == 0 &&
                strcmp(set_by_launcher[i].name, name) == 0)
                return of_layer(&launch->layer[l], (int)i, peel->arena);
        behind_srun |= strcmp(launcher, "srun") == 0;
    }
    if (value)
        return value;
    if (!launch->environment.known || (behind_srun && strncmp(name, "SLURM", 5) == 0) ||
        (launch->remote && strcmp(name, "CUDA_VISIBLE_DEVICES") == 0))
        return NULL;
    value = shell_own(name);
    return value ? value : "";
}

static void take_string(struct peel *peel, const char *text)
{
    struct shell_command command;
    const char *why =
        shell_command_read(text, &peel->launch->environment, variable, peel, peel->arena, &command);

    if (why) {
        peel_cannot_know(peel, "the string given to '%s' %s", launcher_base_name(peel->word[0]),
                         why);
        return;
    }
    peel->launch->environment = command.environment;
    peel_words(peel, command.argc, command.argv);
}

void apply_shell(struct peel *peel, struct launch_layer *layer)
{
    (void)layer;
    if (peel->used >= peel->argc)
        peel_cannot_know(peel, "'%s' reads its commands from standard input", peel->word[0]);
    else if (!peel_given(peel, "c"))
        peel_cannot_know(peel, "'%s' is a script; 'megatron-preflight check %s' looks inside",
                         peel->word[peel->used], peel->word[peel->used]);
    else if (peel->used + 1 < peel->argc && strchr(peel->word[peel->used], '$'))
        peel_cannot_know(peel, "the string given to '%s' has arguments",
                         launcher_base_name(peel->word[0]));
    else
        take_string(peel, peel->word[peel->used]);
}

void apply_taskset(struct peel *peel, struct launch_layer *layer)
{
    (void)layer;
    if (peel_given(peel, "p"))
        peel_cannot_know(peel, "'taskset -p' starts nothing");
}

/* The directory two above a program: "/opt/conda" of "/opt/conda/bin/conda"; NULL for a bare name.
 */
static const char *root_of(const char *program, struct arena *arena)
{
    const char *slash = program ? strrchr(program, '/') : NULL;
    const char *bin = slash;

    while (bin && bin > program && bin[-1] != '/')
        bin--;
    return bin && bin > program + 1 ? arena_strndup(arena, program, (size_t)(bin - program) - 1)
                                    : NULL;
}

/* Where conda keeps its environments, as far as the command and the environment say. */
static const char *conda_root(const struct peel *peel)
{
    const struct environment *env = &peel->launch->environment;
    const char *root = root_of(peel->word[0], peel->arena);

    if (!root)
        root = environment_get(env, "MAMBA_ROOT_PREFIX");
    return root ? root : root_of(environment_get(env, "CONDA_EXE"), peel->arena);
}

/* "conda run -n NAME", "-p PREFIX", or the environment that is active. */
void apply_conda(struct peel *peel, struct launch_layer *layer)
{
    const char *name = peel_value(peel, "n"), *root = conda_root(peel);
    const char *prefix = peel_value(peel, "p");

    (void)layer;
    if (!prefix && !name)
        prefix = environment_get(&peel->launch->environment, "CONDA_PREFIX");
    if (!prefix && name && root)
        prefix =
            strcmp(name, "base") == 0 ? root : arena_printf(peel->arena, "%s/envs/%s", root, name);
    peel->launch->python_prefix = prefix ? prefix : "";
}

/* Managers whose environments lie where only they know. */
void apply_managed(struct peel *peel, struct launch_layer *layer)
{
    (void)layer;
    peel->launch->python_prefix = "";
}

/* The environment of uv's project; what changes it for this run alone makes it unknown. */
static const char *uv_prefix(const struct peel *peel)
{
    static const char *const changes[] = { "w", "with-editable", "with-requirements", "isolated",
                                           "p", "no-project" };
    const struct environment *env = &peel->launch->environment;
    const char *place = peel_value(peel, "project");

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        if (peel_given(peel, changes[i]))
            return "";
    if (peel_given(peel, "active") && environment_get(env, "VIRTUAL_ENV"))
        return environment_get(env, "VIRTUAL_ENV");
    if (environment_get(env, "UV_PROJECT_ENVIRONMENT"))
        return environment_get(env, "UV_PROJECT_ENVIRONMENT");
    if (!place)
        place = peel_value(peel, "directory");
    return arena_printf(peel->arena, "%s/.venv", place ? place : ".");
}

/* "uv run x.py" runs python. */
void apply_uv(struct peel *peel, struct launch_layer *layer)
{
    const struct given *module = peel_given(peel, "m");

    (void)layer;
    peel->launch->python_prefix = uv_prefix(peel);
    if (module && module->words == 1) {
        peel_cannot_know(peel, "'%s' is one word; write '-m %s'", peel->word[module->index],
                         module->value);
    } else if (module) {
        peel->used--;
        peel->module = true;
    }
}

/* What a container sees of the environment is its own business, but for what is set for it here. */
void apply_container(struct peel *peel, struct launch_layer *layer)
{
    bool clean = peel_given(peel, "e") && strncmp(layer->launcher->names, "apptainer", 9) == 0;

    if (clean || strncmp(layer->launcher->names, "docker", 6) == 0)
        peel->launch->environment = (struct environment) { .known = false };
    if (peel_given(peel, "entrypoint"))
        peel_cannot_know(peel, "'--entrypoint' runs a program of the image");
    for (int i = 0; i < peel->given_count; i++) {
        const struct given *given = &peel->given[i];

        if ((strcmp(given->name, "e") == 0 || strcmp(given->name, "env") == 0) && given->value &&
            is_assignment(given->value))
            peel_putenv(peel, given->value);
    }
}

void apply_sbatch(struct peel *peel, struct launch_layer *layer)
{
    const char *wrap = peel_value(peel, "wrap");
    struct sbatch_job job;

    sbatch_of_options(peel, &job);
    if (wrap)
        take_string(peel, wrap);
    else if (strcmp(layer->launcher->names, "sbatch") == 0 && peel->used < peel->argc)
        peel_cannot_know(peel, "'%s' is a script; 'megatron-preflight check %s' looks inside",
                         peel->word[peel->used], peel->word[peel->used]);
    else if (peel->used >= peel->argc)
        peel_cannot_know(peel, "'%s' reads its command from standard input", peel->word[0]);
}
