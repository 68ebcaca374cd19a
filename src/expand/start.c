#include "expand/start.h"

#include <ctype.h>
#include <string.h>

#include "expand/job.h"
#include "expand/sandbox.h"
#include "expand/words.h"
#include "launch/launchers.h"
#include "launch/sbatch.h"

/* --- the first line ---------------------------------------------------------------------- */

static const char *next_word(const char **line, struct arena *arena)
{
    const char *p = *line + strspn(*line, " \t");
    size_t n = strcspn(p, " \t\r\n");

    *line = p + n;
    return n ? arena_strndup(arena, p, n) : NULL;
}

static bool is_shells_name(const char *path)
{
    static const char *const shells[] = { "bash", "sh", "dash", "ksh", "zsh" };

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(launcher_base_name(path), shells[i]) == 0)
            return true;
    return false;
}

/* The interpreter's words after "#!", from the shell on; NULL when it is none. */
static const char *shell_of(const char *line, const char **rest, struct arena *arena)
{
    const char *word;

    if (strncmp(line, "#!", 2) != 0)
        return NULL;
    *rest = line + 2;
    word = next_word(rest, arena);
    if (word && strcmp(launcher_base_name(word), "env") == 0)
        do
            word = next_word(rest, arena);
        while (word && word[0] == '-');
    return word && is_shells_name(word) ? word : NULL;
}

bool start_is_shell(const char *line)
{
    struct arena arena = ARENA_INIT;
    const char *rest;
    bool shell = shell_of(line, &rest, &arena) != NULL;

    arena_release(&arena);
    return shell;
}

/* Of the shell's options those that decide what runs: -e and -u. */
static int add_options(const char *text, const char **word, struct arena *arena)
{
    const char *line = arena_strndup(arena, text, strcspn(text, "\n")), *rest, *option;
    bool e = false, u = false;

    if (!shell_of(line, &rest, arena))
        return 0;
    while ((option = next_word(&rest, arena))) {
        if (option[0] != '-' || option[1] == '-')
            continue;
        e |= strchr(option, 'e') != NULL;
        u |= strchr(option, 'u') != NULL;
    }
    if (e || u)
        word[0] = e && u ? "-eu" : e ? "-e" : "-u";
    return e || u;
}

const char *const *start_command(const char *bash, const char *path, const char *text, int argc,
                                 const char *const *argv, struct arena *arena)
{
    const char **word = arena_alloc(arena, ((size_t)argc + 4) * sizeof(*word));
    int n = 0;

    word[n++] = bash;
    n += add_options(text, word + n, arena);
    word[n++] = path[0] == '-' ? arena_printf(arena, "./%s", path) : path;
    if (argc)
        memcpy(word + n, argv, (size_t)argc * sizeof(*word));
    return word;
}

/* --- the environment --------------------------------------------------------------------- */

static bool contains(const char *name, size_t length, const char *part)
{
    const char *at = strstr(name, part);

    return at && at + strlen(part) <= name + length;
}

static bool is_secret(const char *entry)
{
    static const char *const parts[] = { "SECRET",     "PASSWORD",  "PASSWD", "CREDENTIAL",
                                         "ACCESS_KEY", "AUTH_SOCK", "APIKEY" };
    static const char *const ends[] = { "_KEY", "_TOKEN", "TOKEN", "_PAT" };
    size_t length = strcspn(entry, "=");

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (contains(entry, length, parts[i]))
            return true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = strlen(ends[i]);

        if (length >= n && memcmp(entry + length - n, ends[i], n) == 0)
            return true;
    }
    return false;
}

struct environment start_without_secrets(const struct environment *environment, struct arena *arena)
{
    const char **entry = arena_alloc(arena, ((size_t)environment->count + 1) * sizeof(*entry));

    for (int i = 0; i < environment->count; i++) {
        const char *given = environment->entry[i];

        entry[i] = is_secret(given)
                       ? arena_printf(arena, "%.*s=hidden", (int)strcspn(given, "="), given)
                       : given;
    }
    return (struct environment) { .known = true, .count = environment->count, .entry = entry };
}

/* What sbatch would allocate; its own words and then our options come behind the script's and
 * count. */
static struct environment allocated(const struct environment *environment, const char *text,
                                    const char *directory, const struct expand_options *options,
                                    struct arena *arena)
{
    struct sbatch_job job;
    int count;
    const char *const *own = sbatch_directives(text, arena, &count);
    const size_t most = (size_t)count + (size_t)options->sbatch_argc + 3;
    const char **word = arena_alloc(arena, most * sizeof(*word));

    if (!count && !options->sbatch_argv && options->nodes <= 0)
        return *environment;
    if (count)
        memcpy(word, own, (size_t)count * sizeof(*word));
    for (int i = 0; i < options->sbatch_argc; i++)
        word[count++] = options->sbatch_argv[i];
    if (options->nodes > 0)
        word[count++] = arena_printf(arena, "--nodes=%lld", (long long)options->nodes);
    if (options->gpus_per_node > 0)
        word[count++] =
            arena_printf(arena, "--gpus-per-node=%lld", (long long)options->gpus_per_node);
    sbatch_read(count, word, environment, arena, &job);
    return job.cannot_know ? *environment : job_environment(&job, directory, arena);
}

/* "gpu:h100:8", "8": the number at the end. */
static const char *gpus_allocated(const struct environment *environment)
{
    const char *gres = environment_get(environment, "SLURM_GPUS_PER_NODE");
    const char *colon = gres ? strrchr(gres, ':') : NULL;

    if (!gres)
        gres = environment_get(environment, "SLURM_GPUS_ON_NODE");
    return colon ? colon + 1 : gres;
}

static void set(struct environment *environment, const char *name, const char *value,
                struct arena *arena)
{
    *environment = environment_with(environment, name, value, arena);
}

struct environment start_ended(const struct environment *environment, struct arena *arena)
{
    const char **entry = arena_alloc(arena, ((size_t)environment->count + 1) * sizeof(*entry));

    memcpy(entry, environment->entry, (size_t)environment->count * sizeof(*entry));
    return (struct environment) { .known = true, .count = environment->count, .entry = entry };
}

struct environment start_environment(const struct environment *environment, const char *text,
                                     const char *directory, const struct expand_options *options,
                                     struct arena *arena)
{
    struct environment env = allocated(environment, text, directory, options, arena);
    const char *path = environment_get(&env, "PATH");
    const char *gpus = options->gpus_per_node > 0
                           ? arena_printf(arena, "%lld", (long long)options->gpus_per_node)
                           : gpus_allocated(&env);

    set(&env, "PATH", arena_printf(arena, "%s:%s", SANDBOX_SHIMS, path ? path : "/usr/bin:/bin"),
        arena);
    set(&env, "BASH_ENV", SANDBOX_PREAMBLE, arena);
    set(&env, "ENV", NULL, arena);
    set(&env, WORDS_GPUS, gpus, arena);
    set(&env, WORDS_CHAIN, NULL, arena);
    set(&env, WORDS_AT, NULL, arena);
    set(&env, WORDS_OUTER, NULL, arena);
    return start_ended(&env, arena);
}
