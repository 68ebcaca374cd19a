#include "config/config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/verdict.h"

void config_init(struct config *config, struct arena *arena)
{
    memset(config, 0, sizeof(*config));
    config->arena = arena;
    config->others = "options after -- can";
}

static struct config_option *find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->option[i].name, name) == 0)
            return &config->option[i];
    return NULL;
}

const struct config_option *config_find(const struct config *config, const char *name)
{
    return find(config, name);
}

static bool is_refused(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->refused_count; i++)
        if (strcmp(config->refused[i], name) == 0)
            return true;
    return false;
}

void config_set_words(struct config *config, enum config_giver giver, struct config_place place,
                      const char *name, int count, const char *const *value)
{
    struct config_option *option = find(config, name);
    const char **copy = arena_alloc(config->arena, ((size_t)count + 1) * sizeof(*copy));

    if ((option && option->giver > giver) || (giver < CONFIG_FILE && is_refused(config, name)))
        return;
    if (!option) {
        config->option = arena_grow(config->arena, config->option, &config->capacity,
                                    config->count + 1, sizeof(*config->option));
        option = &config->option[config->count++];
    }
    for (int i = 0; i < count; i++)
        copy[i] = arena_strdup(config->arena, value[i]);
    *option = (struct config_option) { .name = arena_strdup(config->arena, name),
                                       .count = count,
                                       .value = copy,
                                       .giver = giver,
                                       .place = place };
}

void config_set(struct config *config, enum config_giver giver, struct config_place place,
                const char *name, const char *value)
{
    config_set_words(config, giver, place, name, value ? 1 : 0, &value);
}

void config_set_int(struct config *config, enum config_giver giver, struct config_place place,
                    const char *name, int64_t value)
{
    config_set(config, giver, place, name, arena_printf(config->arena, "%lld", (long long)value));
}

void config_remove(struct config *config, const char *name)
{
    struct config_option *option = find(config, name);

    if (!option)
        return;
    memmove(option, option + 1,
            (size_t)(config->option + config->count - (option + 1)) * sizeof(*option));
    config->count--;
}

void config_refuse(struct config *config, const char *name)
{
    config->refused = arena_grow(config->arena, config->refused, &config->refused_capacity,
                                 config->refused_count + 1, sizeof(*config->refused));
    config->refused[config->refused_count++] = arena_strdup(config->arena, name);
}

int64_t config_int(const struct config *config, const char *name, int64_t fallback)
{
    const struct config_option *option = find(config, name);

    return option && option->count ? strtoll(option->value[0], NULL, 10) : fallback;
}

static struct where where_of(const struct config *config, struct config_place place)
{
    const char *path = place.line || !place.key
                           ? config->path
                           : arena_printf(config->arena, "%s#%s", config->path, place.key);

    return (struct where) {
        .in = WHERE_FILE, .name = path, .line = place.line, .column = place.column, .words = 1
    };
}

void config_note(struct config *config, enum severity severity, const char *id,
                 struct config_place place, const char *fmt, ...)
{
    struct finding *note = findings_add(&config->notes, config->arena);
    va_list ap;

    va_start(ap, fmt);
    *note = (struct finding) { .id = id,
                               .stage = STAGE_LAUNCH,
                               .severity = severity,
                               .options = "",
                               .message = arena_vprintf(config->arena, fmt, ap) };
    va_end(ap);
    if (place.line || place.key)
        note->where[note->where_count++] = where_of(config, place);
}

/* --- the launch ----------------------------------------------------------------------------------
 */

const char *const *config_argv(const struct config *config, int *count)
{
    const char **word;
    int words = 0;

    for (size_t i = 0; i < config->count; i++)
        words += 1 + config->option[i].count;
    word = arena_alloc(config->arena, ((size_t)words + 1) * sizeof(*word));
    words = 0;
    for (size_t i = 0; i < config->count; i++) {
        word[words++] = config->option[i].name;
        for (int v = 0; v < config->option[i].count; v++)
            word[words++] = config->option[i].value[v];
    }
    *count = words;
    return word;
}

static const char *source_of(const struct config *config, struct config_place place)
{
    if (place.line)
        return arena_printf(config->arena, "%s:%d:%d", config->path, place.line, place.column);
    return place.key ? place.key : config->path;
}

static struct fact_int fact_of(const struct config *config, const struct config_size *size)
{
    return (struct fact_int) { .known = size->value > 0,
                               .value = size->value,
                               .source = size->value > 0 ? source_of(config, size->place) : NULL };
}

