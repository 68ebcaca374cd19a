/* srun: how many tasks it starts (srun's own rules for -n, -N and --ntasks-per-node, on the command
 * line or from the environment that sbatch and salloc leave), and what of the environment they see.
 */
#include "launch/apply.h"

#include <string.h>

#include "launch/count.h"

/* One of srun's numbers: the option, or the variable that stands for it. */
struct number {
    bool known;
    bool unreadable; /* given, but no plain number: "-N 2-4" */
    bool by_env;
    int64_t value;
    const char *source; /* of a variable: "SLURM_NTASKS=16" */
};

static struct number number(const struct peel *peel, const char *option,
                            const char *const *variables)
{
    const char *text = peel_value(peel, option);
    struct number n = { .known = false };

    if (text) {
        n.known = count_read(text, &n.value);
        n.unreadable = !n.known;
        return n;
    }
    for (; *variables && !n.known; variables++) {
        struct fact_int fact = count_in_environment(peel, *variables);

        if (fact.known)
            n = (struct number) {
                .known = true, .by_env = true, .value = fact.value, .source = fact.source
            };
    }
    return n;
}

/* -N 2, the allocation's, -w a,b, or one. */
static struct number nodes_of(const struct peel *peel)
{
    static const char *const variables[] = { "SLURM_JOB_NUM_NODES", "SLURM_NNODES", NULL };
    const char *list = peel_value(peel, "w");
    struct number n = number(peel, "N", variables);

    if (n.known || n.unreadable || !peel->launch->environment.known ||
        environment_get(&peel->launch->environment, "SLURM_JOB_ID"))
        return n;
    if (!list)
        return (struct number) { .known = true, .value = 1 };
    if (count_hosts(list) > 0)
        return (struct number) { .known = true, .value = count_hosts(list) };
    return n;
}

struct tasks {
    struct number nodes, tasks, per_node;
};

/* "srun -N 4 --ntasks-per-node=8" where sbatch was given other numbers: srun drops the job's number
 * of tasks since 23.02 and kept it before. */
static void settle_override(struct tasks *t)
{
    if (t->tasks.value == t->nodes.value * t->per_node.value)
        return;
    t->tasks = (struct number) { .unreadable = true };
    t->per_node.known = false;
}

/* Which of the three numbers yields when they contradict, in Slurm 22.05 to 26.05. */
static void settle(const struct peel *peel, struct tasks *t)
{
    if (t->tasks.known && t->nodes.known) {
        if (t->tasks.value < t->nodes.value)
            t->nodes.value = t->tasks.value;
        if (t->per_node.known && t->tasks.by_env && !t->nodes.by_env)
            settle_override(t);
        else if (t->per_node.known && t->tasks.value > t->nodes.value * t->per_node.value)
            t->per_node.known = false;
    }
    if (t->tasks.known || t->tasks.unreadable || !t->nodes.known)
        return;
    if (t->per_node.known)
        t->tasks = (struct number) { .known = true, .value = t->nodes.value * t->per_node.value };
    else if (!peel_given(peel, "c") || environment_get(&peel->launch->environment, "SLURM_JOB_ID"))
        t->tasks = (struct number) { .known = true, .value = t->nodes.value };
}

/* One task for each so many GPUs; with a number of nodes as well it is Slurm's to decide. */
static void count_by_gpu(const struct peel *peel, struct tasks *t)
{
    const char *text = peel_value(peel, "ntasks-per-gpu"), *total = peel_value(peel, "G");
    int64_t each;

    if (!text || peel_given(peel, "n"))
        return;
    t->tasks = (struct number) { .unreadable = true };
    if (count_read(text, &each) && total && count_gpus(total) > 0 && !peel_given(peel, "N"))
        t->tasks = (struct number) { .known = true, .value = each * count_gpus(total) };
}

static void read_gpus(struct peel *peel, struct launch_layer *layer, const struct tasks *t)
{
    static const char *const options[] = { "gpus-per-node", "gres" };
    const char *total = peel_value(peel, "G");

    for (int i = 0; i < 2 && !layer->gpus_per_node.known; i++) {
        const char *text = peel_value(peel, options[i]);

        if (text && count_gpus(text) >= 0)
            layer->gpus_per_node = count_of(
                count_gpus(text), arena_printf(peel->arena, "srun --%s=%s", options[i], text));
    }
    if (!layer->gpus_per_node.known && total && t->nodes.known && t->nodes.value > 0 &&
        count_gpus(total) > 0 && count_gpus(total) % t->nodes.value == 0)
        layer->gpus_per_node = count_of(count_gpus(total) / t->nodes.value,
                                        arena_printf(peel->arena, "srun --gpus=%s", total));
}

