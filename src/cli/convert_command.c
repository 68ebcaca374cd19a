/* convert: a configuration as options, options as a configuration. */
#include <string.h>

#include "base/shell_word.h"
#include "cli/check.h"
#include "cli/config_input.h"
#include "cli/script.h"
#include "config/guide_write.h"

static void put_flags(struct config *config, FILE *out)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_option *option = &config->option[i];

        fputs(option->name, out);
        for (int v = 0; v < option->count; v++) {
            fputc(' ', out);
            shell_word_put(out, option->value[v]);
        }
        fputc('\n', out);
    }
}

static const struct target {
    const char *name;
    void (*write)(struct config *, FILE *);
} targets[] = {
    { "flags", put_flags },
    { "yaml", guide_write },
};

static const struct target *target_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof(targets) / sizeof(targets[0]); i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}

/* On standard error: standard output is what the next program reads. */
static void put_notes(const struct config *config)
{
    for (size_t i = 0; i < config->notes.count; i++) {
        const struct finding *note = &config->notes.item[i];
        const struct where *where = note->where_count ? &note->where[0] : NULL;
        struct error text; /* its control bytes are shown as '?' */

        error_set(&text, "%s", note->message);
        if (where && where->line)
            error_prefix(&text, "%s:%d:%d", where->name, where->line, where->column);
        fprintf(stderr, "%s: %s\n", severity_names[note->severity], text.text);
    }
}

/* The first job that a script starts. */
static int read_script(const struct cli *cli, struct arena *arena, struct config *config,
                       struct error *err)
{
    struct inputs inputs;
    struct expansion expansion;
    struct launch launch;
    size_t first, others = 0;

    config_init(config, arena);
    config->path = cli->argv[0];
    config_input_sizes(cli, config);
    if (inputs_configure(cli, arena, &inputs, err) < 0 ||
        script_expand(cli, &inputs, arena, &expansion, err) < 0)
        return -1;
    for (first = 0; first < expansion.launch_count; first++)
        if (script_launch(&expansion.launch[first], arena, &launch))
            break;
    if (first == expansion.launch_count)
        return error_set(err, "%s starts no job that could be followed", config->path);
    for (size_t i = first + 1; i < expansion.launch_count; i++)
        others += script_launch(&expansion.launch[i], arena, &launch);
    script_launch(&expansion.launch[first], arena, &launch);
    if (others)
        config_note(config, SEVERITY_NOTE, "config-first-launch",
                    (struct config_place) {
                        .key = "launch", .line = expansion.launch[first].line, .column = 1 },
                    "of %zu launches this first one is taken", others + 1);
    return flags_of_launch(config, &launch, err);
}

static int convert(const struct cli *cli, struct arena *arena, struct error *err)
{
    const struct target *target = target_find(cli->to);
    struct config config;

    if (!target)
        return error_set(err, "--to: %s%s%s; write --to flags or --to yaml", cli->to ? "'" : "",
                         cli->to ? cli->to : "missing", cli->to ? "' is neither" : "");
    if (cli->argc != 1)
        return error_set(err, "convert takes one file: a configuration, or options of Megatron's");
    if (expand_is_script(cli->argv[0])
            ? read_script(cli, arena, &config, err) < 0
            : config_input_file(cli, cli->argv[0], arena, &config, err) < 0)
        return -1;
    target->write(&config, stdout);
    put_notes(&config);
    return 0;
}

int convert_command(const struct cli *cli)
{
    struct arena arena = ARENA_INIT;
    struct error err;
    int status = convert(cli, &arena, &err);

    if (status < 0)
        fprintf(stderr, "megatron-preflight: %s\n", err.text);
    arena_release(&arena);
    return status < 0 ? 2 : 0;
}
