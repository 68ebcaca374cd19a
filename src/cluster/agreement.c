#include "cluster/agreement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "megatron/options.h"

const struct agreement_option agreement_options[CLUSTER_SHAPE_COUNT] = {
    { "--tensor-model-parallel-size", 1, false },
    { "--pipeline-model-parallel-size", 1, false },
    { "--context-parallel-size", 1, false },
    { "--expert-model-parallel-size", 1, false },
    { "--expert-tensor-parallel-size", AGREEMENT_DERIVED, false },
    { "--num-layers-per-virtual-pipeline-stage", AGREEMENT_DERIVED, false },
    { "--num-virtual-stages-per-pipeline-rank", AGREEMENT_DERIVED, false },
    { "--pipeline-model-parallel-layout", AGREEMENT_DERIVED, false },
    { "--num-layers", AGREEMENT_NONE, false },
    { "--hidden-size", AGREEMENT_NONE, false },
    { "--ffn-hidden-size", AGREEMENT_DERIVED, false },
    { "--kv-channels", AGREEMENT_DERIVED, false },
    { "--group-query-attention", 0, true },
    { "--num-query-groups", 1, false },
    { "--multi-latent-attention", 0, true },
    { "--seq-length", AGREEMENT_NONE, false },
    { "--num-experts", AGREEMENT_NONE, false },
    { "--bf16", 0, true },
    { "--fp16", 0, true },
    { "--use-distributed-optimizer", 0, true },
};

/* Launchers append these, each rank with a value of its own. */
static const char *const per_rank_options[] = { "--local-rank",  "--local_rank",  "--rank",
                                                "--node-rank",   "--node_rank",   "--master-addr",
                                                "--master_addr", "--master-port", "--master_port" };

/* FNV-1a */
#define HASH_START 14695981039346656037u

static uint64_t hash_text(uint64_t hash, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (hash ^ 0xff) * 1099511628211u;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

static bool is_per_rank(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(per_rank_options) / sizeof(per_rank_options[0]); i++)
        if (strlen(per_rank_options[i]) == length && memcmp(per_rank_options[i], name, length) == 0)
            return true;
    return false;
}

static int shape_index(const char *name, size_t length)
{
    for (int i = 0; i < CLUSTER_SHAPE_COUNT; i++)
        if (strlen(agreement_options[i].name) == length &&
            memcmp(agreement_options[i].name, name, length) == 0)
            return i;
    return -1;
}

/* Names of files, hosts and experiments may well differ from node to node. */
static bool is_free_text(const char *name, size_t length, const char *value)
{
    const struct option_row *row = option_find(name, length, RELEASE_MAIN);

    if (strchr(value, '/'))
        return true;
    return row && row->choices[0] == '\0' &&
           (row->type[0] == '\0' || strcmp(row->type, "str") == 0);
}

static int64_t shape_value(const struct agreement_option *option, const char *value)
{
    char *end;
    long long number;

    if (option->flag)
        return 1;
    number = strtoll(value, &end, 10);
    if (end != value && *end == '\0')
        return number;
    return (int64_t)(hash_text(HASH_START, value, strlen(value)) >> 1);
}

/* One option with its value, "" without one. */
static void add_option(struct cluster_facts *mine, const char *name, size_t length,
                       const char *value)
{
    int shape = shape_index(name, length);

    if (shape >= 0) {
        mine->shape[shape] = shape_value(&agreement_options[shape], value);
        return;
    }
    if (is_per_rank(name, length))
        return;
    mine->argv_hash = hash_text(mine->argv_hash, name, length);
    if (!is_free_text(name, length, value))
        mine->argv_hash = hash_text(mine->argv_hash, value, strlen(value));
}

void agreement_argv(int argc, const char *const *argv, struct cluster_facts *mine)
{
    for (int i = 0; i < CLUSTER_SHAPE_COUNT; i++)
        mine->shape[i] = agreement_options[i].fallback;
    mine->argv_hash = HASH_START;
    for (int i = 0; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        bool has_value = i + 1 < argc && !is_option(argv[i + 1]);

        if (!is_option(argv[i]))
            continue; /* further words of an option with several */
        add_option(mine, argv[i], length, equals ? equals + 1 : has_value ? argv[i + 1] : "");
    }
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

void agreement_facts(const struct launch *launch, const struct facts *facts,
                     struct cluster_facts *mine)
{
    memset(mine, 0, sizeof(*mine));
    if (!launch->cannot_know)
        agreement_argv(launch->argc, launch->argv, mine);
    copy(mine->script, sizeof(mine->script), launch->script ? last_part(launch->script) : NULL);
    if (facts->gpu.known)
        copy(mine->gpu, sizeof(mine->gpu), facts->gpu.value);
    if (facts->gpu_memory_bytes.known)
        mine->gpu_total_bytes = facts->gpu_memory_bytes.value;
    gethostname(mine->host, sizeof(mine->host) - 1);
    if (!launch->as_task)
        return; /* in front of a node's launcher: its ranks come later */
    if (launch->world.known)
        mine->world = (int32_t)launch->world.value;
    if (facts->gpu_uuid.known)
        copy(mine->gpu_uuid, sizeof(mine->gpu_uuid), facts->gpu_uuid.value);
}

void agreement_smallest_gpu(const struct cluster_facts *ranks, size_t count, struct facts *facts)
{
    if (!facts->gpu_memory_bytes.known)
        return;
    for (size_t i = 0; i < count; i++)
        if (ranks[i].gpu_total_bytes > 0 &&
            ranks[i].gpu_total_bytes < facts->gpu_memory_bytes.value)
            facts->gpu_memory_bytes.value = ranks[i].gpu_total_bytes;
}
