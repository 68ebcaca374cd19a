#include "config/guide_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/word_list.h"
#include "config/guide_options.h"
#include "megatron/argparse.h"

/* A job on its way into the guide's keys. */
struct taker {
    struct config *config;
    struct job job;
    enum release release;
    int argc;
    const char *const *argv;
    struct guide_values values;
};

static void put(struct taker *t, enum guide_key k, int64_t number)
{
    t->values.value[k] = (struct guide_value) { .given = true, .number = number };
}

static void put_text(struct taker *t, enum guide_key k, const char *text)
{
    t->values.value[k] = (struct guide_value) { .given = true, .text = text };
}

static int64_t number_or(int64_t number, int64_t fallback)
{
    return number == NONE_INT ? fallback : number;
}

/* --- keys that are not simply the field of their name --------------------------------------------
 */

/* Megatron's own where the option is not given: 4 h, or two thirds of that in steps of 64 where
 * gated. */
static void take_ffn(struct taker *t)
{
    const struct job *job = &t->job;
    int64_t h = job->hidden_size;

    if (job->ffn_hidden_size != NONE_INT)
        put(t, GUIDE_FFN_HIDDEN_SIZE, job->ffn_hidden_size);
    else if (h > 0 && h <= INT64_MAX / 8)
        put(t, GUIDE_FFN_HIDDEN_SIZE, job->swiglu == 1 ? 8 * h / 3 / 64 * 64 : 4 * h);
}

static void take_query_groups(struct taker *t)
{
    if (t->job.group_query_attention == 1)
        put(t, GUIDE_NUM_QUERY_GROUPS, t->job.num_query_groups);
}

static void take_activation(struct taker *t)
{
    if (t->job.swiglu == 1)
        return;
    put_text(t, GUIDE_ACTIVATION_FUNC, "gelu");
    put(t, GUIDE_GATED_LINEAR_UNIT, false);
}

/* Without the option Megatron splits the experts as it splits the rest. */
static void take_expert_tensor_parallel(struct taker *t)
{
    int64_t tp = number_or(t->job.tensor_model_parallel_size, 1);

    if (t->job.expert_tensor_parallel_size != NONE_INT)
        put(t, GUIDE_EXPERT_TENSOR_PARALLEL_SIZE, t->job.expert_tensor_parallel_size);
    else if (t->job.num_experts != NONE_INT && tp != 1)
        put(t, GUIDE_EXPERT_TENSOR_PARALLEL_SIZE, tp);
}

static void take_virtual_pipeline(struct taker *t)
{
    const struct job *job = &t->job;
    int64_t pp = number_or(job->pipeline_model_parallel_size, 1);
    int64_t each = job->num_layers_per_virtual_pipeline_stage;

    if (job->num_virtual_stages_per_pipeline_rank != NONE_INT)
        put(t, GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE,
            job->num_virtual_stages_per_pipeline_rank);
    else if (each > 0 && pp > 0 && pp < 1 << 20 && each < 1 << 20 && job->num_layers > 0 &&
             job->num_layers % (pp * each) == 0)
        put(t, GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE, job->num_layers / (pp * each));
}

static void take_recompute(struct taker *t)
{
    const struct job *job = &t->job;

    if (job->recompute_granularity || job->recompute_activations == 1)
        put_text(t, GUIDE_RECOMPUTE_GRANULARITY,
                 job->recompute_granularity ? job->recompute_granularity : "selective");
    if (job->recompute_method)
        put_text(t, GUIDE_RECOMPUTE_METHOD, job->recompute_method);
    if (job->recompute_num_layers > 0)
        put(t, GUIDE_RECOMPUTE_NUM_LAYERS, job->recompute_num_layers);
}

static void take_precision(struct taker *t)
{
    if (t->job.fp16 == 1)
        put_text(t, GUIDE_PARAMS_DTYPE, "fp16");
    else if (t->job.bf16 == 1)
        put_text(t, GUIDE_PARAMS_DTYPE, "bf16");
    if (t->job.fp8 && strcmp(t->job.fp8, "hybrid") == 0)
        put(t, GUIDE_FP8, true);
}

