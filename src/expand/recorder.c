/* This program as a shim, inside the sandbox: records a command that would start training, goes
 * through the launchers in front of it, answers what scripts ask of a cluster. Everything here is
 * untrusted by the other side: a script could do all of it itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/read_file.h"
#include "expand/answers.h"
#include "expand/job.h"
#include "expand/placeholders.h"
#include "expand/recording.h"
#include "expand/sandbox.h"
#include "expand/shims.h"

#include "expand/words.h"
#include "launch/launch.h"
#include "launch/launchers.h"
#include "launch/sbatch.h"

extern char **environ;

struct shim {
    struct arena arena;
    int argc;
    const char *const *argv;
    struct environment environment;
};

bool shim_called(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN);

    return name && strncmp(name, SANDBOX_SHIMS "/", strlen(SANDBOX_SHIMS "/")) == 0;
}

/* --- telling ----------------------------------------------------------------------------- */

static void send(struct shim *shim, enum recording_kind kind, int argc, const char *const *argv)
{
    char *directory = getcwd(NULL, 0);
    struct recording recording = { .kind = kind,
                                   .directory = directory ? directory : "",
                                   .argc = argc,
                                   .argv = argv,
                                   .environment = shim->environment };

    recording_send(SANDBOX_CHANNEL, &recording, &shim->arena);
    free(directory);
}

static void gap(struct shim *shim, const char *why)
{
    send(shim, RECORDING_GAP, 1, &why);
}

/* The launchers gone through, then this one. */
static int record_launch(struct shim *shim)
{
    const char *chain = getenv(WORDS_CHAIN);
    int count = 0;
    const char *const *before = words_split(chain ? chain : "", &shim->arena, &count);
    const char **all = arena_alloc(&shim->arena, (size_t)(count + shim->argc + 1) * sizeof(*all));

    memcpy(all, before, (size_t)count * sizeof(*all));
    memcpy(all + count, shim->argv, (size_t)shim->argc * sizeof(*all));
    send(shim, RECORDING_LAUNCH, count + shim->argc, all);
    return 0;
}

/* --- going on ---------------------------------------------------------------------------- */

static bool ends_with(const char *word, const char *end)
{
    size_t n = strlen(word), m = strlen(end);

    return n > m && strcmp(word + n - m, end) == 0;
}

/* The program of that name behind the shims on PATH, or NULL. */
static const char *real_program(const char *name, struct arena *arena)
{
    const char *path = getenv("PATH");

    for (const char *p = path ? path : "/usr/bin:/bin"; *p; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");
        const char *file = arena_printf(arena, "%.*s/%s", (int)n, p, name);

        p += n;
        if (strncmp(file, SANDBOX_HOME, strlen(SANDBOX_HOME)) != 0 && access(file, X_OK) == 0)
            return file;
    }
    return NULL;
}

static void run(const char *program, const char *const *argv)
{
    execv(program, (char *const *)argv);
}

static void run_bash(struct shim *shim, int argc, const char *const *argv)
{
    const char **words = arena_alloc(&shim->arena, ((size_t)argc + 2) * sizeof(*words));
    const char *bash = real_program("bash", &shim->arena);

    words[0] = "bash";
    memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
    run(bash ? bash : "/bin/bash", words);
}

/* Becomes the command, a shim wherever there is one for its name. */
static int become(struct shim *shim, int argc, const char *const *argv)
{
    const char *name = argc ? launcher_base_name(argv[0]) : "";
    const char *file;

    if (!argc)
        return 0;
    if (shim_role(name) != SHIM_NONE)
        run(arena_printf(&shim->arena, "%s/%s", SANDBOX_SHIMS, name), argv);
    if (ends_with(name, ".py")) {
        shim->argc = argc;
        shim->argv = argv;
        return record_launch(shim);
    }
    if (strcmp(name, "bash") == 0 || ends_with(name, ".sh"))
        run_bash(shim, argc - (strcmp(name, "bash") == 0), argv + (strcmp(name, "bash") == 0));
    file = strchr(argv[0], '/') ? argv[0] : real_program(argv[0], &shim->arena);
    if (file)
        run(file, argv);
    gap(shim, arena_printf(&shim->arena, "'%s' was not found", argv[0]));
    return 127;
}

static void remember(struct shim *shim, int words)
{
    const char *chain = getenv(WORDS_CHAIN);

    setenv(WORDS_CHAIN, words_join(chain ? chain : "", words, shim->argv, &shim->arena), 1);
}

