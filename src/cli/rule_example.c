#include "cli/rule_example.h"

#include <stdlib.h>
#include <string.h>

#include "base/shell_word.h"
#include "cli/record.h"

const struct rule_example *rule_example_find(const char *id, bool fails)
{
    for (size_t i = 0; i < rule_example_count; i++)
        if (rule_examples[i].fails == fails && strcmp(rule_examples[i].rule, id) == 0)
            return &rule_examples[i];
    return NULL;
}

/* --- the line -------------------------------------------------------------------------------- */

static bool sets(const char *env, const char *name, size_t length)
{
    for (const char *p = env; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strncmp(p, name, length) == 0 && p[length] == '=')
            return true;
    return false;
}

/* What the reader's own shell may have set and this example must not see: what the rule reads, and
 * the variable that most launch scripts export. */
static const char *unset_words(const struct rule_example *example, struct arena *arena)
{
    static const char everyones[] = "CUDA_DEVICE_MAX_CONNECTIONS";
    const struct rule *rule = rule_find(example->rule);
    const char *words = "", *options = rule && rule->options ? rule->options : "";

    for (const char *p = strchr(options, '$'); p; p = strchr(p, '$')) {
        size_t length = strcspn(++p, " ");

        if (!sets(example->env, p, length) && strncmp(p, everyones, length) != 0)
            words = arena_printf(arena, "%s-u %.*s ", words, (int)length, p);
    }
    if (!sets(example->env, everyones, strlen(everyones)))
        words = arena_printf(arena, "%s-u %s ", words, everyones);
    return *words ? arena_printf(arena, "env %s", words) : words;
}

static json_t *environment_json(const char *env, struct arena *arena)
{
    json_t *object = json_object();
    size_t n;

    for (const char *p = env; *p; p += n, p += strspn(p, " ")) {
        const char *equals = strchr(p, '=');

        n = strcspn(p, " ");
        if (!equals || equals > p + n)
            continue;
        json_object_set_new(object, arena_strndup(arena, p, (size_t)(equals - p)),
                            json_stringn(equals + 1, (size_t)(p + n - equals - 1)));
    }
    return object;
}

/* With --facts nothing is looked at: the environment has to be told, too. */
static const char *facts_word(const struct rule_example *example, struct arena *arena)
{
    json_t *facts = json_loads(example->facts, 0, NULL);
    const char *word;
    char *text;

    if (example->env)
        json_object_set_new(facts, "env", environment_json(example->env, arena));
    text = json_dumps(facts, 0);
    word = arena_printf(arena, " --facts <(echo '%s')", text);
    free(text);
    json_decref(facts);
    return word;
}

static const char *policy_words(const struct rule_example *example, struct arena *arena)
{
    return example->policy ? arena_printf(arena, " --policy '%s'", example->policy) : "";
}

static const char *in_front(const struct rule_example *example, struct arena *arena)
{
    if (example->facts || !example->env)
        return "";
    return arena_printf(arena, "%s%s%s", unset_words(example, arena), example->env,
                        *example->env ? " " : "");
}

static const char *option(const char *name, const char *value, struct arena *arena)
{
    return value ? arena_printf(arena, " --%s %s", name, value) : "";
}

static const char *spelled_out(const char *text, struct arena *arena)
{
    const char *base = strstr(text, "$BASE");

    if (!base)
        return text;
    return arena_printf(arena, "%.*s%s%s", (int)(base - text), text, rule_example_base,
                        base + strlen("$BASE"));
}

/* The words quoted where a shell would read them otherwise. */
static const char *quoted(const char *text, struct arena *arena)
{
    int count;
    const char *const *word = shell_words_split(text, &count, arena);
    char *line = NULL;
    const char *copy;
    size_t size;
    FILE *out = open_memstream(&line, &size);

    if (!out)
        return text;
    for (int i = 0; i < count; i++) {
        fputs(i ? " " : "", out);
        if (strcmp(word[i], "$BASE") == 0)
            fputs(word[i], out);
        else
            shell_word_put(out, spelled_out(word[i], arena));
    }
    fclose(out);
    copy = arena_strdup(arena, line);
    free(line);
    return copy;
}

const char *rule_example_line(const struct rule_example *example, struct arena *arena)
{
    const char *world =
        example->world ? arena_printf(arena, " --world-size %d", example->world) : "";

    return arena_printf(
        arena, "%smegatron-preflight check%s%s%s%s%s%s %s%s", in_front(example, arena),
        option("megatron", example->release, arena), world, option("gpu", example->gpu, arena),
        option("script", example->script, arena), example->facts ? facts_word(example, arena) : "",
        policy_words(example, arena), example->argv ? "-- " : "",
        quoted(example->argv ? example->argv : example->command, arena));
}

/* --- the answer ------------------------------------------------------------------------------ */

static json_t *words_json(const char *text, struct arena *arena)
{
    int count;
    const char *const *word = shell_words_split(spelled_out(text, arena), &count, arena);
    json_t *array = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_string(word[i]));
    return array;
}

static void set_text(json_t *record, const char *key, const char *text)
{
    if (text)
        json_object_set_new(record, key, json_string(text));
}

json_t *rule_example_report(const struct rule_example *example, struct arena *arena)
{
    static const struct option_extra no_extra;
    json_t *record = json_object(), *report;
    struct policy policy;
    char *text;

    policy_init(&policy);
    set_text(record, "megatron", example->release);
    set_text(record, "gpu", example->gpu);
    set_text(record, "script", example->script);
    if (example->world)
        json_object_set_new(record, "world", json_integer(example->world));
    if (example->env)
        json_object_set_new(record, "env", environment_json(example->env, arena));
    if (example->facts)
        json_object_set_new(record, "facts", json_loads(example->facts, 0, NULL));
    if (example->policy)
        json_object_set_new(record, "policy", json_loads(example->policy, 0, NULL));
    json_object_set_new(record, example->argv ? "argv" : "command",
                        words_json(example->argv ? example->argv : example->command, arena));
    text = json_dumps(record, 0);
    report = record_check(text, 1, &policy, &no_extra);
    free(text);
    json_decref(record);
    return report;
}
