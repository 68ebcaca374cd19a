/* Ranks of one launch against each other. Only where an MPI launch lets them compare
 * (facts->ranks). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/agreement.h"
#include "rules/sections.h"
#include "rules/truth.h"

/* So many ranks are named, the rest is counted. */
enum { NAMED_MAX = 4 };

/* The value of one rank in what is compared. */
typedef int64_t value_fn(const struct cluster_facts *rank, int which);

struct ranks {
    const struct cluster_facts *item;
    size_t count;
};

static struct ranks ranks_of(const struct walk *walk)
{
    return (struct ranks) { walk->facts->ranks, walk->facts->rank_count };
}

/* The value most ranks have, so that the odd ones out are named (Boyer and Moore's majority vote;
 * without a majority any of the values will do). */
static int64_t usual(struct ranks ranks, value_fn *value, int which)
{
    int64_t candidate = 0;
    size_t votes = 0;

    for (size_t i = 0; i < ranks.count; i++) {
        int64_t v = value(&ranks.item[i], which);

        if (votes == 0)
            candidate = v;
        votes += v == candidate ? 1 : (size_t)-1;
    }
    return candidate;
}

/* The first rank whose value is another one than 'common', or NULL. */
static const struct cluster_facts *find_other(struct ranks ranks, value_fn *value, int which,
                                              int64_t common)
{
    for (size_t i = 0; i < ranks.count; i++)
        if (value(&ranks.item[i], which) != common)
            return ranks.item + i;
    return NULL;
}

/* "rank 3 (n2), rank 7 (n5) and 12 more" */
static const char *name_others(struct walk *walk, struct ranks ranks, value_fn *value, int which,
                               int64_t common)
{
    const char *names = "";
    size_t others = 0;

    for (size_t i = 0; i < ranks.count; i++) {
        const struct cluster_facts *rank = &ranks.item[i];

        if (value(rank, which) == common || others++ >= NAMED_MAX)
            continue;
        names = arena_printf(walk->arena, "%s%srank %d (%s)", names, *names ? ", " : "", rank->rank,
                             *rank->host ? rank->host : "host unknown");
    }
    if (others > NAMED_MAX)
        names = arena_printf(walk->arena, "%s and %zu more", names, others - NAMED_MAX);
    return names;
}

static int64_t shape_of(const struct cluster_facts *rank, int which)
{
    return rank->shape[which];
}

static int64_t words_of(const struct cluster_facts *rank, int which)
{
    (void)which;
    return (int64_t)rank->argv_hash;
}

static int64_t world_of(const struct cluster_facts *rank, int which)
{
    (void)which;
    return rank->world;
}

