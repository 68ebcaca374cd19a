#include "cli/record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "facts/allocation.h"
#include "facts/place.h"
#include "megatron_preflight.h"
#include "report/report.h"

/* The strings of a JSON array, copied; NULL with 'err' set when it is not one. */
static const char *const *string_array(json_t *value, const char *key, int *count,
                                       struct arena *arena, struct error *err)
{
    const char **word;
    json_t *item;
    size_t i;

    if (!json_is_array(value)) {
        error_set(err, "'%s' must be an array of strings", key);
        return NULL;
    }
    word = arena_alloc(arena, (json_array_size(value) + 1) * sizeof(*word));
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item)) {
            error_set(err, "'%s'[%zu] must be a string", key, i);
            return NULL;
        }
        word[i] = arena_strdup(arena, json_string_value(item));
    }
    *count = (int)json_array_size(value);
    return word;
}

static int read_environment(json_t *object, struct environment *env, struct arena *arena,
                            struct error *err)
{
    const char **entry;
    const char *name;
    json_t *value;

    if (!object)
        return 0;
    if (!json_is_object(object))
        return error_set(err, "'env' must be an object of strings");
    entry = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(*entry));
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value))
            return error_set(err, "'env': '%s' must be a string", name);
        entry[env->count++] = arena_printf(arena, "%s=%s", name, json_string_value(value));
    }
    env->entry = entry;
    env->known = true;
    return 0;
}

static int check_keys(json_t *record, struct error *err)
{
    static const char *const known[] = { "id",  "argv",     "command", "script", "world",
                                         "env", "megatron", "gpu",     "facts",  "policy" };
    const char *key;
    json_t *value;

    json_object_foreach(record, key, value)
    {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || strcmp(key, known[i]) == 0;
        if (!found)
            return error_set(err, "unknown key '%s'", key);
    }
    return 0;
}

static int read_string(json_t *record, const char *key, const char **text, struct arena *arena,
                       struct error *err)
{
    json_t *value = json_object_get(record, key);

    if (!value || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return error_set(err, "'%s' must be a string", key);
    *text = arena_strdup(arena, json_string_value(value));
    return 0;
}

/* Facts this version has no use for are left out: a newer writer may know more. */
static json_t *known_facts(json_t *facts)
{
    json_t *known = json_object(), *value;
    const char *name;

    json_object_foreach(facts, name, value)
    {
        if (facts_has(name))
            json_object_set(known, name, value);
    }
    return known;
}

static int read_more_facts(json_t *more, struct facts *facts, struct arena *arena, struct error *err)
{
    json_t *known;
    int rc;

    if (!more || json_is_null(more))
        return 0;
    if (!json_is_object(more))
        return error_set(err, "'facts' must be an object");
    known = known_facts(more);
    rc = facts_read(facts, known, arena, err);
    json_decref(known);
    return rc < 0 ? error_prefix(err, "facts") : 0;
}

static int read_facts(json_t *record, struct facts *facts, struct arena *arena, struct error *err)
{
    const char *megatron = NULL, *gpu = NULL;
    json_t *more = json_object_get(record, "facts");

    if (read_string(record, "megatron", &megatron, arena, err) < 0 ||
        read_string(record, "gpu", &gpu, arena, err) < 0)
        return -1;
    if (read_more_facts(more, facts, arena, err) < 0)
        return -1;
    if (megatron)
        facts->megatron =
            (struct fact_str){ .known = true, .value = megatron, .source = "record" };
    if (gpu)
        facts->gpu = (struct fact_str){ .known = true, .value = gpu, .source = "record" };
    if (megatron && release_parse(megatron) == RELEASE_UNKNOWN)
        return error_set(err, "'megatron': no table for '%s'", megatron);
    return 0;
}

static int read_launch(json_t *record, const struct environment *env, const struct files *files,
                       struct launch *launch, struct arena *arena, struct error *err)
{
    json_t *argv = json_object_get(record, "argv"), *command = json_object_get(record, "command");
    json_t *world = json_object_get(record, "world");
    const char *script = "pretrain_gpt.py";
    const char *const *words;
    int count;

    if (world && !json_is_null(world) && (!json_is_integer(world) || json_integer_value(world) < 1))
        return error_set(err, "'world' must be a positive integer or null");
    if (!argv == !command)
        return error_set(err, "one of 'argv' and 'command' must be given");
    if (read_string(record, "script", &script, arena, err) < 0)
        return -1;
    words = string_array(argv ? argv : command, argv ? "argv" : "command", &count, arena, err);
    if (!words)
        return -1;
    if (argv)
        launch_from_argv(script, count, words, 0, env, launch);
    else
        launch_parse_files(count, words, env, files, arena, launch);
    if (json_is_integer(world))
        launch->world = (struct fact_int){ .known = true, .value = json_integer_value(world),
                                           .source = "record" };
    return 0;
}

/* A record can bring a policy of its own over the one of the batch: the keys of a policy file. */
static int read_policy(json_t *record, const struct facts *facts, struct policy *policy,
                       struct arena *arena, struct error *err)
{
    json_t *own = json_object_get(record, "policy");
    char *text = own && !json_is_null(own) ? json_dumps(own, JSON_ENCODE_ANY) : NULL; /* JSON is YAML */
    int rc = 0;