static void take_sizes(struct taker *t)
{
    if (t->config->world.value)
        put(t, GUIDE_WORLD_SIZE, t->config->world.value);
    if (t->config->gpus_per_node.value)
        put(t, GUIDE_GPUS_PER_NODE, t->config->gpus_per_node.value);
    if (t->config->gpu)
        put_text(t, GUIDE_GPU, t->config->gpu);
    if (t->config->published.gb_per_gpu)
        put_text(t, GUIDE_GB_PER_GPU, t->config->published.gb_per_gpu);
    if (t->config->published.data_parallel_size)
        put(t, GUIDE_DATA_PARALLEL_SIZE, t->config->published.data_parallel_size);
    if (t->config->published.assumed_shape)
        put_text(t, GUIDE_ASSUMED_SHAPE, t->config->published.assumed_shape);
}

/* --- keys that are -------------------------------------------------------------------------------
 */

static const char *text_of_option(const struct taker *t, enum job_field field)
{
    int index = t->job.place[field].index;
    const char *equals = index >= 0 ? strchr(t->argv[index], '=') : NULL;

    return equals ? equals + 1 : index >= 0 && index + 1 < t->argc ? t->argv[index + 1] : NULL;
}

static void take_field(struct taker *t, enum guide_key k)
{
    enum job_field field = job_field_find(guide_keys[k].name);
    const void *value;

    if (field == JOB_FIELD_COUNT)
        return;
    value = (const char *)&t->job + job_fields[field].offset;
    switch (guide_keys[k].kind) {
    case GUIDE_INT:
        if (*(const int64_t *)value != NONE_INT)
            put(t, k, *(const int64_t *)value);
        return;
    case GUIDE_BOOL:
        put(t, k, *(const py_bool *)value == 1);
        return;
    case GUIDE_REAL: /* as it was written */
        if (text_of_option(t, field))
            put_text(t, k, text_of_option(t, field));
        return;
    case GUIDE_CHOICE:
        if (*(const char *const *)value)
            put_text(t, k, *(const char *const *)value);
        return;
    case GUIDE_NAME:
        return;
    }
}

static void take_nothing(struct taker *t)
{
    (void)t;
}

static void (*const takers[GUIDE_KEY_COUNT])(struct taker *) = {
    [GUIDE_NUM_QUERY_GROUPS] = take_query_groups,
    [GUIDE_FFN_HIDDEN_SIZE] = take_ffn,
    [GUIDE_ACTIVATION_FUNC] = take_activation,
    [GUIDE_GATED_LINEAR_UNIT] = take_nothing, /* with activation_func */
    [GUIDE_EXPERT_TENSOR_PARALLEL_SIZE] = take_expert_tensor_parallel,
    [GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE] = take_virtual_pipeline,
    [GUIDE_RECOMPUTE_GRANULARITY] = take_recompute,
    [GUIDE_RECOMPUTE_METHOD] = take_nothing,
    [GUIDE_RECOMPUTE_NUM_LAYERS] = take_nothing,
    [GUIDE_WORLD_SIZE] = take_sizes,
    [GUIDE_GPUS_PER_NODE] = take_nothing,
    [GUIDE_GPU] = take_nothing,
    [GUIDE_PARAMS_DTYPE] = take_precision,
    [GUIDE_FP8] = take_nothing,
    [GUIDE_GB_PER_GPU] = take_nothing, /* with world_size */
    [GUIDE_DATA_PARALLEL_SIZE] = take_nothing,
    [GUIDE_ASSUMED_SHAPE] = take_nothing,
};

static void take(struct taker *t)
{
    for (int k = 0; k < GUIDE_KEY_COUNT; k++) {
        if (takers[k])
            takers[k](t);
        else
            take_field(t, (enum guide_key)k);
    }
}

/* --- YAML text -----------------------------------------------------------------------------------
 */

/* A word as YAML reads it back as text. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+./-";
    static const char *const special[] = { "null",  "Null",  "NULL",  "true", "True", "TRUE",
                                           "false", "False", "FALSE", "yes",  "Yes",  "no",
                                           "No",    "on",    "On",    "off",  "Off",  "-" };
    bool quote = !*word || word[strspn(word, plain)] || strncmp(word, "---", 3) == 0;

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        quote = quote || strcmp(word, special[i]) == 0;
    if (!quote) {
        fputs(word, out);
        return;
    }
    fputc('"', out);
    for (const char *p = word; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", (unsigned char)*p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

/* Is it what the guide takes without the key? */
static bool is_default(const struct guide_values *values, enum guide_key k)
{
    const struct guide_value *value = &values->value[k];
    const char *fallback = guide_keys[k].fallback;
    enum guide_key other;

    if (!fallback)
        return false;
    if (value->text)
        return strcmp(value->text, fallback) == 0;
    if (guide_keys[k].kind == GUIDE_BOOL)
        return (value->number != 0) == (strcmp(fallback, "true") == 0);
    other = guide_key_find(fallback);
    if (other < GUIDE_KEY_COUNT)
        return values->value[other].given && values->value[other].number == value->number;
    return strcmp(fallback, "null") != 0 && strtoll(fallback, NULL, 10) == value->number;
}

