#include "cli/inputs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/parse_size.h"
#include "cli/config_input.h"
#include "base/read_file.h"
#include "cli/policy_flags.h"
#include "cli/user.h"
#include "facts/allocation.h"
#include "facts/gather.h"
#include "facts/place.h"
#include "launch/sbatch.h"
#include "megatron/options_file.h"

extern char **environ;

enum { SCRIPT_BYTES_MOST = 4 << 20 };

static struct environment this_environment(void)
{
    struct environment env = { .known = true, .entry = (const char *const *)environ };

    while (environ[env.count])
        env.count++;
    return env;
}

/* What answers to a recorded world must not depend on this machine; but a job that starts is bound
 * by its site. */
static bool asks_the_site(const struct cli *cli)
{
    return cli->command == CLI_RUN || !(cli->batch || cli->facts);
}

/* A stray variable must not keep a job from starting: its fault becomes a warning, and it is left
 * out. */
static int forgive(const struct cli *cli, const char *option, const char *text,
                   struct site_faults *faults, struct arena *arena, struct error *err)
{
    const char *variable = cli_variable_of(option, text);

    if (cli->command != CLI_RUN || !variable)
        return -1;
    error_prefix(err, "%s", variable);
    site_fault_add(faults, err->text, arena);
    return 0;
}

static int read_policies(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                         struct error *err)
{
    if (asks_the_site(cli))
        site_policy_read(&inputs->policy, site_directory(), arena, &inputs->faults);
    if (inputs->faults.count && cli->command != CLI_RUN)
        return error_set(err, "%s", inputs->faults.text[0]);
    if (cli->policy && user_policy_read(&inputs->policy, cli->policy, arena, err) < 0 &&
        forgive(cli, "policy", cli->policy, &inputs->faults, arena, err) < 0)
        return -1;
    if (policy_flags_apply(cli, &inputs->policy, arena, err) < 0)
        return -1;
    if (policy_flags_mode(cli, &inputs->policy, arena, err) < 0)
        return forgive(cli, "mode", cli->mode, &inputs->faults, arena, err);
    return 0;
}

int inputs_configure(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                     struct error *err)
{
    struct cli allowed;

    memset(inputs, 0, sizeof(*inputs));
    clock_gettime(CLOCK_MONOTONIC, &inputs->since);
    policy_init(&inputs->policy);
    facts_init(&inputs->facts);
    inputs->environment = this_environment();
    if (read_policies(cli, arena, inputs, err) < 0)
        return -1;
    allowed = policy_flags_allowed(cli, &inputs->policy, true, arena);
    if (!allowed.megatron_options)
        return 0;
    if (options_file_read(allowed.megatron_options, arena, &inputs->extra, err) < 0)
        return forgive(cli, "megatron-options", allowed.megatron_options, &inputs->faults, arena,
                       err);
    return 0;
}

void inputs_warn(const struct inputs *inputs, FILE *out)
{
    const struct policy *policy = &inputs->policy;
    const struct policy_origin *by = &policy->origin[POLICY_LOCKED];

    for (size_t i = 0; i < inputs->faults.count; i++)
        fprintf(out, "megatron-preflight: warning: left out: %s\n", inputs->faults.text[i]);
    if (!policy->ignored_count)
        return;
    fprintf(out, "megatron-preflight: warning: locked by %s:%d and ignored:", by->name, by->line);
    for (size_t i = 0; i < policy->ignored_count; i++)
        fprintf(out, "%s %s", i ? "," : "", policy->ignored[i]);
    fputc('\n', out);
}

static void set_int(struct fact_int *fact, int64_t value, const char *source)
{
    *fact = (struct fact_int) { .known = true, .value = value, .source = source };
}

static void set_str(struct fact_str *fact, const char *value, const char *source)
{
    *fact = (struct fact_str) { .known = true, .value = value, .source = source };
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
    json_t *object;
    int rc;

    errno = 0;
    object = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!object && (where.line < 0 || errno == EISDIR))
        return error_set(err, "cannot read '%s': %s", path, strerror(errno));
    if (!object)
        return error_set(err, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    rc = facts_read(facts, object, arena, err);
    json_decref(object);
    return rc < 0 ? error_prefix(err, "%s", path) : 0;
}

static const char *this_directory(struct arena *arena)
{
    char cwd[PATH_MAX];

    return getcwd(cwd, sizeof(cwd)) ? arena_strdup(arena, cwd) : NULL;
}