    if (text)
        rc = policy_read_text(policy, POLICY_USER, "policy", text, strlen(text), arena, err);
    free(text);
    if (rc == 0)
        policy_narrow(policy, facts->path.known ? facts->path.value : NULL,
                      facts->partition.known ? facts->partition.value : NULL);
    return rc;
}

int record_read(json_t *object, struct arena *arena, struct record *record, struct error *err)
{
    struct environment env = { 0 };

    memset(record, 0, sizeof(*record));
    facts_init(&record->facts);
    if (!json_is_object(object))
        return error_set(err, "a record must be a JSON object");
    if (read_string(object, "id", &record->id, arena, err) < 0 || check_keys(object, err) < 0 ||
        read_environment(json_object_get(object, "env"), &env, arena, err) < 0 ||
        read_facts(object, &record->facts, arena, err) < 0 ||
        read_launch(object, &env, &record->facts.files, &record->launch, arena, err) < 0)
        return -1;
    record->facts.environment = record->launch.environment;
    facts_place(NULL, &record->facts);
    return 0;
}

void record_complete(struct record *record, struct arena *arena)
{
    if (record->launch.command)
        allocation_tell(&record->launch, arena, &record->facts);
    facts_from_gpu(&record->facts);
    launch_complete(&record->launch, &record->facts, arena);
}

static int decide(json_t *object, const struct policy *policy, const struct option_extra *extra,
                  struct arena *arena, struct report *report, struct error *err)
{
    struct record *record = arena_alloc(arena, sizeof(*record));
    struct policy *own = arena_alloc(arena, sizeof(*own));
    int rc = record_read(object, arena, record, err);

    report->id = record->id;
    *own = *policy;
    if (rc < 0 || read_policy(object, &record->facts, own, arena, err) < 0)
        return -1;
    facts_from_policy(own, arena, &record->facts);
    record_complete(record, arena);
    verdict_decide(&(struct request) { .id = record->id,
                                       .launch = &record->launch,
                                       .facts = &record->facts,
                                       .policy = own,
                                       .extra = extra,
                                       .want_fixes = true },
                   arena, report);
    return 0;
}

static bool is_secret(const char *name, size_t length)
{
    static const char *const parts[] = { "KEY",    "TOKEN",    "SECRET",
                                         "PASSWD", "PASSWORD", "CREDENTIAL" };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        for (size_t at = 0; at + strlen(parts[i]) <= length; at++)
            if (strncasecmp(name + at, parts[i], strlen(parts[i])) == 0)
                return true;
    return false;
}

static json_t *environment_json(const struct environment *env)
{
    json_t *object = json_object();

    for (int i = 0; i < env->count; i++) {
        size_t n = strcspn(env->entry[i], "=");

        if (env->entry[i][n] && !is_secret(env->entry[i], n))
            json_object_setn_new(object, env->entry[i], n, json_string(env->entry[i] + n + 1));
    }
    return object;
}

/* NULL for words that JSON cannot hold. */
static json_t *words_json(int argc, const char *const *argv)
{
    json_t *array = json_array();

    for (int i = 0; i < argc; i++) {
        if (json_array_append_new(array, json_string(argv[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *record_of(const struct launch *launch, const struct environment *env,
                  const struct facts *facts)
{
    json_t *object = json_object();
    json_t *words = launch->command ? words_json(launch->command_argc, launch->command) :
                                      words_json(launch->argc, launch->argv);

    if (json_object_set_new(object, launch->command ? "command" : "argv", words) < 0) {
        json_decref(object);
        return NULL;
    }
    if (!launch->command)
        json_object_set_new(object, "script", json_string(launch->script));
    if (!launch->command && launch->world.known)
        json_object_set_new(object, "world", json_integer(launch->world.value));
    if (env->known)
        json_object_set_new(object, "env", environment_json(env));
    json_object_set_new(object, "facts", facts_of_job(facts));
    return object;
}

json_t *record_check(const char *text, size_t number, const struct policy *policy,
                     const struct option_extra *extra)
{
    struct arena arena = ARENA_INIT;
    struct report report = { .mode = policy->mode };
    struct error err;
    json_error_t where;
    json_t *record = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where), *json;

    if (!record) {
        error_set(&err, "line %zu, column %d: %s", number, where.column, where.text);
        report.error = err.text;
    } else if (decide(record, policy, extra, &arena, &report, &err) < 0) {
        report.error = err.text;
    }
    json = report_json(&report);
    json_decref(record);
    arena_release(&arena);
    return json;
}

char *megatron_preflight_check(const char *record)
{
    static const struct option_extra none;
    struct policy policy;
    json_t *report;
    char *text;

    policy_init(&policy);
    report = record_check(record, 1, &policy, &none);
    text = json_dumps(report, JSON_COMPACT);
    json_decref(report);
    return text;
}