static bool is_in(const struct guide_key_row *key, const char *section)
{
    size_t n = strcspn(key->sections, " ");

    return strlen(section) == n && strncmp(key->sections, section, n) == 0;
}

static void write_key(const struct guide_values *values, enum guide_key k, FILE *out)
{
    const struct guide_value *value = &values->value[k];

    fprintf(out, "  %s: ", guide_keys[k].name);
    if (value->text)
        put_word(out, value->text);
    else if (guide_keys[k].kind == GUIDE_BOOL)
        fputs(value->number ? "true" : "false", out);
    else
        fprintf(out, "%lld", (long long)value->number);
    fputc('\n', out);
}

static void write_section(const struct guide_values *values, const char *section, FILE *out)
{
    bool any = false;

    for (int k = 0; k < GUIDE_KEY_COUNT; k++) {
        if (!is_in(&guide_keys[k], section) || !values->value[k].given ||
            is_default(values, (enum guide_key)k))
            continue;
        if (!any)
            fprintf(out, "%s:\n", section);
        any = true;
        write_key(values, (enum guide_key)k, out);
    }
}

/* --- what the guide has no key for ---------------------------------------------------------------
 */

/* Options and the job that Megatron's parser makes of them. */
struct parsed {
    struct config *config;
    int argc;
    const char *const *argv;
    struct job job;
    struct argparse_result result;
};

static void parse(struct parsed *parsed, enum release release)
{
    static const struct option_extra none;

    parsed->argv = config_argv(parsed->config, &parsed->argc);
    job_init(&parsed->job);
    argparse_parse(parsed->argc, parsed->argv, release, &none, parsed->config->arena, &parsed->job,
                   &parsed->result);
}

static bool knows_all(const struct config *config, enum release release)
{
    for (size_t i = 0; i < config->count; i++)
        if (!option_find(config->option[i].name, strlen(config->option[i].name), release))
            return false;
    return true;
}

/* The newest release that knows all options, else the newest. */
static enum release newest(const struct config *config)
{
    for (int r = RELEASE_MAIN; r >= 0; r--)
        if (knows_all(config, (enum release)r))
            return (enum release)r;
    return RELEASE_MAIN;
}

static bool same_value(const struct parsed *a, const struct parsed *b, enum job_field field)
{
    char text_a[4096], text_b[4096];

    job_field_print(&a->job, field, text_a, sizeof(text_a));
    job_field_print(&b->job, field, text_b, sizeof(text_b));
    return strcmp(text_a, text_b) == 0;
}

/* Has a key taken the option's value, in whatever spelling? */
static bool is_taken(const struct guide_values *values, const char *option)
{
    for (int k = 0; k < GUIDE_KEY_COUNT; k++)
        if (values->value[k].given && word_list_has(guide_keys[k].options, option))
            return true;
    return false;
}

static void write_name(const char *option, FILE *out)
{
    fputs("  ", out);
    for (const char *p = option + 2; *p; p++)
        fputc(*p == '-' ? '_' : *p, out);
    fputs(": ", out);
}

static void write_option(const struct config_option *option, const struct option_row *row,
                         FILE *out)
{
    bool no = row->kind == OPTION_BOOLEANOPTIONAL && strncmp(option->name, "--no-", 5) == 0;

    write_name(no ? option->name + 3 : option->name, out);
    if (row->kind != OPTION_STORE) {
        fputs(no ? "false\n" : "true\n", out);
        return;
    }
    if (option->count != 1)
        fputc('[', out);
    for (int i = 0; i < option->count; i++) {
        if (i)
            fputs(", ", out);
        put_word(out, option->value[i]);
    }
    fputs(option->count != 1 ? "]\n" : "\n", out);
}

struct extras {
    const struct guide_values *values;
    struct parsed *from, *back;
    bool *wanted; /* which options of 'from' stand in the section 'megatron' */
    enum release release;
    FILE *out;
    bool any;
};