/* For what runs as the first process; a launch outside of it has what there was. */
static void set_inside(struct shim *shim, const char *name, const char *value)
{
    const char *kept = arena_printf(&shim->arena, "%s%s", WORDS_WAS, name);
    const char *was = getenv(name);

    if (!getenv(kept))
        setenv(kept, was ? was : "", 1);
    setenv(name, value, 1);
}

static void set_count(struct shim *shim, const char *name, const struct fact_int *count)
{
    if (count->known)
        set_inside(shim, name, arena_printf(&shim->arena, "%lld", (long long)count->value));
}

/* What the first of the processes finds. */
static void first_process(struct shim *shim, const struct launch_layer *layer)
{
    static const char *const slurm[] = { "SLURM_PROCID", "SLURM_NODEID", "SLURM_LOCALID", NULL };
    static const char *const mpi[] = { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
                                       "OMPI_COMM_WORLD_NODE_RANK", "PMI_RANK", NULL };
    bool srun = strcmp(layer->launcher->names, "srun") == 0;

    for (const char *const *name = srun ? slurm : mpi; *name; name++)
        set_inside(shim, *name, "0");
    if (!srun) {
        set_count(shim, "OMPI_COMM_WORLD_SIZE", &layer->processes);
        set_count(shim, "OMPI_COMM_WORLD_LOCAL_SIZE", &layer->per_node);
        set_count(shim, "PMI_SIZE", &layer->processes);
        return;
    }
    set_count(shim, "SLURM_NTASKS", &layer->processes);
    set_count(shim, "SLURM_NPROCS", &layer->processes);
    set_count(shim, "SLURM_NNODES", &layer->nodes);
}

/* A launcher whose words we cannot read: what looks like a command behind them. */
static int guess_words(const struct shim *shim)
{
    for (int i = 1; i < shim->argc; i++) {
        enum shim_role role = shim_role(shim->argv[i]);

        if (role == SHIM_LEAF || role == SHIM_THROUGH || role == SHIM_PYTHON ||
            strcmp(launcher_base_name(shim->argv[i]), "bash") == 0 ||
            ends_with(shim->argv[i], ".sh") || ends_with(shim->argv[i], ".py"))
            return i;
    }
    return -1;
}

static int go_through(struct shim *shim)
{
    struct launch launch;
    int words =
        launch_first_words(shim->argc, shim->argv, &shim->environment, &shim->arena, &launch);

    if (words < 0) {
        words = guess_words(shim);
        if (words < 0)
            return 0;
        gap(shim, arena_printf(&shim->arena, "'%s': %s; went on with '%s'",
                               launcher_base_name(shim->argv[0]),
                               launch.cannot_know ? launch.cannot_know : "not understood",
                               shim->argv[words]));
    }
    remember(shim, words);
    if (launch.layer_count) {
        for (int i = 0; i < launch.environment.count && launch.environment.known; i++)
            putenv((char *)launch.environment.entry[i]);
        if (launch.layer[0].launcher->starts_ranks)
            first_process(shim, &launch.layer[0]);
    }
    /* "uv run x.py" */
    if (launch.layer_count && shim->argc > words && ends_with(shim->argv[words], ".py")) {
        shim->argv += words;
        shim->argc -= words;
        return record_launch(shim);
    }
    return become(shim, shim->argc - words, shim->argv + words);
}

static int go_remote(struct shim *shim)
{
    int words = guess_words(shim);
    const char *text = "";

    /* Options, hosts, then words that a shell joins again. */
    if (words < 0) {
        words = 1;
        while (words < shim->argc && shim->argv[words][0] == '-')
            words += 1 + (shim->argv[words][1] && strchr("pilowJoFb", shim->argv[words][1]) &&
                          !shim->argv[words][2]);
        words += strcmp(launcher_base_name(shim->argv[0]), "ssh") == 0;
    }
    for (int i = words; i < shim->argc; i++)
        text = arena_printf(&shim->arena, "%s%s%s", text, *text ? " " : "", shim->argv[i]);
    if (!*text)
        return 0;
    run_bash(shim, 2, (const char *const[]) { "-c", text, NULL });
    return 127;
}

/* --- python ------------------------------------------------------------------------------ */

/* Of a node; said when nobody told. */
static int gpus_of_node(struct shim *shim)
{
    const char *count = getenv(WORDS_GPUS);

    if (!count)
        send(shim, RECORDING_GPUS, 1, shim->argv);
    return count ? atoi(count) : 8;
}

/* Runs the program and waits; its exit status, or -1. 'errors': where its standard error goes, or
 * NULL. */
