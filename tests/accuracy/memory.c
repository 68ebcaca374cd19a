/* How far the memory estimate is from the truth: reads records, one JSON object a line, and prints
 * errors by family of jobs.
 *
 *   {"id", "megatron", "gpu", "world", "env": {}, "argv": [], "facts": {"vocab_size",
 * "transformer_engine", "torch", "flash_attn"}, "ranks": [{"pp": 0, "allocated": bytes, "peak":
 * bytes}]}
 *
 * "pp" -1 is the last stage. "peak" is torch.cuda.max_memory_allocated() of a steady iteration,
 * "allocated" memory_allocated() after it (null: not recorded).
 * memory [-v] < records: -v prints every rank. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/verdict.h"

struct point {
    const char *id;
    int pp;
    double percent;
};

struct series {
    size_t count;
    struct point *point;
};

struct family {
    char name[64];
    size_t records;
    struct series peak, allocated;
    size_t at_least_over; /* ranks whose lower bound is above the truth */
};

static struct family family[64];
static size_t family_count;
static bool verbose;

static const char *text(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

static void set_fact(struct fact_str *fact, const char *value)
{
    if (value)
        *fact = (struct fact_str) { .known = true, .value = value, .source = "record" };
}

static void read_environment(const json_t *record, struct arena *arena, struct environment *env)
{
    json_t *object = json_object_get(record, "env");
    const char **entry = arena_alloc(arena, sizeof(*entry) * (json_object_size(object) + 1));
    const char *name;
    json_t *value;

    env->known = true;
    env->count = 0;
    env->entry = entry;
    json_object_foreach(object, name, value) entry[env->count++] =
        arena_printf(arena, "%s=%s", name, json_string_value(value));
}

static void read_facts(const json_t *record, struct arena *arena, struct facts *facts)
{
    const json_t *given = json_object_get(record, "facts");
    const json_t *vocabulary = json_object_get(given, "vocab_size");

    facts_init(facts);
    read_environment(record, arena, &facts->environment);
    set_fact(&facts->megatron, text(record, "megatron"));
    set_fact(&facts->gpu, text(record, "gpu"));
    set_fact(&facts->transformer_engine, text(given, "transformer_engine"));
    set_fact(&facts->torch, text(given, "torch"));
    set_fact(&facts->flash_attn, text(given, "flash_attn"));
    if (vocabulary)
        facts->vocab_size = (struct fact_int) { .known = true,
                                                .value = json_integer_value(vocabulary),
                                                .source = "record" };
    facts_from_gpu(facts);
}

static bool is(const char *value, const char *word)
{
    return value && strcmp(value, word) == 0;
}

static const char *family_name(const struct job *job, const struct memory *memory)
{
    bool pipeline = job->pipeline_model_parallel_size > 1;

    if (job->fp8 || job->fp4)
        return "fp8";
    if (!memory->modelled)
        return "not modelled";
    if (job->multi_latent_attention == 1)
        return "MLA";
    if (job->num_experts > 0)
        return pipeline ? "MoE PP" : "MoE PP1";
    if (job->context_parallel_size > 1)
        return "dense CP";
    if (is(job->transformer_impl, "local"))
        return "dense local";
    if (is(job->recompute_granularity, "full"))
        return "dense recompute";
    if (job->fp16 == 1 || job->use_distributed_optimizer != 1)
        return "fp16 or no dist-opt";
    if (job->virtual_pipeline_model_parallel_size > 1)
        return "dense VPP";
    return pipeline ? "dense PP" : "dense PP1";
}

static struct family *family_find(const char *name)
{
    for (size_t i = 0; i < family_count; i++)
        if (strcmp(family[i].name, name) == 0)
            return &family[i];
    snprintf(family[family_count].name, sizeof(family[0].name), "%s", name);
    return &family[family_count++];
}

static void add_point(struct series *series, const char *id, int pp, double want, double got)
{
    series->point = realloc(series->point, sizeof(*series->point) * (series->count + 1));
    series->point[series->count++] =
        (struct point) { .id = strdup(id), .pp = pp, .percent = 100.0 * (got - want) / want };
}

static void compare_rank(const char *id, const json_t *truth, const struct memory *memory,
                         struct family *f)
{
    const double mib = 1 << 20;
    int pp = (int)json_integer_value(json_object_get(truth, "pp"));
    double peak = json_number_value(json_object_get(truth, "peak"));
    double allocated = json_number_value(json_object_get(truth, "allocated"));
    const struct memory_rank *rank;

    if (pp < 0)
        pp += memory->rank_count;
    if (pp >= memory->rank_count)
        return;
    rank = &memory->rank[pp];
    add_point(&f->peak, id, pp, peak, (double)rank->peak_bytes);
    if (allocated > 0)
        add_point(&f->allocated, id, pp, allocated, (double)rank->allocated_bytes);
    f->at_least_over += (double)rank->peak_at_least_bytes > peak;
    if (verbose)
        printf("%-8s pp %2d  peak %9.1f MiB %+8.1f (%+6.2f %%)  allocated %9.1f %+7.1f  above "
               "%9.1f %+8.1f  at least %+7.2f %%  %s  [%s]\n",
               f->name, pp, peak / mib, ((double)rank->peak_bytes - peak) / mib,
               100.0 * ((double)rank->peak_bytes - peak) / peak, allocated / mib,
               ((double)rank->allocated_bytes - allocated) / mib, (peak - allocated) / mib,
               ((double)rank->peak_bytes - peak - (double)rank->allocated_bytes + allocated) / mib,
               100.0 * ((double)rank->peak_at_least_bytes - peak) / peak, id, rank->peak_at);
}

static void examine(const json_t *record)
{
    struct arena arena = ARENA_INIT;
    struct facts facts;
    struct launch launch;
    struct policy policy;
    struct report report;
    const json_t *argv = json_object_get(record, "argv");
    const char **word = arena_alloc(&arena, sizeof(*word) * (json_array_size(argv) + 1));
    const struct request request = { .launch = &launch, .facts = &facts, .policy = &policy };
    size_t i;
    json_t *value;

    json_array_foreach(argv, i, value) word[i] = json_string_value(value);
    read_facts(record, &arena, &facts);
    policy_init(&policy);
    launch_from_argv("pretrain_gpt.py", (int)json_array_size(argv), word,
                     json_integer_value(json_object_get(record, "world")), &facts.environment,
                     &launch);
    verdict_decide(&request, &arena, &report);
    if (report.memory.rank_count == 0) {
        family_find("no estimate")->records++;
        if (verbose)
            printf("no estimate: %s: %s\n", text(record, "id"),
                   report.memory.missing_count ? report.memory.missing[0]
                   : report.findings.count     ? report.findings.item[0].id
                                               : "?");
    } else {
        struct family *f = family_find(family_name(report.job, &report.memory));

        f->records++;
        json_array_foreach(json_object_get(record, "ranks"), i, value)
            compare_rank(text(record, "id"), value, &report.memory, f);
    }
    arena_release(&arena);
}

static int by_size(const void *a, const void *b)
{
    double x = fabs(((const struct point *)a)->percent),
           y = fabs(((const struct point *)b)->percent);

    return x < y ? -1 : x > y;
}

static void print_series(const char *name, size_t records, const char *what, struct series *s)
{
    const struct point *over = NULL, *under = NULL;

    if (!s->count)
        return;
    qsort(s->point, s->count, sizeof(*s->point), by_size);
    for (size_t i = 0; i < s->count; i++) {
        if (s->point[i].percent > 0)
            over = &s->point[i];
        else
            under = &s->point[i];
    }
    printf("%-20s %4zu %5zu  %-9s %7.2f %7.2f", name, records, s->count, what,
           fabs(s->point[s->count / 2].percent), fabs(s->point[s->count * 9 / 10].percent));
    if (over)
        printf("  %+7.2f %s/%d", over->percent, over->id, over->pp);
    if (under)
        printf("  %+7.2f %s/%d", under->percent, under->id, under->pp);
    putchar('\n');
}

static void merge_series(struct series *all, const struct series *s)
{
    for (size_t i = 0; i < s->count; i++)
        add_point(all, s->point[i].id, s->point[i].pp, 100, 100 + s->point[i].percent);
}

static void merge(struct family *all, const struct family *f)
{
    all->records += f->records;
    all->at_least_over += f->at_least_over;
    merge_series(&all->peak, &f->peak);
    merge_series(&all->allocated, &f->allocated);
}

int main(int argc, char **argv)
{
    struct family all = { .name = "all" };
    char *line = NULL;
    size_t size = 0;

    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    while (getline(&line, &size, stdin) > 0) {
        json_t *record = json_loads(line, 0, NULL);

        if (!record) {
            fprintf(stderr, "memory: a line is not JSON\n");
            return 1;
        }
        examine(record);
        json_decref(record);
    }
    free(line);
    printf("%-20s %4s %5s  %-9s %7s %7s  %s\n", "family", "jobs", "ranks", "", "median", "p90",
           "worst over, worst under (%)");
    for (size_t i = 0; i < family_count; i++)
        if (strcmp(family[i].name, "not modelled") != 0)
            merge(&all, &family[i]);
    for (size_t i = 0; i < family_count; i++) {
        print_series(family[i].name, family[i].records, "peak", &family[i].peak);
        print_series("", family[i].records, "allocated", &family[i].allocated);
        if (!family[i].peak.count)
            printf("%-20s %4zu\n", family[i].name, family[i].records);
    }
    print_series("all modelled", all.records, "peak", &all.peak);
    print_series("", all.records, "allocated", &all.allocated);
    printf("lower bound above the truth: %zu of %zu modelled ranks\n", all.at_least_over,
           all.peak.count);
    return 0;
}
