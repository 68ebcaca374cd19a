#include "cli/config_input.h"

#include <string.h>

#include "base/word_list.h"
#include "config/guide_keys.h"

static const struct format {
    const char *option;
    size_t offset;      /* of the path in struct cli */
    const char *suffix; /* names of such files end in one of these, separated by blanks */
    config_reader *read;
} formats[] = {
    { "--config", offsetof(struct cli, config), ".yaml .yml", guide_read },
    { "--deepseek", offsetof(struct cli, deepseek), "", deepseek_read },
    { "--hf", offsetof(struct cli, hf), "", hf_read },
};

/* The sizes of a launch, as people abbreviate them. */
static const struct size_option {
    const char *option;
    size_t offset; /* in struct cli */
    const char *becomes;
} size_options[] = {
    { "--tp", offsetof(struct cli, tp), "--tensor-model-parallel-size" },
    { "--pp", offsetof(struct cli, pp), "--pipeline-model-parallel-size" },
    { "--cp", offsetof(struct cli, cp), "--context-parallel-size" },
    { "--ep", offsetof(struct cli, ep), "--expert-model-parallel-size" },
    { "--etp", offsetof(struct cli, etp), "--expert-tensor-parallel-size" },
};

static const char *path_of(const struct cli *cli, const struct format *format)
{
    return *(const char *const *)((const char *)cli + format->offset);
}

static int64_t size_of(const struct cli *cli, const struct size_option *size)
{
    return *(const int64_t *)((const char *)cli + size->offset);
}

bool config_is_given(const struct cli *cli)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (path_of(cli, &formats[i]))
            return true;
    return false;
}

void config_input_sizes(const struct cli *cli, struct config *config)
{
    for (size_t i = 0; i < sizeof(size_options) / sizeof(size_options[0]); i++) {
        const struct size_option *size = &size_options[i];

        if (size_of(cli, size))
            config_set_int(config, CONFIG_OPTION, (struct config_place) { .key = size->option },
                           size->becomes, size_of(cli, size));
    }
    if (cli->world_size)
        config->world =
            (struct config_size) { .value = cli->world_size, .place = { .key = "--num-gpus" } };
}

static int refuse_sizes(const struct cli *cli, struct error *err)
{
    for (size_t i = 0; i < sizeof(size_options) / sizeof(size_options[0]); i++)
        if (size_of(cli, &size_options[i]))
            return error_set(err, "%s goes with a configuration (--config); a command line has %s",
                             size_options[i].option, size_options[i].becomes);
    return 0;
}

static int read_config(const struct cli *cli, config_reader *read, const char *path,
                       struct arena *arena, struct config *config, struct error *err)
{
    config_init(config, arena);
    config_input_sizes(cli, config);
    return read(config, path, err);
}

int config_input(const struct cli *cli, struct arena *arena, struct config *config,
                 struct error *err)
{
    const struct format *format = NULL;

    config_init(config, arena);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (path_of(cli, &formats[i]))
            format = &formats[i];
    if (!format)
        return refuse_sizes(cli, err);
    if (cli->argc && cli->argv[0][0] != '-')
        return error_set(err,
                         "%s takes the place of a command: '%s' has none; options of the trainer "
                         "can follow after --",
                         format->option, cli->argv[0]);
    if (read_config(cli, format->read, path_of(cli, format), arena, config, err) < 0)
        return -1;
    config_assume(config);
    return 0;
}

static bool ends_in(const char *path, const char *suffixes)
{
    const char *dot = strrchr(path, '.');

    return dot && word_list_has(suffixes, dot);
}

int config_input_file(const struct cli *cli, const char *path, struct arena *arena,
                      struct config *config, struct error *err)
{
    config_reader *read = flags_read;

    if (ends_in(path, ".json"))
        read = json_read;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (ends_in(path, formats[i].suffix))
            read = formats[i].read;
    if (read_config(cli, read, path, arena, config, err) < 0)
        return -1;
    if (read != flags_read) /* options are all there is */
        config_assume(config);
    return 0;
}
