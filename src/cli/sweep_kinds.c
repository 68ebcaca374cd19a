#include "cli/sweep_kinds.h"

#include <string.h>
#include <unistd.h>

#include "config/functional_test.h"
#include "report/entry.h"

/* --- Megatron's functional tests ---------------------------------------------------------------
 */

static bool ends_in(const struct sweep_file *file, const char *wanted)
{
    const char *ending = strrchr(file->path, '.');

    return ending && strcmp(ending, wanted) == 0;
}

static bool is_yaml(const struct sweep_file *file)
{
    return ends_in(file, ".yaml") || ends_in(file, ".yml");
}

static bool is_functional_test(const struct sweep_file *file)
{
    return is_yaml(file) && functional_test_is(file->text);
}

/* As the runner starts it; without a recipe nobody says on how many GPUs, and with what. */
static void launch_of_run(const struct functional_run *run, struct arena *arena,
                          struct launch *launch)
{
    const char *words[] = { "torchrun",
                            "--nnodes",
                            arena_printf(arena, "%lld", (long long)run->nodes),
                            "--nproc-per-node",
                            arena_printf(arena, "%lld", (long long)run->gpus_per_node),
                            run->script };
    enum { COUNT = sizeof(words) / sizeof(words[0]) };
    const char **command = arena_alloc(arena, ((size_t)run->argc + COUNT) * sizeof(*command));

    if (!run->script || !run->nodes || !run->gpus_per_node) {
        launch_from_argv(run->script ? run->script : "pretrain_gpt.py", run->argc, run->argv, 0,
                         &run->environment, launch);
        return;
    }
    memcpy(command, words, sizeof(words));
    if (run->argc)
        memcpy(command + COUNT, run->argv, (size_t)run->argc * sizeof(*command));
    launch_parse(run->argc + COUNT, command, &run->environment, arena, launch);
}

/* A finding stands where its first guilty word does. */
static void find_lines(const struct functional_run *run, const struct report *report, json_t *entry)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];
        const struct where *where = &finding->where[0];

        if (finding->where_count && where->in == WHERE_ARGV && where->index < run->argc)
            entry_set_line(entry, i, run->word_line[where->index]);
    }
}

static void look_at_run(struct sweep_file *file, const struct functional_run *run)
{
    struct inputs inputs = *file->configured;
    struct report report;

    if (run->cannot_know) {
        sweep_add_error(file, run->line, run->cannot_know);
        return;
    }
    launch_of_run(run, file->arena, &inputs.launch);
    if (sweep_gather(file, &inputs, run->line) < 0)
        return;
    sweep_decide(file, &inputs, &report);
    find_lines(run, &report, sweep_add(file, run->line, &report));
}

static void look_at_functional_test(struct sweep_file *file)
{
    struct functional_test test;
    struct error err;

    if (functional_test_read(file->path, file->text, file->arena, &test, &err) < 0) {
        sweep_add_error(file, 0, err.text);
        return;
    }
    if (test.root && chdir(test.root) < 0) /* that is where the runner starts the trainer */
        return;
    for (size_t i = 0; i < test.count; i++)
        look_at_run(file, &test.run[i]);
}

/* --- configurations ----------------------------------------------------------------------------
 */

static bool has_section(const struct sweep_file *file, const char *section)
{
    const char *at = strstr(file->text, section);

    return at && (at == file->text || at[-1] == '\n');
}

static bool is_guide(const struct sweep_file *file)
{
    return is_yaml(file) && has_section(file, "model:") && has_section(file, "parallelism:");
}

/* Its launch is a section of its own; a Hugging Face config.json, which has none, is a model only.
 */
static bool is_deepseek(const struct sweep_file *file)
{
    json_t *root = ends_in(file, ".json") ? json_loads(file->text, 0, NULL) : NULL;
    bool yes = json_is_object(json_object_get(root, "model")) &&
               json_is_object(json_object_get(root, "distributed"));

    json_decref(root);
    return yes;
}

static void look_at_config(struct sweep_file *file, config_reader *read)
{
    struct inputs inputs = *file->configured;
    struct config *config = &inputs.config;
    struct report report;
    struct error err;

    config_init(config, file->arena);
    if (read(config, file->path, &err) < 0) {
        sweep_add_error(file, 0, err.text);
        return;
    }
    config_assume(config);
    config_launch(config, "pretrain_gpt.py", 0, NULL, &inputs.launch);
    if (sweep_gather(file, &inputs, 0) < 0)
        return;
    sweep_decide(file, &inputs, &report);
    config_localize(config, file->arena, &report);
    sweep_add(file, 0, &report);
}

static void look_at_guide(struct sweep_file *file)
{
    look_at_config(file, guide_read);
}

static void look_at_deepseek(struct sweep_file *file)
{
    look_at_config(file, deepseek_read);
}

const struct sweep_kind sweep_kinds[] = {
    { "functional test", is_functional_test, look_at_functional_test },
    { "configuration", is_guide, look_at_guide },
    { "JSON configuration", is_deepseek, look_at_deepseek },
    { "script", sweep_is_script, sweep_look_at_script },
};
const size_t sweep_kind_count = sizeof(sweep_kinds) / sizeof(sweep_kinds[0]);
