#include "facts/ranks.h"

#include <stdio.h>
#include <string.h>

#include "cluster/agreement.h"

enum kind { WORDS, TEXT, NUMBER_32, NUMBER_64 };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset, size;
} rows[] = {
    { "argv", WORDS, 0, 0 },
    { "host", TEXT, offsetof(struct cluster_facts, host),
      sizeof(((struct cluster_facts *)0)->host) },
    { "gpu", TEXT, offsetof(struct cluster_facts, gpu), sizeof(((struct cluster_facts *)0)->gpu) },
    { "gpu_uuid", TEXT, offsetof(struct cluster_facts, gpu_uuid),
      sizeof(((struct cluster_facts *)0)->gpu_uuid) },
    { "world", NUMBER_32, offsetof(struct cluster_facts, world), 0 },
    { "gpu_memory_bytes", NUMBER_64, offsetof(struct cluster_facts, gpu_total_bytes), 0 },
};

static int read_words(struct cluster_facts *rank, json_t *value, struct arena *arena,
                      struct error *err)
{
    size_t count = json_array_size(value);
    const char **argv = arena_alloc(arena, (count + 1) * sizeof(*argv));

    if (!json_is_array(value))
        return error_set(err, "'argv' must be an array of strings");
    for (size_t i = 0; i < count; i++) {
        argv[i] = json_string_value(json_array_get(value, i));
        if (!argv[i])
            return error_set(err, "'argv' must be an array of strings");
    }
    agreement_argv((int)count, argv, rank);
    return 0;
}

static int read_value(struct cluster_facts *rank, const struct row *row, json_t *value,
                      struct error *err)
{
    char *to = (char *)rank + row->offset;

    if (row->kind == TEXT) {
        if (!json_is_string(value))
            return error_set(err, "'%s' must be a string", row->name);
        snprintf(to, row->size, "%s", json_string_value(value));
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return error_set(err, "'%s' must be a number of 0 or more", row->name);
    if (row->kind == NUMBER_64)
        memcpy(to, &(int64_t) { json_integer_value(value) }, sizeof(int64_t));
    else
        memcpy(to, &(int32_t) { (int32_t)json_integer_value(value) }, sizeof(int32_t));
    return 0;
}

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int read_rank(struct cluster_facts *rank, json_t *object, struct arena *arena,
                     struct error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return error_set(err, "must be an object");
    json_object_foreach(object, name, value)
    {
        const struct row *row = find_row(name);

        if (!row)
            return error_set(err, "unknown fact '%s'", name);
        if (row->kind == WORDS ? read_words(rank, value, arena, err)
                               : read_value(rank, row, value, err))
            return -1;
    }
    return 0;
}

int facts_read_ranks(struct facts *facts, json_t *array, struct arena *arena, struct error *err)
{
    size_t count = json_array_size(array);
    struct cluster_facts *ranks = arena_alloc(arena, (count + 1) * sizeof(*ranks));

    if (!json_is_array(array))
        return error_set(err, "'ranks' must be an array of objects");
    for (size_t i = 0; i < count; i++) {
        ranks[i].rank = (int32_t)i;
        if (read_rank(&ranks[i], json_array_get(array, i), arena, err) < 0)
            return error_prefix(err, "ranks[%zu]", i);
    }
    facts->ranks = ranks;
    facts->rank_count = count;
    return 0;
}
