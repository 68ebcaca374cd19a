#include "launch/sbatch.h"

#include <ctype.h>
#include <string.h>

#include "facts/gpus.h"
#include "launch/apply.h"
#include "launch/count.h"

enum { WORDS_MAX = 512 };

/* The next word of a directive's line, or NULL at its end or at a comment. */
static const char *next_word(const char **line, const char *end, struct arena *arena)
{
    const char *p = *line;
    char *word, quote = '\0';
    size_t n = 0;

    while (p < end && isspace((unsigned char)*p))
        p++;
    if (p >= end || *p == '#')
        return NULL;
    word = arena_alloc(arena, (size_t)(end - p) + 1);
    for (; p < end && (quote || !isspace((unsigned char)*p)); p++) {
        if (*p == '\\' && p + 1 < end)
            word[n++] = *++p;
        else if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? '\0' : *p;
        else
            word[n++] = *p;
    }
    word[n] = '\0';
    *line = p;
    return word;
}

static bool is_blank(const char *line, const char *end)
{
    while (line < end && isspace((unsigned char)*line))
        line++;
    return line == end;
}

const char *const *sbatch_directives(const char *script, struct arena *arena, int *count)
{
    static const char magic[] = "#SBATCH";
    const char **words = arena_alloc(arena, WORDS_MAX * sizeof(*words));
    const char *word;

    *count = 0;
    for (const char *line = script, *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        if (strncmp(line, magic, strlen(magic)) == 0) {
            line += strlen(magic);
            while (*count < WORDS_MAX && (word = next_word(&line, end, arena)))
                words[(*count)++] = strcmp(word, "hetjob") == 0 ? ":" : word;
        } else if (*line != '#' && !is_blank(line, end)) {
            break;
        }
    }
    return words;
}

/* The number given by an option, with the option as its source. */
static struct fact_int number(const struct peel *peel, const char *name)
{
    const char *text = peel_value(peel, name);
    int64_t value;

    if (!text || !count_read(text, &value))
        return (struct fact_int) { .known = false };
    return count_of(value,
                    arena_printf(peel->arena, "sbatch %s%s=%s", name[1] ? "--" : "-", name, text));
}

static struct fact_int gpu_number(const struct peel *peel, const char *name)
{
    const char *text = peel_value(peel, name);

    if (!text || count_gpus(text) < 0)
        return (struct fact_int) { .known = false };
    return count_of(count_gpus(text),
                    arena_printf(peel->arena, "sbatch %s%s=%s", name[1] ? "--" : "-", name, text));
}

/* 'count' of which there are 'of': their quotient, or unknown. */
static struct fact_int quotient(struct fact_int count, struct fact_int of)
{
    if (!count.known || !of.known || of.value <= 0 || count.value % of.value)
        return (struct fact_int) { .known = false };
    return count_of(count.value / of.value, count.source);
}

static struct fact_int product(struct fact_int count, struct fact_int of)
{
    if (!count.known || !of.known)
        return (struct fact_int) { .known = false };
    return count_of(count.value * of.value, count.source);
}

static struct fact_int first_known(struct fact_int a, struct fact_int b)
{
    return a.known ? a : b;
}

/* Tasks alone may be spread over any number of nodes; without any number it is one. */
static struct fact_int nodes_of(const struct peel *peel, const struct sbatch_job *job)
{
    const char *list = peel_value(peel, "w");
    struct fact_int nodes = number(peel, "N");
    int64_t per_node = job->tasks_per_node.known ? job->tasks_per_node.value : 0;

    if (nodes.known || peel_given(peel, "N") || peel_given(peel, "F"))
        return nodes;
    if (job->tasks.known && per_node > 0)
        return count_of((job->tasks.value + per_node - 1) / per_node, job->tasks.source);
    nodes = quotient(gpu_number(peel, "G"), gpu_number(peel, "gpus-per-node"));
    if (nodes.known || peel_given(peel, "G") || peel_given(peel, "n") ||
        (list && count_hosts(list) < 0))
        return nodes;
    return list ? count_of(count_hosts(list), arena_printf(peel->arena, "sbatch -w %s", list))
                : count_of(1, "sbatch without -N");
}

static struct fact_int gpus_of(const struct peel *peel, const struct sbatch_job *job)
{
    static const char *const per_node[] = { "gpus-per-node", "gres" };
    struct fact_int gpus = { .known = false };

    for (size_t i = 0; i < sizeof(per_node) / sizeof(per_node[0]) && !gpus.known; i++)
        gpus = gpu_number(peel, per_node[i]);
    gpus = first_known(gpus, quotient(gpu_number(peel, "G"), job->nodes));
    return first_known(gpus, product(gpu_number(peel, "gpus-per-task"), job->tasks_per_node));
}

static void count(const struct peel *peel, struct sbatch_job *job)
{
    job->tasks = number(peel, "n");
    if (!peel_given(peel, "n"))
        job->tasks = product(number(peel, "ntasks-per-gpu"), gpu_number(peel, "G"));
    job->tasks_per_node = number(peel, "ntasks-per-node");
    job->nodes = nodes_of(peel, job);
    if (!job->tasks.known && !peel_given(peel, "n"))
        job->tasks = product(job->tasks_per_node, job->nodes);
    job->gpus_per_node = gpus_of(peel, job);
}

