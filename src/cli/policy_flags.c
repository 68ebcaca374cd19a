#include "cli/policy_flags.h"

#include <stdlib.h>
#include <string.h>

#include "verdict/policy_keys.h"

/* Options about the job, not the policy: all that a lock can do is to leave them out. */
static const struct {
    const char *option;
    enum policy_key key;
} about_the_job[] = {
    { "facts", POLICY_FACTS },           { "gpu", POLICY_GPU },
    { "gpu-memory", POLICY_GPU_MEMORY }, { "gpus-per-node", POLICY_GPUS_PER_NODE },
    { "megatron", POLICY_MEGATRON },     { "megatron-options", POLICY_MEGATRON_OPTIONS },
    { "vocab-size", POLICY_VOCAB_SIZE }, { "world-size", POLICY_WORLD_SIZE },
};

static const struct cli_option *option_named(const char *name)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (strcmp(cli_options[i].name, name) == 0)
            return &cli_options[i];
    return NULL;
}

/* "--mode", or the variable when the text came from there. */
static struct policy_origin origin_of(const char *name, const char *text, struct arena *arena)
{
    const char *variable = cli_variable_of(name, text);

    return (struct policy_origin) { .name =
                                        variable ? variable : arena_printf(arena, "--%s", name) };
}

static int choose(enum policy_key key, const char *option, const char *text, int *value,
                  struct error *err)
{
    const char *choices = policy_keys[key].choices;
    size_t length = strlen(text);

    *value = 0;
    for (const char *p = choices; *p; p += strspn(p, " "), ++*value) {
        size_t n = strcspn(p, " ");

        if (n == length && strncmp(p, text, n) == 0)
            return 0;
        p += n;
    }
    return error_set(err, "--%s: '%s' is none of: %s", option, text, choices);
}

int policy_flags_mode(const struct cli *cli, struct policy *policy, struct arena *arena,
                      struct error *err)
{
    struct policy wanted = *policy;
    int n;

    if (!cli->mode)
        return 0;
    if (choose(POLICY_MODE, "mode", cli->mode, &n, err) < 0)
        return -1;
    wanted.mode = (enum policy_mode)n;
    policy_override(policy, POLICY_MODE, &wanted, origin_of("mode", cli->mode, arena), arena);
    return 0;
}

int policy_flags_apply(const struct cli *cli, struct policy *policy, struct arena *arena,
                       struct error *err)
{
    struct policy wanted = *policy;
    int n;

    if (cli->on_error) {
        if (choose(POLICY_ON_ERROR, "on-error", cli->on_error, &n, err) < 0)
            return -1;
        wanted.on_error = (enum policy_on_error)n;
        policy_override(policy, POLICY_ON_ERROR, &wanted,
                        origin_of("on-error", cli->on_error, arena), arena);
    }
    if (cli->timeout > 0) {
        wanted.timeout_seconds = cli->timeout;
        policy_override(policy, POLICY_TIMEOUT, &wanted, origin_of("timeout", NULL, arena), arena);
    }
    if (cli->max_gpus) {
        wanted.max_gpus = cli->max_gpus;
        policy_override(policy, POLICY_MAX_GPUS, &wanted, origin_of("max-gpus", NULL, arena),
                        arena);
    }
    return 0;
}

static bool is_given(const struct cli_option *option, const void *value)
{
    return option->kind == CLI_STRING ? *(const char *const *)value != NULL
                                      : *(const int64_t *)value != 0;
}

static void leave_out(const struct cli_option *option, void *value)
{
    if (option->kind == CLI_STRING)
        *(const char **)value = NULL;
    else
        *(int64_t *)value = 0;
}

struct cli policy_flags_allowed(const struct cli *cli, struct policy *policy, bool note,
                                struct arena *arena)
{
    struct cli allowed = *cli;

    for (size_t i = 0; i < sizeof(about_the_job) / sizeof(about_the_job[0]); i++) {
        const struct cli_option *option = option_named(about_the_job[i].option);
        void *value = (char *)&allowed + option->offset;
        const char *text = option->kind == CLI_STRING ? *(const char **)value : NULL;

        if (!(policy->locked >> about_the_job[i].key & 1) || !is_given(option, value))
            continue;
        if (note)
            policy_permits(policy, about_the_job[i].key, origin_of(option->name, text, arena),
                           arena);
        leave_out(option, value);
    }
    return allowed;
}