/* What reading the keys and the section back gives. */
static void read_back(const struct extras *x)
{
    const struct config *from = x->from->config;
    struct config *config = arena_alloc(from->arena, sizeof(*config));
    struct error err;

    config_init(config, from->arena);
    config->world = from->world;
    config->path = from->path;
    for (size_t i = 0; i < from->count; i++)
        if (x->wanted[i])
            config_set_words(config, CONFIG_FILE, (struct config_place) { 0 }, from->option[i].name,
                             from->option[i].count, from->option[i].value);
    guide_options(x->values, config, &err); /* what is missing is said by note_lost() */
    config_assume(config);
    x->back->config = config;
    parse(x->back, x->release);
}

static void heading(struct extras *x)
{
    if (!x->any)
        fputs("megatron:\n", x->out);
    x->any = true;
}

static const struct option_row *row_of(const struct extras *x, const struct config_option *option)
{
    return option_find(option->name, strlen(option->name), x->release);
}

/* Marks options of the job that no key has and nobody would assume. One more can keep another from
 * being assumed; true: some were found. */
static bool find_extras(struct extras *x)
{
    const struct config *config = x->from->config;
    bool found = false;

    read_back(x);
    for (size_t i = 0; i < config->count; i++) {
        const struct config_option *option = &config->option[i];
        const struct option_row *row = row_of(x, option);

        if (!row || x->wanted[i] || guide_key_named_as(option->name) ||
            is_taken(x->values, option->name) || same_value(x->from, x->back, row->dest))
            continue;
        x->wanted[i] = true;
        found = true;
    }
    return found;
}

static void write_extras(struct extras *x)
{
    const struct config *config = x->from->config;

    for (size_t i = 0; i < config->count; i++) {
        if (!x->wanted[i])
            continue;
        heading(x);
        write_option(&config->option[i], row_of(x, &config->option[i]), x->out);
    }
}

/* What would be assumed and does not hold. */
static void write_refusals(struct extras *x)
{
    const struct config *config = x->back->config;

    for (size_t i = 0; i < config->count; i++) {
        const struct config_option *option = &config->option[i];
        const struct option_row *row = row_of(x, option);

        if (!row || guide_key_named_as(option->name) || is_taken(x->values, option->name) ||
            job_given(&x->from->job, row->dest) || same_value(x->from, x->back, row->dest))
            continue;
        heading(x);
        write_name(option->name, x->out);
        fputs(row->kind == OPTION_STORE ? "null\n" : "false\n", x->out);
    }
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static void note_lost(const struct extras *x, struct config *config)
{
    const struct argparse_result *result = &x->from->result;
    const char *missing = NULL;

    for (size_t i = 0; i < result->unknown_count; i++)
        config_note(config, SEVERITY_WARNING, "config-option-unknown", (struct config_place) { 0 },
                    "left out: '%s' is no option of Megatron %s",
                    x->from->argv[result->unknown[i].index], release_name(x->release));
    for (size_t i = 0; i < result->error_count; i++)
        config_note(config, SEVERITY_WARNING, "config-option-value", (struct config_place) { 0 },
                    "left out: %s", result->error[i].message);
    for (int k = 0; k < GUIDE_KEY_COUNT; k++)
        if (!guide_keys[k].fallback && !x->values->value[k].given)
            missing = missing ? arena_printf(config->arena, "%s, %s", missing, guide_keys[k].name)
                              : guide_keys[k].name;
    if (missing)
        config_note(config, SEVERITY_WARNING, "config-incomplete", (struct config_place) { 0 },
                    "the guide requires also: %s", missing);
}

void guide_write(struct config *config, FILE *out)
{
    struct parsed from = { .config = config }, back;
    struct taker t = { .config = config, .release = newest(config) };
    struct extras x = {
        .values = &t.values, .from = &from, .back = &back, .release = t.release, .out = out
    };

    x.wanted = arena_alloc(config->arena, (config->count + 1) * sizeof(*x.wanted));
    parse(&from, t.release);
    t.job = from.job;
    t.argc = from.argc;
    t.argv = from.argv;
    take(&t);
    for (int s = 0; guide_sections[s]; s++)
        write_section(&t.values, guide_sections[s], out);
    while (find_extras(&x))
        ;
    write_extras(&x);
    write_refusals(&x);
    note_lost(&x, config);
}
