#include "expand/expand.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/read_file.h"
#include "expand/script_line.h"
#include "expand/placeholders.h"
#include "expand/preamble.h"
#include "expand/recording.h"
#include "expand/sandbox.h"
#include "expand/shims.h"
#include "expand/start.h"
#include "expand/words.h"

enum { SCRIPT_MAX = 4 << 20, LAUNCHES_MAX = 500, GAPS_MAX = 50 };

/* One expansion under way. */
struct run {
    const char *path; /* as given */
    struct arena *arena;
    struct environment start; /* what the script begins with */
    struct recording_reader reader;
    struct expand_launch *launch;
    size_t launch_count, launch_capacity;
    struct expand_gap gap[GAPS_MAX];
    size_t gap_count;
    bool assumed_gpus;
    bool complete;
    bool invalid; /* bash did not understand a line */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void add_gap(struct run *run, int line, const char *why)
{
    for (size_t i = 0; i < run->gap_count; i++)
        if (run->gap[i].line == line && strcmp(run->gap[i].why, why) == 0)
            return;
    if (run->gap_count < GAPS_MAX)
        run->gap[run->gap_count++] = (struct expand_gap) { .line = line, .why = why };
}

/* --- what is recorded -------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Ours or the shell's. */
static bool is_passing(const char *entry)
{
    static const char *const names[] = { WORDS_OWN, "PWD=",      "OLDPWD=",   "SHLVL=",
                                         "_=",      "BASH_ENV=", "BASH_FUNC_" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (begins_with(entry, names[i]))
            return true;
    return false;
}

/* The entry outside of srun and mpirun; NULL: unset there. */
static const char *outside(const struct environment *recorded, const char *entry,
                           struct arena *arena)
{
    const char *name = arena_strndup(arena, entry, strcspn(entry, "="));
    const char *was = environment_get(recorded, arena_printf(arena, "%s%s", WORDS_WAS, name));

    if (!was)
        return entry;
    return *was ? arena_printf(arena, "%s=%s", name, was) : NULL;
}

static const char *without_shims(const char *text, struct arena *arena)
{
    static const char first[] = "PATH=" SANDBOX_SHIMS ":";

    if (begins_with(text, first))
        return arena_printf(arena, "PATH=%s", text + sizeof(first) - 1);
    return text;
}

static bool has_entry(const struct environment *environment, const char *entry)
{
    for (int i = 0; i < environment->count; i++)
        if (strcmp(environment->entry[i], entry) == 0)
            return true;
    return false;
}

static void keep_environment(struct run *run, const struct environment *recorded,
                             struct expand_launch *launch)
{
    const char **all = arena_alloc(run->arena, ((size_t)recorded->count + 1) * sizeof(*all));
    const char **changed =
        arena_alloc(run->arena, ((size_t)recorded->count + 1) * sizeof(*changed));
    int n = 0, k = 0;

    for (int i = 0; i < recorded->count; i++) {
        const char *entry = outside(recorded, recorded->entry[i], run->arena);

        if (!entry || is_passing(entry) || !strchr(entry, '='))
            continue;
        all[n] = without_shims(entry, run->arena);
        if (!has_entry(&run->start, entry))
            changed[k++] = all[n];
        n++;
    }
    launch->environment = (struct environment) { .known = true, .count = n, .entry = all };
    launch->changed = (struct environment) { .known = true, .count = k, .entry = changed };
}

/* "/.expand/bin/python" is what "$(which python)" was. */
static const char *const *keep_words(struct run *run, const struct recording *recording)
{
    const char **word = arena_alloc(run->arena, ((size_t)recording->argc + 1) * sizeof(*word));

    for (int i = 0; i < recording->argc; i++) {
        word[i] = recording->argv[i];
        if (begins_with(word[i], SANDBOX_SHIMS "/"))
            word[i] += strlen(SANDBOX_SHIMS "/");
    }
    return word;
}

static bool same_words(int count, const char *const *a, const char *const *b)
{
    for (int i = 0; i < count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

/* A loop may start the same command again and again. */
static bool is_kept(const struct run *run, const struct expand_launch *launch)
{
    for (size_t i = 0; i < run->launch_count; i++) {
        const struct expand_launch *kept = &run->launch[i];

        if (kept->line == launch->line && kept->argc == launch->argc &&
            kept->changed.count == launch->changed.count &&
            strcmp(kept->directory, launch->directory) == 0 &&
            same_words(kept->argc, kept->argv, launch->argv) &&
            same_words(kept->changed.count, kept->changed.entry, launch->changed.entry))
            return true;
    }
    return false;
}

static void keep_launch(struct run *run, const struct recording *recording, struct script_line at)
{
    struct expand_launch launch = { .line = at.line,
                                    .file = at.file,
                                    .argc = recording->argc,
                                    .argv = keep_words(run, recording),
                                    .directory = recording->directory };

    keep_environment(run, &recording->environment, &launch);
    if (is_kept(run, &launch))
        return;
    if (run->launch_count == LAUNCHES_MAX) {
        run->reader.lost = true;
        return;
    }
    run->launch = arena_grow(run->arena, run->launch, &run->launch_capacity, run->launch_count + 1,
                             sizeof(*run->launch));
    run->launch[run->launch_count++] = launch;
}

static bool received(void *data, pid_t sender, const void *message, size_t size)
{
    struct run *run = data;
    struct recording recording;
    struct script_line at;

    if (!recording_take(&run->reader, sender, message, size, &recording))
        return !run->reader.lost;
    at = script_line_find(&recording.environment, run->path, run->arena);
    switch (recording.kind) {
    case RECORDING_LAUNCH:
        keep_launch(run, &recording, at);
        return !run->reader.lost;
    case RECORDING_GPUS:
        run->assumed_gpus = true;
        add_gap(run, at.line, "asks for the GPUs of this node; answered 8, give --gpus-per-node");
        return true;
    case RECORDING_GAP:
    case RECORDING_KINDS:
        break;
    }
    add_gap(run, at.line, recording.argv[0]);
    return true;
}

/* --- what is said ------------------------------------------------------------------------ */

/* bash's own complaints: "train.sh: line 12: X: unbound variable". */
static void read_complaints(struct run *run, const char *said)
{
    size_t path = strlen(run->path), n;
    int line, used;

    for (; *said; said += n + (said[n] == '\n')) {
        n = strcspn(said, "\n");
        if (strncmp(said, run->path, path) != 0 ||
            sscanf(said + path, ": line %d: %n", &line, &used) != 1 || path + (size_t)used >= n)
            continue;
        add_gap(run, line, arena_strndup(run->arena, said + path + used, n - path - (size_t)used));
    }
}

/* Behind the last line break that something follows. */
static const char *last_line(struct run *run, const char *said)
{
    size_t end = strlen(said), begin;

    while (end && isspace((unsigned char)said[end - 1]))
        end--;
    for (begin = end; begin && said[begin - 1] != '\n';)
        begin--;
    return arena_strndup(run->arena, said + begin, end - begin < 200 ? end - begin : 200);
}

static void read_end(struct run *run, const struct sandbox_end *end, double seconds)
{
    read_complaints(run, end->said);
    run->invalid = strstr(end->said, ": syntax error near") != NULL;
    if (end->outcome == SANDBOX_DEADLINE)
        add_gap(run, 0,
                arena_printf(run->arena, "was still running after %g s and was ended", seconds));
    if (run->reader.lost)
        add_gap(run, 0,
                "started more than is read here, or wrote what no recorded command is: nothing "
                "after it was read");
    run->complete &= end->outcome == SANDBOX_ENDED && !run->reader.lost;
    if (run->launch_count || end->outcome != SANDBOX_ENDED)
        return;
    if (WIFSIGNALED(end->status))
        add_gap(run, 0,
                arena_printf(run->arena, "ended by signal %d before it started anything",
                             WTERMSIG(end->status)));
    else if (WEXITSTATUS(end->status))
        add_gap(run, 0,
                arena_printf(run->arena, "ended with status %d before it started anything%s%s",
                             WEXITSTATUS(end->status), *end->last ? "; it said: " : "",
                             last_line(run, end->last)));
    else
        add_gap(run, 0, "starts nothing");
}

/* --- the run ----------------------------------------------------------------------------- */

static const char *bash(void)
{
    static const char *const places[] = { "/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash" };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

/* One run of the script, as 'text' where that is not NULL. */
static int run_once(struct run *run, struct sandbox *sandbox, const char *text, struct error *err)
{
    struct sandbox_end end;

    run->launch_count = run->gap_count = 0;
    run->complete = true;
    run->reader = (struct recording_reader) { .arena = run->arena };
    sandbox->text = text;
    if (sandbox_run(sandbox, run->arena, &end, err) < 0)
        return -1;
    read_end(run, &end, sandbox->seconds);
    return 0;
}

/* Published scripts hold placeholders; where they keep the script from starting anything, or from
 * being understood, it is run again with words in their place. */
static int run_script(struct run *run, struct sandbox *sandbox, const char *text, struct error *err)
{
    struct sandbox again = *sandbox;
    struct environment environment;
    const char *quoted;

    if (run_once(run, sandbox, NULL, err) < 0)
        return -1;
    quoted = placeholders_quote(text, run->arena);
    if (!run->invalid && (run->launch_count || !quoted))
        return 0;
    environment = environment_with(&run->start, WORDS_QUOTE, "1", run->arena);
    environment = start_ended(&environment, run->arena);
    again.environment = &environment;
    if (run_once(run, &again, quoted, err) < 0)
        return -1;
    add_gap(run, 0, "placeholders as <path> are no values; their words were taken");
    return 0;
}

static const char *current_directory(struct arena *arena)
{
    char path[PATH_MAX];

    return getcwd(path, sizeof(path)) ? arena_strdup(arena, path) : NULL;
}

/* Where the script runs: here or, where its user may not go here (root's home, --user nobody), beside it. */
static const char *working_directory(const char *script, struct arena *arena)
{
    const char *here = current_directory(arena);
    size_t n = (size_t)(strrchr(script, '/') - script);

    if (here && access(here, R_OK | X_OK) == 0)
        return here;
    return n ? arena_strndup(arena, script, n) : "/";
}

static const char *absolute(const char *path, struct arena *arena)
{
    char real[PATH_MAX];

    return realpath(path, real) ? arena_strdup(arena, real) : NULL;
}

int expand(const char *path, int argc, const char *const *argv,
           const struct expand_options *options, struct arena *arena, struct expansion *expansion,
           struct error *err)
{
    size_t size;
    char *text = read_file(path, SCRIPT_MAX, arena, &size);
    struct run run = { .path = path, .arena = arena };
    struct sandbox sandbox = { .script = absolute(path, arena),
                               .preamble = expand_preamble,
                               .shims = shim_names(arena),
                               .seconds = options->seconds > 0 ? options->seconds : 10,
                               .received = received,
                               .data = &run };
    struct environment given;
    double began = now();

    if (!text || !sandbox.script)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (geteuid() == 0)
        return error_set(err, "scripts are never run as root; give --user NAME");
    if (!bash())
        return error_set(
            err, "a script is run by bash, which is not installed; as root: apt-get install bash");
    sandbox.directory = working_directory(sandbox.script, arena);
    given = start_without_secrets(options->environment, arena);
    run.start = start_environment(&given, text, sandbox.directory, options, arena);
    sandbox.environment = &run.start;
    sandbox.argv = start_command(bash(), path, text, argc, argv, arena);
    if (run_script(&run, &sandbox, text, err) < 0)
        return error_prefix(err, "%s", path);
    *expansion = (struct expansion) { .path = path,
                                      .launch_count = run.launch_count,
                                      .launch = run.launch,
                                      .gap_count = run.gap_count,
                                      .complete = run.complete,
                                      .lost = run.reader.lost,
                                      .assumed_gpus = run.assumed_gpus,
                                      .seconds = now() - began };
    expansion->gap = memcpy(arena_alloc(arena, sizeof(run.gap)), run.gap, sizeof(run.gap));
    return 0;
}

/* --- which files are scripts ------------------------------------------------------------- */

static bool has_suffix(const char *path)
{
    static const char *const suffixes[] = { ".sh", ".bash", ".sbatch", ".slurm" };
    size_t n = strlen(path);

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t m = strlen(suffixes[i]);

        if (n > m && strcmp(path + n - m, suffixes[i]) == 0)
            return true;
    }
    return false;
}

bool expand_is_script(const char *path)
{
    char line[128];
    struct stat st;
    FILE *file;
    bool shell;

    if (stat(path, &st) < 0)
        return has_suffix(path);
    if (!S_ISREG(st.st_mode))
        return false;
    file = fopen(path, "re");
    if (!file)
        return has_suffix(path);
    shell = fgets(line, sizeof(line), file) && start_is_shell(line);
    fclose(file);
    return shell || has_suffix(path);
}