static int run_and_wait(const char *program, const char *const *argv, const char *errors)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        if (!errors || freopen(errors, "w", stderr))
            run(program, argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static bool holds(const char *path, const char *text, struct arena *arena)
{
    size_t size;
    char *said = read_file(path, 1 << 20, arena, &size);

    return said && strstr(said, text);
}

/* Code of the script's own, as "python -c 'print(2 * 4)'": the real one may answer. A module that
 * is only missing here does not end the script. */
static int run_python(struct shim *shim)
{
    const char *program = real_program("python3", &shim->arena);
    const char *errors = arena_printf(&shim->arena, "/tmp/.python.%d", (int)getpid());
    int status = program ? run_and_wait(program, shim->argv, errors) : -1;

    if (status == 0)
        return 0;
    if (!program || holds(errors, "ModuleNotFoundError", &shim->arena)) {
        gap(shim, program ? "python code in the script needs a module that is not installed here"
                          : "python3 is not installed here, which the script runs code with");
        return 0;
    }
    gap(shim, "python code in the script failed here");
    return status < 0 ? 127 : status;
}

/* "python -c 'import torch; print(torch.cuda.device_count())'" */
static bool counts_devices(const struct shim *shim)
{
    const char *code = shim->argc > 2 && strcmp(shim->argv[1], "-c") == 0 ? shim->argv[2] : "";

    return strstr(code, "print(torch.cuda.device_count())") != NULL;
}

static bool is_trainers_module(const char *module)
{
    static const char *const others[] = { "pip",        "venv",  "json",    "site",
                                          "compileall", "http",  "zipfile", "ensurepip",
                                          "py_compile", "timeit" };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strncmp(module, others[i], strlen(others[i])) == 0)
            return false;
    return true;
}

static int python(struct shim *shim)
{
    if (counts_devices(shim)) {
        printf("%d\n", gpus_of_node(shim));
        return 0;
    }
    for (int i = 1; i < shim->argc; i++) {
        const char *word = shim->argv[i];

        if (word[0] != '-')
            return record_launch(shim);
        if (strncmp(word, "-m", 2) == 0)
            return i + 1 < shim->argc && is_trainers_module(shim->argv[i + 1]) ? record_launch(shim)
                                                                               : 0;
        if (strcmp(word, "-") == 0 || word[1] == 'c' || word[1] == 'V' ||
            strcmp(word, "--version") == 0)
            return run_python(shim);
        i += strcmp(word, "-W") == 0 || strcmp(word, "-X") == 0;
    }
    return run_python(shim);
}

/* --- batch jobs -------------------------------------------------------------------------- */