static int64_t gpu_of(const struct cluster_facts *rank, int which)
{
    uint64_t hash = 14695981039346656037u;

    (void)which;
    for (const char *p = rank->gpu; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    return (int64_t)hash;
}

static const char *shape_text(struct walk *walk, const struct agreement_option *option,
                              int64_t value)
{
    if (option->flag)
        return value ? option->name : arena_printf(walk->arena, "no %s", option->name);
    if (value < 0)
        return arena_printf(walk->arena, "no %s", option->name);
    if (value > INT32_MAX) /* a hash of something that is not a number */
        return arena_printf(walk->arena, "another %s", option->name);
    return arena_printf(walk->arena, "%s %lld", option->name, (long long)value);
}

static enum answer check_shape(struct walk *walk, struct finding *finding, int which)
{
    const struct agreement_option *option = &agreement_options[which];
    struct ranks ranks = ranks_of(walk);
    int64_t common = usual(ranks, shape_of, which);
    const struct cluster_facts *other = find_other(ranks, shape_of, which, common);

    if (!other)
        return HOLDS;
    /* One rank may have written down what the others derive. */
    if (common == AGREEMENT_DERIVED || other->shape[which] == AGREEMENT_DERIVED)
        finding->severity = SEVERITY_WARNING;
    finding->options = option->name;
    finding_fix(walk, finding, "start every rank with the same %s", option->name);
    return violated(walk, finding, "%s: %s, the other ranks %s",
                    name_others(walk, ranks, shape_of, which, common),
                    shape_text(walk, option, other->shape[which]),
                    shape_text(walk, option, common));
}

/* The first difference that stops a launch, else the last that does not. */
static enum answer check_shapes(struct walk *walk, struct finding *finding)
{
    const struct finding blank = *finding;
    enum answer answer = HOLDS;

    for (int i = 0; i < CLUSTER_SHAPE_COUNT; i++) {
        struct finding one = blank;

        if (check_shape(walk, &one, i) != VIOLATED)
            continue;
        *finding = one;
        answer = VIOLATED;
        if (one.severity == SEVERITY_ERROR)
            break;
    }
    return answer;
}

static enum answer agree_argv(struct walk *walk, struct finding *finding)
{
    struct ranks ranks = ranks_of(walk);
    int64_t common;

    if (ranks.count < 2)
        return NOT_APPLICABLE;
    for (size_t i = 0; i < ranks.count; i++)
        if (!ranks.item[i].argv_hash)
            return NOT_APPLICABLE; /* a trainer that was not found in its command */
    if (check_shapes(walk, finding) == VIOLATED)
        return VIOLATED;
    common = usual(ranks, words_of, 0);
    if (!find_other(ranks, words_of, 0, common))
        return HOLDS;
    finding->severity = SEVERITY_WARNING;
    return violated(walk, finding, "not all ranks have the same options: %s differ from the others",
                    name_others(walk, ranks, words_of, 0, common));
}

static enum answer agree_world(struct walk *walk, struct finding *finding)
{
    struct ranks ranks = ranks_of(walk);
    int64_t common;
    const struct cluster_facts *other;

    if (ranks.count < 2)
        return NOT_APPLICABLE;
    for (size_t i = 0; i < ranks.count; i++)
        if (ranks.item[i].world <= 0)
            return NOT_APPLICABLE;
    common = usual(ranks, world_of, 0);
    other = find_other(ranks, world_of, 0, common);
    if (!other)
        return HOLDS;
    return violated(walk, finding, "%s: world size %d, the other ranks %lld",
                    name_others(walk, ranks, world_of, 0, common), other->world, (long long)common);
}

static enum answer agree_gpu(struct walk *walk, struct finding *finding)
{
    struct ranks ranks = ranks_of(walk);
    const struct cluster_facts *other;
    int64_t common;

    if (ranks.count < 2)
        return NOT_APPLICABLE;
    for (size_t i = 0; i < ranks.count; i++)
        if (!*ranks.item[i].gpu)
            return NOT_APPLICABLE;
    common = usual(ranks, gpu_of, 0);
    other = find_other(ranks, gpu_of, 0, common);
    if (!other)
        return HOLDS;
    return violated(walk, finding, "ranks have different GPUs: %s: %s",
                    name_others(walk, ranks, gpu_of, 0, common), other->gpu);
}

static int compare_device(const void *a, const void *b)
{
    const struct cluster_facts *const *x = a, *const *y = b;
    int host = strcmp((*x)->host, (*y)->host);

    if (host)
        return host;
    return strcmp((*x)->gpu_uuid, (*y)->gpu_uuid);
}

static enum answer one_device_each(struct walk *walk, struct finding *finding)
{
    struct ranks ranks = ranks_of(walk);
    const struct cluster_facts **sorted;

    if (ranks.count < 2 || is_word(walk->job->distributed_backend, "gloo"))
        return NOT_APPLICABLE;
    sorted = arena_alloc(walk->arena, ranks.count * sizeof(*sorted));
    for (size_t i = 0; i < ranks.count; i++)
        sorted[i] = &ranks.item[i];
    qsort(sorted, ranks.count, sizeof(*sorted), compare_device);
    for (size_t i = 1; i < ranks.count; i++) {
        const struct cluster_facts *a = sorted[i - 1], *b = sorted[i];

        if (*a->gpu_uuid && compare_device(&a, &b) == 0)
            return violated(walk, finding, "ranks %d and %d on %s use one device, %s",
                            a->rank < b->rank ? a->rank : b->rank,
                            a->rank < b->rank ? b->rank : a->rank, a->host, a->gpu_uuid);
    }
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "ranks-agree-argv",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = agree_argv,
      .what = "all ranks of a launch are started with the same trainer options",
      .why = "ranks that cut the model differently, or exchange tensors of different sizes, wait "
             "for each other "
             "for ever; a difference in other options is only a warning",
      .fix = "start every rank with the same options" },
    { .id = "ranks-agree-world",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "$WORLD_SIZE",
      .check = agree_world,
      .what = "all ranks of a launch expect the same number of ranks",
      .why = "init_process_group waits until as many ranks have come as each of them expects",
      .fix = "set WORLD_SIZE alike on all nodes" },
    { .id = "ranks-agree-gpu",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = agree_gpu,
      .what = "all ranks run on one type of GPU",
      .why = "it works, at the speed and with the memory of the smallest",
      .fix = "ask the scheduler for one type of GPU" },
    { .id = "two-ranks-one-device",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "$CUDA_VISIBLE_DEVICES",
      .check = one_device_each,
      .what = "each rank has a GPU of its own",
      .why = "NCCL refuses two ranks of one communicator on one device",
      .fix = "start as many ranks per node as it has GPUs, and let LOCAL_RANK choose among them" },
};

const struct rule_section rank_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