static void tell_gpu(const struct peel *peel, struct sbatch_job *job)
{
    static const char *const names[] = { "gpus-per-node", "gres", "G", "gpus-per-task" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !job->gpu.known; i++) {
        const char *text = peel_value(peel, names[i]);
        const struct gpu_row *row = text ? gpu_of_gres(text) : NULL;

        if (row)
            job->gpu = (struct fact_str) {
                .known = true,
                .value = row->name,
                .source = arena_printf(peel->arena, "sbatch %s%s=%s", names[i][1] ? "--" : "-",
                                       names[i], text),
            };
    }
}

static void set_count(struct peel *peel, const char *name, const struct fact_int *count)
{
    peel_setenv(peel, name,
                count->known ? arena_printf(peel->arena, "%lld", (long long)count->value) : NULL);
}

/* What Slurm sets for the batch script; what the caller's own job holds goes. */
static void set_environment(struct peel *peel, const struct sbatch_job *job)
{
    static const struct {
        const char *option, *variable;
    } copied[] = {
        { "ntasks-per-node", "SLURM_NTASKS_PER_NODE" },
        { "gpus-per-node", "SLURM_GPUS_PER_NODE" },
        { "G", "SLURM_GPUS" },
        { "gpus-per-task", "SLURM_GPUS_PER_TASK" },
        { "c", "SLURM_CPUS_PER_TASK" },
        { "p", "SLURM_JOB_PARTITION" },
        { "A", "SLURM_JOB_ACCOUNT" },
    };

    peel_setenv(peel, "SLURM_JOB_ID", "1");
    set_count(peel, "SLURM_JOB_NUM_NODES", &job->nodes);
    set_count(peel, "SLURM_NNODES", &job->nodes);
    set_count(peel, "SLURM_NTASKS", &job->tasks);
    set_count(peel, "SLURM_NPROCS", &job->tasks);
    set_count(peel, "SLURM_GPUS_ON_NODE", &job->gpus_per_node);
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        peel_setenv(peel, copied[i].variable, peel_value(peel, copied[i].option));
    peel_setenv(peel, "SLURM_TASKS_PER_NODE",
                job->tasks_per_node.known && job->nodes.known
                    ? arena_printf(peel->arena, "%lld(x%lld)", (long long)job->tasks_per_node.value,
                                   (long long)job->nodes.value)
                    : NULL);
    for (const char *const *name = own_step_variables; *name; name++)
        peel_setenv(peel, *name, NULL);
}

void sbatch_of_options(struct peel *peel, struct sbatch_job *job)
{
    *job = (struct sbatch_job) { .environment = peel->launch->environment };
    count(peel, job);
    tell_gpu(peel, job);
    set_environment(peel, job);
    job->environment = peel->launch->environment;
}

void sbatch_read(int argc, const char *const *word, const struct environment *env,
                 struct arena *arena, struct sbatch_job *job)
{
    const char **words = arena_alloc(arena, ((size_t)argc + 1) * sizeof(*words));
    struct launch launch = { .environment = *env };
    struct peel peel = { .arena = arena, .launch = &launch, .argc = argc + 1, .word = words };

    *job = (struct sbatch_job) { .environment = *env };
    words[0] = "sbatch";
    for (int i = 0; i < argc; i++)
        words[i + 1] = word[i];
    peel.used = 1;
    if (!peel_options(&peel, launcher_find("sbatch")))
        job->cannot_know = launch.cannot_know;
    else if (peel.used < peel.argc && strcmp(words[peel.used], ":") == 0)
        job->cannot_know = "a heterogeneous job has components of its own";
    else if (peel.used < peel.argc)
        job->cannot_know = arena_printf(arena, "'%s' is not an option of sbatch", words[peel.used]);
    else
        sbatch_of_options(&peel, job);
}

int sbatch_script(int argc, const char *const *command, struct arena *arena)
{
    struct launch launch = { 0 };
    struct peel *peel = arena_alloc(arena, sizeof(*peel));

    if (!argc || launcher_find(command[0]) != launcher_find("sbatch"))
        return 0;
    *peel = (struct peel) {
        .arena = arena, .launch = &launch, .argc = argc, .word = command, .used = 1
    };
    if (!peel_options(peel, launcher_find("sbatch")) || peel_given(peel, "wrap"))
        return 0;
    return peel->used < argc && strcmp(command[peel->used], ":") != 0 ? peel->used : 0;
}

static void fill(struct fact_int *fact, const struct fact_int *with)
{
    if (!fact->known)
        *fact = *with;
}

void sbatch_facts(const struct sbatch_job *job, struct facts *facts)
{
    fill(&facts->nodes_allocated, &job->nodes);
    fill(&facts->gpus_per_node, &job->gpus_per_node);
    if (!facts->gpu.known)
        facts->gpu = job->gpu;
}
