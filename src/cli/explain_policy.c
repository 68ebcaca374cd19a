#include "cli/explain_policy.h"

#include <stdlib.h>
#include <string.h>

#include "megatron/options.h"
#include "verdict/policy_keys.h"

static void put_row(const char *key, const char *value, const char *origin, bool locked)
{
    printf("%-18s %-24s %s%s\n", key, value, origin, locked ? "  locked" : "");
}

static const char *value_text(const struct policy *policy, enum policy_key key, struct arena *arena)
{
    char *text = NULL, *copy;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return "";
    policy_print_value(policy, key, out);
    fclose(out);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

static void put_severities(const struct policy *policy, bool locked, struct arena *arena)
{
    for (size_t i = 0; i < policy->severity.count; i++) {
        const struct policy_severity *row = &policy->severity.item[i];

        put_row(i ? "" : "severity",
                arena_printf(arena, "%s: %s", row->rule, policy_severity_names[row->severity]),
                policy_origin_text(&row->origin, arena), locked);
    }
}

static void put_scopes(const char *name, const struct policy_scopes *scopes, bool locked,
                       struct arena *arena)
{
    for (size_t i = 0; i < scopes->count; i++) {
        struct policy one = { .paths = { .count = 1, .item = &scopes->item[i] } };
        const char *text = value_text(&one, POLICY_PATHS, arena);

        put_row(i ? "" : name, text, policy_origin_text(&scopes->item[i].origin, arena), locked);
    }
}

static void put_key(const struct policy *policy, enum policy_key key, struct arena *arena)
{
    bool locked = policy->locked >> key & 1;

    if (key == POLICY_SEVERITY && policy->severity.count)
        put_severities(policy, locked, arena);
    else if (key == POLICY_PATHS && policy->paths.count)
        put_scopes("paths", &policy->paths, locked, arena);
    else if (key == POLICY_PARTITIONS && policy->partitions.count)
        put_scopes("partitions", &policy->partitions, locked, arena);
    else
        put_row(policy_keys[key].name, value_text(policy, key, arena),
                policy_origin_text(&policy->origin[key], arena), locked);
}

static bool some_release_has(const char *option)
{
    size_t length = strcspn(option, " ");

    for (int release = 0; release < RELEASE_COUNT; release++)
        if (option_find(option, length, (enum release)release))
            return true;
    return false;
}

/* A slip in an option's name would stop every job, or none. */
static void put_unknown(const char *key, const struct policy_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        if (!some_release_has(words->item[i]))
            printf("note: %s: no release of Megatron-LM has '%.*s'; it is looked for as it is "
                   "written\n",
                   key, (int)strcspn(words->item[i], " "), words->item[i]);
}

int explain_policy(const struct cli *cli, struct inputs *inputs, struct arena *arena,
                   struct error *err)
{
    const struct policy *policy = &inputs->policy;

    if (cli->argc && inputs_gather(cli, arena, inputs, err) < 0)
        return -1;
    for (int key = 0; key < POLICY_FILE_KEY_COUNT; key++)
        put_key(policy, (enum policy_key)key, arena);
    put_unknown("required_options", &policy->required_options);
    put_unknown("forbidden_options", &policy->forbidden_options);
    fflush(stdout);
    inputs_warn(inputs, stderr);
    return 0;
}
