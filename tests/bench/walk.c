/* walk [REPEAT]: launches on standard input, one JSON object a line as in
 * tests/data/launches.jsonl.xz. Prints the processor time of the parts of a verdict, microseconds:
 * median, 99th percentile and most over all launches, each REPEAT times. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/report.h"
#include "verdict/verdict.h"

enum part { PART_PARSE, PART_WALK, PART_VERDICT, PART_UNKNOWN, PART_JSON, PART_COUNT };

static const char *const part_names[PART_COUNT] = {
    [PART_PARSE] = "parse the trainer's words",
    [PART_WALK] = "walk all rules of one release",
    [PART_VERDICT] = "verdict: parse, walk, memory",
    [PART_UNKNOWN] = "verdict, release unknown",
    [PART_JSON] = "report as JSON",
};

struct samples {
    size_t count, capacity;
    double *us;
};

struct launch_words {
    struct arena arena;
    struct facts facts;
    struct launch launch;
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void add_sample(struct samples *samples, double us)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 4096;
        samples->us = realloc(samples->us, samples->capacity * sizeof(*samples->us));
        if (!samples->us)
            abort();
    }
    samples->us[samples->count++] = us;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct fact_str known(const char *value)
{
    return (struct fact_str) { .known = value != NULL, .value = value, .source = "record" };
}

static const char *const *words_of(const json_t *array, struct arena *arena, int *count)
{
    const char **word = arena_alloc(arena, (json_array_size(array) + 1) * sizeof(*word));

    *count = (int)json_array_size(array);
    for (int i = 0; i < *count; i++)
        word[i] = json_string_value(json_array_get(array, (size_t)i));
    return word;
}

static void read_launch(const json_t *record, struct launch_words *words)
{
    static const char *const env[] = { "CUDA_DEVICE_MAX_CONNECTIONS=1" };
    const char *script = json_string_value(json_object_get(record, "script"));
    int argc;
    const char *const *argv = words_of(json_object_get(record, "argv"), &words->arena, &argc);

    facts_init(&words->facts);
    words->facts.environment = (struct environment) { .known = true, .count = 1, .entry = env };
    words->facts.gpu = known(json_string_value(json_object_get(record, "gpu")));
    facts_from_gpu(&words->facts);
    launch_from_argv(script ? script : "pretrain_gpt.py", argc, argv,
                     json_integer_value(json_object_get(record, "world")),
                     &words->facts.environment, &words->launch);
}

static void time_walk(const struct launch_words *words, struct samples *samples)
{
    struct arena arena = ARENA_INIT;
    struct job *job = arena_alloc(&arena, sizeof(*job));
    struct argparse_result parse;
    struct findings findings = { 0 };
    struct walk walk = { .arena = &arena,
                         .facts = &words->facts,
                         .launch = &words->launch,
                         .release = RELEASE_MAIN,
                         .parse = &parse,
                         .job = job,
                         .findings = &findings };
    double start = now_us();
    struct option_extra extra =
        option_extra_of_script(words->launch.script, RELEASE_MAIN, NULL, &arena);

    job_init(job);
    argparse_parse(words->launch.argc, words->launch.argv, RELEASE_MAIN, &extra, &arena, job,
                   &parse);
    add_sample(&samples[PART_PARSE], now_us() - start);
    start = now_us();
    rules_walk(&walk);
    add_sample(&samples[PART_WALK], now_us() - start);
    arena_release(&arena);
}

static void time_verdict(struct launch_words *words, const char *release, struct samples *samples)
{
    static const struct option_extra none;
    struct arena arena = ARENA_INIT;
    struct policy policy;
    struct request request = {
        .launch = &words->launch, .facts = &words->facts, .policy = &policy, .extra = &none
    };
    struct report report;
    json_t *json;
    double start;

    policy_init(&policy);
    words->facts.megatron = known(release);
    start = now_us();
    verdict_decide(&request, &arena, &report);
    add_sample(&samples[release ? PART_VERDICT : PART_UNKNOWN], now_us() - start);
    if (release) {
        start = now_us();
        json = report_json(&report);
        free(json_dumps(json, JSON_COMPACT));
        add_sample(&samples[PART_JSON], now_us() - start);
        json_decref(json);
    }
    arena_release(&arena);
}

static void print(struct samples *samples, size_t launches)
{
    printf("%zu published launches, CPU us                median     p99    most\n", launches);
    for (int p = 0; p < PART_COUNT; p++) {
        size_t n = samples[p].count;

        qsort(samples[p].us, n, sizeof(*samples[p].us), compare);
        printf("  %-38s %9.1f %7.1f %7.1f\n", part_names[p], samples[p].us[n / 2],
               samples[p].us[n * 99 / 100], samples[p].us[n - 1]);
        free(samples[p].us);
    }
}

int main(int argc, char **argv)
{
    struct samples samples[PART_COUNT] = { 0 };
    int repeat = argc > 1 ? atoi(argv[1]) : 5;
    char *line = NULL;
    size_t size = 0, launches = 0;

    while (getline(&line, &size, stdin) > 0) {
        json_t *record = json_loads(line, 0, NULL);
        struct launch_words words = { .arena = ARENA_INIT };

        read_launch(record, &words);
        for (int i = 0; i < repeat; i++) {
            time_walk(&words, samples);
            time_verdict(&words, "main", samples);
            time_verdict(&words, NULL, samples);
        }
        launches++;
        json_decref(record);
        arena_release(&words.arena);
    }
    free(line);
    if (!launches)
        return EXIT_FAILURE;
    print(samples, launches);
    return EXIT_SUCCESS;
}
