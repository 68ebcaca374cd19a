#include "facts/facts.h"

#include <string.h>

#include "base/parse_size.h"
#include "facts/gpus.h"
#include "facts/ranks.h"

enum kind { COUNT, BYTES, TEXT, PACKAGE };

/* Every fact by the name it has in JSON; the environment and "files" are read apart. */
static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    bool machine; /* of the machine or the allocation, not of the job */
} rows[] = {
    { "megatron", TEXT, offsetof(struct facts, megatron), false },
    { "megatron_tree", TEXT, offsetof(struct facts, megatron_tree), false },
    { "megatron_changed", TEXT, offsetof(struct facts, megatron_changed), false },
    { "places_gone", TEXT, offsetof(struct facts, places_gone), false },
    { "options_in_tree", TEXT, offsetof(struct facts, options_in_tree), false },
    { "script_options", TEXT, offsetof(struct facts, script_options), false },
    { "script_parser", TEXT, offsetof(struct facts, script_parser), false },
    { "gpu", TEXT, offsetof(struct facts, gpu), true },
    { "gpu_memory_bytes", BYTES, offsetof(struct facts, gpu_memory_bytes), true },
    { "gpu_free_bytes", BYTES, offsetof(struct facts, gpu_free_bytes), true },
    { "gpu_holders", TEXT, offsetof(struct facts, gpu_holders), true },
    { "gpu_uuid", TEXT, offsetof(struct facts, gpu_uuid), true },
    { "gpu_arch", COUNT, offsetof(struct facts, gpu_arch), true },
    { "gpus_per_node", COUNT, offsetof(struct facts, gpus_per_node), true },
    { "gpus_visible", COUNT, offsetof(struct facts, gpus_visible), true },
    { "nodes_allocated", COUNT, offsetof(struct facts, nodes_allocated), true },
    { "nvlink_domain", COUNT, offsetof(struct facts, nvlink_domain), true },
    { "vocab_size", COUNT, offsetof(struct facts, vocab_size), false },
    { "padded_vocab_size", COUNT, offsetof(struct facts, padded_vocab_size), false },
    { "path", TEXT, offsetof(struct facts, path), false },
    { "partition", TEXT, offsetof(struct facts, partition), false },
    { "torch", PACKAGE, offsetof(struct facts, torch), false },
    { "transformer_engine", PACKAGE, offsetof(struct facts, transformer_engine), false },
    { "apex", PACKAGE, offsetof(struct facts, apex), false },
    { "flash_attn", PACKAGE, offsetof(struct facts, flash_attn), false },
    { "cudnn", PACKAGE, offsetof(struct facts, cudnn), false },
    { "python", PACKAGE, offsetof(struct facts, python), false },
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

void facts_init(struct facts *facts)
{
    memset(facts, 0, sizeof(*facts));
}

enum release facts_release(const struct facts *facts)
{
    return facts->megatron.known ? release_parse(facts->megatron.value) : RELEASE_UNKNOWN;
}

static void fill(struct fact_int *fact, int64_t value, const char *source)
{
    if (!fact->known)
        *fact = (struct fact_int) { .known = true, .value = value, .source = source };
}

void facts_from_gpu(struct facts *facts)
{
    const struct gpu_row *row = facts->gpu.known ? gpu_find(facts->gpu.value) : NULL;

    if (!row)
        return;
    fill(&facts->gpu_memory_bytes, (int64_t)row->usable_bytes, facts->gpu.source);
    fill(&facts->gpu_arch, row->arch, facts->gpu.source);
    fill(&facts->nvlink_domain, row->nvlink_domain, facts->gpu.source);
}

static bool is_text(const struct row *row)
{
    return row->kind == TEXT || row->kind == PACKAGE;
}

static int read_bytes(const struct row *row, json_t *value, int64_t *bytes, struct error *err)
{
    uint64_t size;

    if (parse_size(json_string_value(value), &size, err) < 0)
        return error_prefix(err, "'%s'", row->name);
    if (size > INT64_MAX)
        return error_set(err, "'%s' is too large a size", row->name);
    *bytes = (int64_t)size;
    return 0;
}

static int read_number(struct facts *facts, const struct row *row, json_t *value, struct error *err)
{
    int64_t number = json_integer_value(value);

    if (row->kind == BYTES && json_is_string(value)) {
        if (read_bytes(row, value, &number, err) < 0)
            return -1;
    } else if (!json_is_integer(value) || number < 0) {
        return error_set(err, "'%s' must be a whole number", row->name);
    }
    *(struct fact_int *)((char *)facts + row->offset) =
        (struct fact_int) { .known = true, .value = number, .source = "facts" };
    return 0;
}

/* A package is its version; false: not installed; true says nothing about the version. */
static int read_text(struct facts *facts, const struct row *row, json_t *value, struct arena *arena,
                     struct error *err)
{
    struct fact_str *fact = (struct fact_str *)((char *)facts + row->offset);
    const char *text = json_string_value(value);

    if (row->kind == PACKAGE && json_is_true(value))
        return 0;
    if (row->kind == PACKAGE && json_is_false(value))
        text = "";
    if (!text)
        return error_set(err, "'%s' must be a string", row->name);
    *fact =
        (struct fact_str) { .known = true, .value = arena_strdup(arena, text), .source = "facts" };
    return 0;
}

static int read_environment(struct facts *facts, json_t *object, struct arena *arena,
                            struct error *err)
{
    struct environment env = { .known = true };
    const char **entry;
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return error_set(err, "'env' must be an object of strings");
    entry = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(*entry));
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value))
            return error_set(err, "'env': '%s' must be a string", name);
        entry[env.count++] = arena_printf(arena, "%s=%s", name, json_string_value(value));
    }
    env.entry = entry;
    facts->environment = env;
    return 0;
}