void config_launch(const struct config *config, const char *script, int argc,
                   const char *const *argv, struct launch *launch)
{
    static const struct environment unknown;
    int count;
    const char *const *own = config_argv(config, &count);
    const char **word = arena_alloc(config->arena, (size_t)(count + argc + 1) * sizeof(*word));

    memcpy(word, own, (size_t)count * sizeof(*word));
    if (argc)
        memcpy(word + count, argv, (size_t)argc * sizeof(*word));
    launch_from_argv(script, count + argc, word, 0, &unknown, launch);
    launch->world = fact_of(config, &config->world);
    if (!launch->world.known)
        launch->world_unknown = "no number of GPUs is given (--num-gpus N), so there is no estimate";
}

void config_facts(const struct config *config, struct facts *facts)
{
    struct fact_int gpus_per_node = fact_of(config, &config->gpus_per_node);
    struct fact_int vocab_size = fact_of(config, &config->vocab_size);

    if (gpus_per_node.known && !facts->gpus_per_node.known)
        facts->gpus_per_node = gpus_per_node;
    if (vocab_size.known && !facts->vocab_size.known)
        facts->vocab_size = vocab_size;
    if (config->gpu && !facts->gpu.known)
        facts->gpu =
            (struct fact_str) { .known = true, .value = config->gpu, .source = config->path };
}

/* --- back into the file --------------------------------------------------------------------------
 */

/* The option that word 'index' of the argv belongs to. */
static const struct config_option *option_of_word(const struct config *config, int index)
{
    int first = 0;

    for (size_t i = 0; i < config->count; i++) {
        if (index <= first + config->option[i].count)
            return &config->option[i];
        first += 1 + config->option[i].count;
    }
    return NULL;
}

static void localize_finding(const struct config *config, struct finding *finding)
{
    int kept = 0;

    for (int w = 0; w < finding->where_count; w++) {
        struct where *where = &finding->where[w];
        const struct config_option *option =
            where->in == WHERE_ARGV ? option_of_word(config, where->index) : NULL;

        if (!option || option->giver == CONFIG_FILE)
            finding->where[kept++] = option ? where_of(config, option->place) : *where;
    }
    finding->where_count = kept;
}

static void localize_fix(const struct config *config, struct fix *fix)
{
    for (int i = 0; i < fix->edit_count; i++) {
        struct edit *edit = &fix->edit[i];
        const char *key =
            edit->target == EDIT_TRAINER && config->key_of ? config->key_of(edit->option) : NULL;

        if (!key)
            continue;
        edit->target = EDIT_CONFIG;
        edit->option = key;
        if (!edit->value && !edit->remove)
            edit->value = "true";
    }
}

/* Published figures beside ours, in the same unit. */
static void add_published(const struct config *config, struct arena *arena, struct report *report)
{
    const struct config_published *published = &config->published;
    double peak = (double)memory_largest_peak(&report->memory);
    const char *theirs = "", *ours = "", *shape = "";

    if (!published->place.line || !report->job)
        return;
    if (published->gb_per_gpu) {
        theirs = arena_printf(arena, "%s GB a GPU", published->gb_per_gpu);
        ours = arena_printf(arena, "%.1f GB (%.1f GiB)", peak / 1e9, peak / (1u << 30));
    }
    if (published->data_parallel_size) {
        theirs = arena_printf(arena, "%s%sDP %lld", theirs, *theirs ? ", " : "",
                              (long long)published->data_parallel_size);
        ours = arena_printf(arena, "%s%sDP %lld", ours, *ours ? ", " : "",
                            (long long)report->job->data_parallel_size);
    }
    if (published->assumed_shape)
        shape = arena_printf(arena, ", in the shape of %s", published->assumed_shape);
    *findings_add(&report->findings, arena) = (struct finding) {
        .id = "config-published",
        .stage = STAGE_LAUNCH,
        .severity = SEVERITY_NOTE,
        .options = "",
        .message = arena_printf(arena, "published: %s; here: %s%s", theirs, ours, shape),
        .where_count = 1,
        .where = { where_of(config, published->place) },
    };
}

void config_localize(const struct config *config, struct arena *arena, struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++)
        localize_finding(config, &report->findings.item[i]);
    for (size_t i = 0; i < config->notes.count; i++)
        *findings_add(&report->findings, arena) = config->notes.item[i];
    for (size_t i = 0; i < config->notes.count; i++)
        if (config->notes.item[i].severity == SEVERITY_WARNING && report->verdict == VERDICT_GO)
            report->verdict = VERDICT_WARN;
    for (int i = 0; i < report->fixes.count; i++)
        localize_fix(config, &report->fixes.item[i]);
    add_published(config, arena, report);
}