static const char *source_of(struct peel *peel, struct launch_layer *layer, const struct tasks *t)
{
    static const char *const names[] = { "N", "n", "ntasks-per-node", "ntasks-per-gpu", NULL };
    const char *text = count_source(peel, layer, names);

    if (t->nodes.by_env && !peel_given(peel, "n"))
        text = arena_printf(peel->arena, "%s, %s", text, t->nodes.source);
    if (t->tasks.known && t->tasks.by_env)
        text = arena_printf(peel->arena, "%s, %s", text, t->tasks.source);
    return text;
}

static void fill(struct peel *peel, struct launch_layer *layer, const struct tasks *t)
{
    const char *source = source_of(peel, layer, t);

    if (t->nodes.known)
        layer->nodes = count_of(t->nodes.value, source);
    if (t->tasks.known)
        layer->processes = count_of(t->tasks.value, source);
    if (t->per_node.known && (!t->tasks.known || !t->nodes.known ||
                              t->per_node.value * t->nodes.value == t->tasks.value))
        layer->per_node = count_of(t->per_node.value, source);
    else if (t->tasks.known && t->nodes.known && t->nodes.value > 0 &&
             t->tasks.value % t->nodes.value == 0)
        layer->per_node = count_of(t->tasks.value / t->nodes.value, source);
    if (!layer->processes.known)
        peel->launch->world_unknown = arena_printf(
            peel->arena, "'%s' does not say how many tasks it starts; write '-n'", source);
}

const char *const own_step_variables[] = { "CUDA_VISIBLE_DEVICES",
                                           "SLURM_PROCID",
                                           "SLURM_LOCALID",
                                           "SLURM_NODEID",
                                           "SLURM_STEP_ID",
                                           "SLURM_STEPID",
                                           "SLURM_STEP_NUM_TASKS",
                                           "SLURM_STEP_NUM_NODES",
                                           "SLURM_STEP_TASKS_PER_NODE",
                                           NULL };

static void drop_own_step(struct peel *peel)
{
    for (const char *const *name = own_step_variables; *name; name++)
        peel_setenv(peel, *name, NULL);
}

/* --export=[ALL,]A=B,C or NONE. */
static void export_environment(struct peel *peel)
{
    const char *list = peel_value(peel, "export");
    struct environment before = peel->launch->environment;

    if (!list || strcmp(list, "ALL") == 0)
        return;
    if (strncmp(list, "ALL,", 4) != 0) {
        peel->launch->environment = (struct environment) { .known = before.known };
        for (int i = 0; i < before.count; i++)
            if (strncmp(before.entry[i], "SLURM_", 6) == 0)
                peel_putenv(peel, before.entry[i]);
    }
    for (const char *p = list; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        const char *word = arena_strndup(peel->arena, p, n);

        if (memchr(p, '=', n))
            peel_putenv(peel, word);
        else if (environment_get(&before, word))
            peel_setenv(peel, word, environment_get(&before, word));
        p += n;
    }
}

/* pyxis, Slurm's own --container and their kin: another file system, perhaps another environment.
 */
static bool in_container(const struct peel *peel)
{
    static const char *const names[] = { "container-image", "container-name", "container",
                                         "container-id",    "environment",    "uenv" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (peel_given(peel, names[i]))
            return true;
    return false;
}

static bool several_components(const struct peel *peel)
{
    if (peel_given(peel, "multi-prog") || peel_given(peel, "het-group"))
        return true;
    for (int i = peel->used; i < peel->argc; i++)
        if (strcmp(peel->word[i], ":") == 0)
            return true;
    return false;
}

void apply_srun(struct peel *peel, struct launch_layer *layer)
{
    static const char *const ntasks[] = { "SLURM_NTASKS", "SLURM_NPROCS", NULL };
    static const char *const per_node[] = { "SLURM_NTASKS_PER_NODE", NULL };
    struct tasks t = { .nodes = nodes_of(peel),
                       .tasks = number(peel, "n", ntasks),
                       .per_node = number(peel, "ntasks-per-node", per_node) };

    if (several_components(peel)) {
        peel_cannot_know(peel, "'srun' starts more than one program");
        return;
    }
    peel->launch->world_unknown = NULL;
    peel->launch->container |= in_container(peel);
    read_gpus(peel, layer, &t);
    count_by_gpu(peel, &t);
    settle(peel, &t);
    fill(peel, layer, &t);
    drop_own_step(peel);
    export_environment(peel);
}