/* The batch script that sbatch is given on its standard input, as a file. */
static const char *spool(struct shim *shim)
{
    const char *path = arena_printf(&shim->arena, "/tmp/.job.%d", (int)getpid());
    FILE *file = fopen(path, "w");
    char bytes[4096];
    size_t n;

    while (file && (n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
        fwrite(bytes, 1, n, file);
    return file && fclose(file) == 0 ? path : NULL;
}

static void set_environment(struct environment environment)
{
    for (int i = 0; i < environment.count; i++)
        putenv((char *)environment.entry[i]);
}

/* The job's environment: the script's own lines, then sbatch's words, which come later and count.
 */
static void allocate(struct shim *shim, const char *path, int words)
{
    size_t size;
    char *text = path ? read_file(path, 1 << 20, &shim->arena, &size) : NULL;
    int count = 0;
    const char *const *own = text ? sbatch_directives(text, &shim->arena, &count) : NULL;
    const char **all = arena_alloc(&shim->arena, (size_t)(count + words + 1) * sizeof(*all));
    struct sbatch_job job;

    if (count)
        memcpy(all, own, (size_t)count * sizeof(*all));
    if (words > 1)
        memcpy(all + count, shim->argv + 1, (size_t)(words - 1) * sizeof(*all));
    sbatch_read(count + words - 1, all, &shim->environment, &shim->arena, &job);
    if (job.cannot_know)
        gap(shim, job.cannot_know);
    else
        set_environment(job_environment(&job, getcwd(NULL, 0), &shim->arena));
}

static int batch(struct shim *shim)
{
    struct launch launch;
    int words =
        launch_first_words(shim->argc, shim->argv, &shim->environment, &shim->arena, &launch);
    const char *wrap = NULL, *script, *const * rest;
    pid_t pid;
    int count;

    for (int i = 1; i < shim->argc; i++)
        if (strncmp(shim->argv[i], "--wrap", 6) == 0)
            wrap = shim->argv[i][6] == '=' ? shim->argv[i] + 7 : shim->argv[i + 1];
    if (words < 0)
        words = guess_words(shim);
    if (words < 0 || wrap)
        words = shim->argc;
    script = wrap ? NULL : words < shim->argc ? shim->argv[words] : spool(shim);
    allocate(shim, script, words);
    unsetenv(WORDS_CHAIN);
    rest = words < shim->argc ? shim->argv + words : &script;
    count = words < shim->argc ? shim->argc - words : script != NULL;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        if (wrap)
            run_bash(shim, 2, (const char *const[]) { "-c", wrap, NULL });
        else
            run_bash(shim, count, rest);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    puts(words_has("--parsable", shim->argc, shim->argv) ? "1" : "Submitted batch job 1");
    return 0;
}

/* --- the rest ---------------------------------------------------------------------------- */

/* Whoever reads from us gets it all, whether or not the files can be written. */
static int tee(struct shim *shim)
{
    FILE *file[16] = { NULL };
    int files = 0;
    char bytes[4096];
    size_t n;

    for (int i = 1; i < shim->argc && files < 16; i++)
        if (shim->argv[i][0] != '-')
            file[files++] =
                fopen(shim->argv[i], words_has("-a", shim->argc, shim->argv) ? "a" : "w");
    while ((n = fread(bytes, 1, sizeof(bytes), stdin)) > 0) {
        fwrite(bytes, 1, n, stdout);
        for (int i = 0; i < files; i++)
            if (file[i])
                fwrite(bytes, 1, n, file[i]);
    }
    return 0;
}

/* Everything but what needs a network or changes files under the script. */
static int git(struct shim *shim)
{
    static const char *const away[] = { "clone",     "pull",   "fetch", "push",  "lfs", "checkout",
                                        "submodule", "switch", "reset", "apply", "am" };
    const char *program = real_program("git", &shim->arena);

    for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++)
        if (words_has(away[i], shim->argc, shim->argv))
            return 0;
    if (program)
        run(program, shim->argv);
    return 127;
}

static int conda(struct shim *shim)
{
    if (words_has("run", shim->argc, shim->argv))
        return go_through(shim);
    if (words_has("--base", shim->argc, shim->argv))
        puts("/opt/conda");
    return 0;
}

static int files(struct shim *shim)
{
    const char *name = launcher_base_name(shim->argv[0]);
    const char *program = real_program(name, &shim->arena);
    int status = program ? run_and_wait(program, shim->argv, NULL) : -1;

    if (status)
        gap(shim, arena_printf(&shim->arena, "'%s' failed here; went on", name));
    return 0;
}

/* The file with its placeholders as words. */
static int quote(struct shim *shim)
{
    const char *path = shim->argc > 1 ? shim->argv[1] : "";
    const char *copy = arena_printf(&shim->arena, "%s.quoted", path);
    size_t size;
    char *text = read_file(path, 1 << 20, &shim->arena, &size);
    const char *quoted = text ? placeholders_quote(text, &shim->arena) : NULL;
    FILE *file = quoted ? fopen(copy, "w") : NULL;

    if (file) {
        fputs(quoted, file);
        fclose(file);
        rename(copy, path);
    }
    return 0;
}

static int act(struct shim *shim)
{
    switch (shim_role(shim->argv[0])) {
    case SHIM_LEAF:
        return record_launch(shim);
    case SHIM_THROUGH:
        return go_through(shim);
    case SHIM_PYTHON:
        return python(shim);
    case SHIM_SHELL:
        run_bash(shim, shim->argc - 1, shim->argv + 1);
        return 127;
    case SHIM_BATCH:
        return batch(shim);
    case SHIM_REMOTE:
        return go_remote(shim);
    case SHIM_SCONTROL:
        return answer_scontrol(shim->argc, shim->argv);
    case SHIM_NVIDIA_SMI:
        return answer_nvidia_smi(shim->argc, shim->argv, gpus_of_node(shim));
    case SHIM_HOSTNAME:
        return answer_hostname(shim->argc, shim->argv);
    case SHIM_TEE:
        return tee(shim);
    case SHIM_GIT:
        return git(shim);
    case SHIM_CONDA:
        return conda(shim);
    case SHIM_GAP:
        gap(shim, shim->argc > 1 ? shim->argv[1] : "");
        return 0;
    case SHIM_FILES:
        return files(shim);
    case SHIM_QUOTE:
        return quote(shim);
    case SHIM_NOTHING:
    case SHIM_NONE:
        break;
    }
    return 0;
}

int shim_main(int argc, const char *const *argv)
{
    struct shim shim = { .arena = ARENA_INIT, .argc = argc, .argv = argv };
    int status;

    shim.environment =
        (struct environment) { .known = true, .entry = (const char *const *)environ };
    while (environ[shim.environment.count])
        shim.environment.count++;
    status = act(&shim);
    fflush(stdout);
    arena_release(&shim.arena);
    return status;
}