/* {"/job/hostfile": "a slots=8\n", "other": null}: the text of each file, null: it is not there. An array of
 * names says nothing of what is in them. */
static int read_files(struct facts *facts, json_t *value, struct arena *arena, struct error *err)
{
    struct file *file = arena_alloc(arena, (json_object_size(value) + 1) * sizeof(*file));
    const char *path;
    json_t *text;
    int count = 0;

    if (!json_is_array(value) && !json_is_object(value))
        return error_set(err, "'files' must be an array or an object");
    json_object_foreach(value, path, text)
    {
        if (!json_is_string(text) && !json_is_null(text))
            return error_set(err, "'files': '%s' must be a string or null", path);
        file[count++] = (struct file) {
            .path = arena_strdup(arena, path),
            .text = json_is_null(text) ? NULL : arena_strdup(arena, json_string_value(text)),
        };
    }
    facts->files = (struct files) { .count = count, .file = file };
    return 0;
}

bool facts_has(const char *name)
{
    if (strcmp(name, "env") == 0 || strcmp(name, "files") == 0 || strcmp(name, "ranks") == 0)
        return true;
    for (int i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

static int read_one(struct facts *facts, const char *name, json_t *value, struct arena *arena,
                    struct error *err)
{
    if (json_is_null(value))
        return 0;
    if (strcmp(name, "env") == 0)
        return read_environment(facts, value, arena, err);
    if (strcmp(name, "ranks") == 0)
        return facts_read_ranks(facts, value, arena, err);
    if (strcmp(name, "files") == 0)
        return read_files(facts, value, arena, err);
    for (int i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return is_text(&rows[i]) ? read_text(facts, &rows[i], value, arena, err)
                                     : read_number(facts, &rows[i], value, err);
    return error_set(err, "unknown fact '%s'", name);
}

int facts_read(struct facts *facts, json_t *object, struct arena *arena, struct error *err)
{
    struct facts read = *facts;
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return error_set(err, "facts must be a JSON object");
    json_object_foreach(object, name, value)
    {
        if (read_one(&read, name, value, arena, err) < 0)
            return -1;
    }
    *facts = read;
    return 0;
}

json_t *facts_of_job(const struct facts *facts)
{
    json_t *object = json_object();

    for (int i = 0; i < ROW_COUNT; i++) {
        const void *fact = (const char *)facts + rows[i].offset;
        const struct fact_int *number = fact;
        const struct fact_str *text = fact;

        if (rows[i].machine || (is_text(&rows[i]) ? !text->known : !number->known))
            continue;
        json_object_set_new(object, rows[i].name,
                            is_text(&rows[i]) ? json_string(text->value) :
                                                json_integer(number->value));
    }
    return object;
}

static void print_bytes(FILE *out, int64_t bytes)
{
    fprintf(out, "%.2f GiB", (double)bytes / (1 << 30));
}

static int lines_of(const char *text)
{
    int lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static bool print_fact(const struct facts *facts, const struct row *row, FILE *out)
{
    const void *fact = (const char *)facts + row->offset;
    const struct fact_int *number = fact;
    const struct fact_str *text = fact;

    if (is_text(row) ? !text->known : !number->known)
        return false;
    fprintf(out, "  %-18s ", row->name);
    if (is_text(row) && strchr(text->value, '\n'))
        fprintf(out, "%d lines", lines_of(text->value));
    else if (is_text(row))
        fprintf(out, "%s", *text->value ? text->value : "none");
    else if (row->kind == BYTES)
        print_bytes(out, number->value);
    else
        fprintf(out, "%lld", (long long)number->value);
    fprintf(out, " (%s)\n", is_text(row) ? text->source : number->source);
    return true;
}

void facts_print(const struct facts *facts, FILE *out)
{
    bool known[ROW_COUNT];
    const char *separator = "  unknown:";

    for (int i = 0; i < ROW_COUNT; i++)
        known[i] = print_fact(facts, &rows[i], out);
    for (int i = 0; i < ROW_COUNT; i++) {
        if (known[i])
            continue;
        fprintf(out, "%s %s", separator, rows[i].name);
        separator = ",";
    }
    if (*separator == ',')
        putc('\n', out);
}