/* Takes the command apart, and once more when a file would tell more. */
static void find_launch(const struct cli *cli, const struct environment *env, struct arena *arena,
                        const struct config *config, struct facts *facts, struct launch *launch)
{
    if (config->path)
        config_launch(config, cli->script ? cli->script : "pretrain_gpt.py", cli->argc, cli->argv,
                      launch);
    else if (cli->argc && cli->argv[0][0] == '-')
        launch_from_argv(cli->script ? cli->script : "pretrain_gpt.py", cli->argc, cli->argv,
                         cli->world_size, env, launch);
    else
        launch_parse_files(cli->argc, cli->argv, env, &facts->files, arena, launch);
    if (!cli->facts && facts_gather_launch_file(launch, cli->command == CLI_RUN, arena, facts))
        launch_parse_files(cli->argc, cli->argv, env, &facts->files, arena, launch);
}

/* A batch script without a sandbox: as if its text were given to sbatch --wrap, by somebody whose
 * environment we do not know. */
static int find_launch_in_text(const char *path, struct arena *arena, struct launch *launch,
                               struct error *err)
{
    static const struct environment unknown;
    const char *const *directive;
    const char **word;
    size_t size;
    char *text = read_file(path, SCRIPT_BYTES_MOST, arena, &size);
    int count;

    if (!text)
        return error_set(err, "cannot read '%s': %s", path, strerror(errno));
    directive = sbatch_directives(text, arena, &count);
    word = arena_alloc(arena, ((size_t)count + 4) * sizeof(*word));
    word[0] = "sbatch";
    memcpy(word + 1, directive, (size_t)count * sizeof(*word));
    word[count + 1] = "--wrap";
    word[count + 2] = text;
    launch_parse(count + 3, word, &unknown, arena, launch);
    return 0;
}

/* What holds for jobs of this place only. */
static void narrow_policy(const struct cli *cli, struct arena *arena, struct inputs *inputs)
{
    struct facts *facts = &inputs->facts;

    facts_place(cli->facts ? NULL : this_directory(arena), facts);
    policy_narrow(&inputs->policy, facts->path.known ? facts->path.value : NULL,
                  facts->partition.known ? facts->partition.value : NULL);
}

/* The facts about inputs->launch. */
static int complete(const struct cli *cli, struct arena *arena, struct inputs *inputs,
                    struct error *err)
{
    struct facts *facts = &inputs->facts;

    facts->environment = inputs->launch.environment;
    narrow_policy(cli, arena, inputs);
    if (inputs->looks && cli->command != CLI_RUN) /* there the deciding rank alone asks */
        inputs->policy.let_go = user_bypass(&inputs->policy.bypass, arena);
    if (from_options(cli, inputs, err) < 0)
        return -1;
    config_facts(&inputs->config, facts);
    if (cli->facts)
        facts_from_policy(&inputs->policy, arena, facts);
    if (cli->facts)
        allocation_tell(&inputs->launch, arena, facts);
    else
        facts_gather(&inputs->launch, &inputs->policy, cli->command == CLI_RUN, arena, facts);
    if (!cli->facts && cli->command != CLI_RUN)
        facts_gather_files(&inputs->launch, arena, facts);
    facts_from_gpu(facts);
    launch_complete(&inputs->launch, facts, arena);
    if (cli->gpu && !cli->gpu_memory && !facts->gpu_memory_bytes.known) {
        error_set(err, "--gpu: '%s' is not in the table; give --gpu-memory SIZE as well", cli->gpu);
        return forgive(cli, "gpu", cli->gpu, &inputs->faults, arena, err);
    }
    if (inputs->config.gpu && !facts->gpu_memory_bytes.known)
        return error_set(err, "%s: gpu: '%s' is not in the table; give --gpu-memory SIZE as well",
                         inputs->config.path, inputs->config.gpu);
    return 0;
}

int inputs_gather(const struct cli *given, struct arena *arena, struct inputs *inputs,
                  struct error *err)
{
    struct cli allowed = policy_flags_allowed(given, &inputs->policy, false, arena);
    const struct cli *cli = &allowed;
    struct facts *facts = &inputs->facts;

    inputs->looks = !cli->facts;
    if (cli->facts && read_facts_file(cli->facts, arena, facts, err) < 0)
        return -1;
    if (config_input(cli, arena, &inputs->config, err) < 0)
        return -1;
    if (cli->text && find_launch_in_text(cli->text, arena, &inputs->launch, err) < 0)
        return -1;
    if (!cli->text)
        find_launch(cli, cli->facts ? &facts->environment : &inputs->environment, arena,
                    &inputs->config, facts, &inputs->launch);
    return complete(cli, arena, inputs, err);
}

int inputs_about_launch(const struct cli *given, struct arena *arena, struct inputs *inputs,
                        struct error *err)
{
    struct cli allowed = policy_flags_allowed(given, &inputs->policy, false, arena);

    inputs->looks = true;
    return complete(&allowed, arena, inputs, err);
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
