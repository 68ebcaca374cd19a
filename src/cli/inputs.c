#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/parse_size.h"
#include "facts/allocation.h"
#include "facts/gather.h"
#include "megatron/options_file.h"

extern char **environ;

static int choose(const char *option, const char *text, const char *const *names, int count,
                  struct error *err)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return error_set(err, "--%s: '%s' is none of %s, %s%s%s", option, text, names[0], names[1],
                     count > 2 ? ", " : "", count > 2 ? names[2] : "");
}

static int apply_mode(const struct cli *cli, struct policy *policy, struct error *err)
{
    static const char *const on_error[] = { [ON_ERROR_RUN] = "run", [ON_ERROR_BLOCK] = "block" };
    int n;

    if (cli->mode) {
        n = choose("mode", cli->mode, policy_mode_names, MODE_COUNT, err);
        if (n < 0)
            return -1;
        policy->mode = (enum policy_mode)n;
    }
    if (cli->on_error) {
        n = choose("on-error", cli->on_error, on_error, 2, err);
        if (n < 0)
            return -1;
        policy->on_error = (enum policy_on_error)n;
    }
    if (cli->timeout > 0)
        policy->timeout_seconds = cli->timeout;
    return 0;
}

static struct environment this_environment(void)
{
    struct environment env = { .known = true, .entry = (const char *const *)environ };

    while (environ[env.count])
        env.count++;
    return env;
}

int inputs_configure(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                     struct error *err)
{
    memset(inputs, 0, sizeof(*inputs));
    policy_init(&inputs->policy);
    facts_init(&inputs->facts);
    inputs->environment = this_environment();
    if (cli->policy && policy_read(&inputs->policy, cli->policy, arena, err) < 0)
        return -1;
    if (cli->megatron_options &&
        options_file_read(cli->megatron_options, arena, &inputs->extra, err) < 0)
        return -1;
    return apply_mode(cli, &inputs->policy, err);
}

static void set_int(struct fact_int *fact, int64_t value, const char *source)
{
    *fact = (struct fact_int){ .known = true, .value = value, .source = source };
}

static void set_str(struct fact_str *fact, const char *value, const char *source)
{
    *fact = (struct fact_str){ .known = true, .value = value, .source = source };
}

static int from_options(const struct cli *cli, struct inputs *inputs, struct error *err)
{
    uint64_t bytes;

    if (cli->gpu_memory) {
        if (parse_size(cli->gpu_memory, &bytes, err) < 0)
            return error_prefix(err, "--gpu-memory");
        set_int(&inputs->facts.gpu_memory_bytes, (int64_t)bytes, "--gpu-memory");
    }
    if (cli->gpu)
        set_str(&inputs->facts.gpu, cli->gpu, "--gpu");
    if (cli->megatron) {
        if (release_parse(cli->megatron) == RELEASE_UNKNOWN)
            return error_set(err, "--megatron: no table for '%s'; known are 0.8.0 .. %s and main",
                             cli->megatron, release_names[RELEASE_COUNT - 2]);
        set_str(&inputs->facts.megatron, cli->megatron, "--megatron");
    }
    if (cli->vocab_size)
        set_int(&inputs->facts.vocab_size, cli->vocab_size, "--vocab-size");
    if (cli->gpus_per_node)
        set_int(&inputs->facts.gpus_per_node, cli->gpus_per_node, "--gpus-per-node");
    if (cli->world_size)
        set_int(&inputs->launch.world, cli->world_size, "--world-size");
    return 0;
}

static int read_facts_file(const char *path, struct arena *arena, struct facts *facts,
                           struct error *err)
{
    json_error_t where;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    int rc;

    if (!object)
        return error_set(err, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    rc = facts_read(facts, object, arena, err);
    json_decref(object);
    return rc < 0 ? error_prefix(err, "%s", path) : 0;
}

static void find_launch(const struct cli *cli, const struct environment *env, struct arena *arena,
                        struct launch *launch)
{
    if (cli->argc && cli->argv[0][0] == '-')
        launch_from_argv(cli->script ? cli->script : "pretrain_gpt.py", cli->argc, cli->argv,
                         cli->world_size, env, launch);
    else
        launch_parse(cli->argc, cli->argv, env, arena, launch);
}

int inputs_gather(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                  struct error *err)
{
    struct facts *facts = &inputs->facts;

    if (cli->facts && read_facts_file(cli->facts, arena, facts, err) < 0)
        return -1;
    find_launch(cli, cli->facts ? &facts->environment : &inputs->environment, arena,
                &inputs->launch);
    facts->environment = inputs->launch.environment;
    if (from_options(cli, inputs, err) < 0)
        return -1;
    if (cli->facts)
        allocation_tell(&inputs->launch, arena, facts);
    else
        facts_gather(&inputs->launch, &inputs->policy, cli->command == CLI_RUN, arena, facts);
    if (!cli->facts && cli->command != CLI_RUN)
        facts_gather_files(&inputs->launch, arena, facts);
    facts_from_gpu(facts);
    launch_complete(&inputs->launch, facts, arena);
    if (cli->gpu && !cli->gpu_memory && !facts->gpu_memory_bytes.known)
        return error_set(err, "--gpu: '%s' is not in the table; give --gpu-memory SIZE as well",
                         cli->gpu);
    return 0;
}

void style_for(const struct cli *cli, FILE *out, struct report_style *style)
{
    struct winsize window;
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fileno(out));

    memset(style, 0, sizeof(*style));
    style->quiet = cli->quiet;
    style->verbose = cli->verbose || cli->command == CLI_ESTIMATE;
    style->facts = cli->verbose;
    style->one_line_when_go = cli->command == CLI_RUN;
    style->colour = terminal && !(no_color && *no_color);
    if (cli->colour && strcmp(cli->colour, "auto") != 0)
        style->colour = strcmp(cli->colour, "always") == 0;
    if (terminal && ioctl(fileno(out), TIOCGWINSZ, &window) == 0)
        style->columns = window.ws_col;
}
