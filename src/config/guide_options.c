#include "config/guide_options.h"

#include <stdlib.h>
#include <string.h>

/* The values while they become options. */
struct writer {
    const struct guide_values *values;
    struct config *config;
};

static const struct guide_value *value_of(const struct writer *w, enum guide_key k)
{
    return &w->values->value[k];
}

static bool given(const struct writer *w, enum guide_key k)
{
    return value_of(w, k)->given;
}

static enum config_giver giver_of(const struct writer *w, enum guide_key k)
{
    return given(w, k) ? CONFIG_FILE : CONFIG_DEFAULT;
}

/* The first option of the key's row. */
static const char *option_of(const struct writer *w, enum guide_key k)
{
    const char *options = guide_keys[k].options;

    return arena_strndup(w->config->arena, options, strcspn(options, " "));
}

/* The number that holds: from --tp and its kin, the file, or the guide's default; 0 for null. */
static int64_t number_of(const struct writer *w, enum guide_key k)
{
    const char *fallback = guide_keys[k].fallback;
    const struct config_option *option = config_find(w->config, option_of(w, k));
    enum guide_key other;

    if (option && option->giver == CONFIG_OPTION)
        return config_int(w->config, option->name, 0);
    if (given(w, k))
        return value_of(w, k)->number;
    if (!fallback || strcmp(fallback, "null") == 0)
        return 0;
    if (guide_keys[k].kind == GUIDE_BOOL)
        return strcmp(fallback, "true") == 0;
    other = guide_key_find(fallback);
    return other < GUIDE_KEY_COUNT ? number_of(w, other) : strtoll(fallback, NULL, 10);
}

static bool is_on(const struct writer *w, enum guide_key k)
{
    return number_of(w, k) != 0;
}

static const char *word_of(const struct writer *w, enum guide_key k)
{
    return given(w, k) ? value_of(w, k)->text : guide_keys[k].fallback;
}

static void set_number(const struct writer *w, enum guide_key k, int64_t number)
{
    config_set_int(w->config, giver_of(w, k), value_of(w, k)->place, option_of(w, k), number);
}

static void set_flag(const struct writer *w, enum guide_key k, const char *flag)
{
    config_set(w->config, giver_of(w, k), value_of(w, k)->place, flag, NULL);
}

/* --- one key's options, where they are not simply the value --------------------------------------
 */

static void write_plain(const struct writer *w, enum guide_key k)
{
    switch (guide_keys[k].kind) {
    case GUIDE_INT:
        if (given(w, k))
            set_number(w, k, value_of(w, k)->number);
        return;
    case GUIDE_BOOL:
        if (is_on(w, k))
            set_flag(w, k, option_of(w, k));
        return;
    case GUIDE_REAL:
    case GUIDE_CHOICE:
    case GUIDE_NAME:
        if (given(w, k))
            config_set(w->config, CONFIG_FILE, value_of(w, k)->place, option_of(w, k),
                       value_of(w, k)->text);
        return;
    }
}

static void write_query_groups(const struct writer *w, enum guide_key k)
{
    if (!given(w, k) || number_of(w, k) == number_of(w, GUIDE_NUM_ATTENTION_HEADS))
        return;
    set_flag(w, k, "--group-query-attention");
    set_number(w, k, number_of(w, k));
}

static void write_normalization(const struct writer *w, enum guide_key k)
{
    config_set(w->config, giver_of(w, k), value_of(w, k)->place, option_of(w, k), word_of(w, k));
}

static void write_activation(const struct writer *w, enum guide_key k)
{
    if (strcmp(word_of(w, k), "swiglu") == 0)
        set_flag(w, k, "--swiglu");
    else if (!given(w, GUIDE_GATED_LINEAR_UNIT))
        config_note(w->config, SEVERITY_NOTE, "guide-gated-gelu", value_of(w, k)->place,
                    "activation_func gelu is taken without the guide's default gated_linear_unit "
                    "true: Megatron's command line has no GeGLU");
}

static void write_latent_attention(const struct writer *w, enum guide_key k)
{
    if (!is_on(w, k))
        return;
    set_flag(w, k, option_of(w, k));
    if (!config_find(w->config, "--kv-lora-rank"))
        config_note(w->config, SEVERITY_WARNING, "guide-latent-sizes", value_of(w, k)->place,
                    "multi_latent_attention without a rank: Megatron takes --kv-lora-rank 32 and "
                    "heads of 128 + 64; the section megatron can set kv_lora_rank, q_lora_rank, "
                    "qk_head_dim, qk_pos_emb_head_dim and v_head_dim");
}

static void write_expert_tensor_parallel(const struct writer *w, enum guide_key k)
{
    if (is_on(w, GUIDE_NUM_EXPERTS) || number_of(w, k) != 1)
        set_number(w, k, number_of(w, k));
    if (!given(w, k) && is_on(w, GUIDE_NUM_EXPERTS) &&
        number_of(w, GUIDE_TENSOR_MODEL_PARALLEL_SIZE) > 1)
        config_note(w->config, SEVERITY_NOTE, "guide-expert-tensor-parallel", value_of(w, k)->place,
                    "expert_tensor_parallel_size is the guide's 1; Megatron without the option "
                    "splits each expert over TP %lld",
                    (long long)number_of(w, GUIDE_TENSOR_MODEL_PARALLEL_SIZE));
}

static void write_virtual_pipeline(const struct writer *w, enum guide_key k)
{
    int64_t chunks = number_of(w, k) * number_of(w, GUIDE_PIPELINE_MODEL_PARALLEL_SIZE);
    int64_t layers = number_of(w, GUIDE_NUM_LAYERS);

    if (!given(w, k) || number_of(w, k) == 1 || !chunks)
        return;
    if (layers % chunks == 0) /* every release has this one */
        set_number(w, k, layers / chunks);
    else
        config_set_int(w->config, CONFIG_FILE, value_of(w, k)->place,
                       "--num-virtual-stages-per-pipeline-rank", number_of(w, k));
}

static void write_context_parallel(const struct writer *w, enum guide_key k)
{
    write_plain(w, k);
    if (number_of(w, k) > 1 && !is_on(w, GUIDE_SEQUENCE_PARALLEL))
        config_note(w->config, SEVERITY_NOTE, "guide-context-parallel", value_of(w, k)->place,
                    "context_parallel_size %lld without sequence_parallel: the guide asks for it, "
                    "Megatron does not",
                    (long long)number_of(w, k));
}

/* Megatron recomputes the first layers of a stage, where the guide says that they are kept. */
static void note_block(const struct writer *w, int64_t layers)
{
    struct config_place place = value_of(w, GUIDE_RECOMPUTE_NUM_LAYERS)->place;

    if (!place.line)
        place = value_of(w, GUIDE_RECOMPUTE_METHOD)->place;
    config_note(
        w->config, layers ? SEVERITY_NOTE : SEVERITY_WARNING, "guide-recompute-block", place,
        "recompute_num_layers %lld is taken as Megatron means it: of every pipeline stage the "
        "first %lld layers are recomputed and the others kept, not the first kept as in the "
        "guide",
        (long long)layers, (long long)layers);
}

/* The guide's 0 is its default and stands for nothing said; Megatron needs a number from 1 with
 * uniform. */
static void write_recompute(const struct writer *w, enum guide_key k)
{
    int64_t layers = number_of(w, GUIDE_RECOMPUTE_NUM_LAYERS);
    bool full = given(w, k) && strcmp(word_of(w, k), "full") == 0;
    bool block = given(w, GUIDE_RECOMPUTE_METHOD) &&
                 strcmp(word_of(w, GUIDE_RECOMPUTE_METHOD), "block") == 0;

    write_plain(w, k);
    write_plain(w, GUIDE_RECOMPUTE_METHOD);
    if (full && !given(w, GUIDE_RECOMPUTE_METHOD))
        config_set(w->config, CONFIG_DEFAULT, value_of(w, k)->place, "--recompute-method",
                   "uniform");
    if (full && !layers)
        config_set_int(w->config, CONFIG_DEFAULT, value_of(w, k)->place, "--recompute-num-layers",
                       block ? 0 : 1);
    else if (layers)
        set_number(w, GUIDE_RECOMPUTE_NUM_LAYERS, layers);
    if (full && block)
        note_block(w, layers);
    else if (full && (!layers || !given(w, GUIDE_RECOMPUTE_METHOD)))
        config_note(w->config, SEVERITY_NOTE, "guide-recompute-full", value_of(w, k)->place,
                    "recompute_granularity full alone does not start in Megatron: taken as "
                    "--recompute-method uniform --recompute-num-layers %lld",
                    (long long)(layers ? layers : 1));
}

static void write_precision(const struct writer *w, enum guide_key k)
{
    set_flag(w, k, strcmp(word_of(w, k), "fp16") == 0 ? "--fp16" : "--bf16");
}

static void write_fp8(const struct writer *w, enum guide_key k)
{
    const struct config_option *recipe = config_find(w->config, "--fp8-recipe");

    if (!is_on(w, k))
        return;
    config_set(w->config, CONFIG_FILE, value_of(w, k)->place, "--fp8-format", "hybrid");
    config_note(
        w->config, SEVERITY_NOTE, "guide-fp8", value_of(w, k)->place,
        "fp8: true is --fp8-format hybrid (e4m3 forward, e5m2 backward) with the %s recipe; "
        "the section megatron can set fp8_recipe",
        recipe && recipe->count ? recipe->value[0] : "delayed-scaling");
}

static void size_from(const struct writer *w, enum guide_key k, struct config_size *size)
{
    if (given(w, k) && !size->value)
        *size = (struct config_size) { .value = value_of(w, k)->number,
                                       .place = value_of(w, k)->place };
}

static void write_vocabulary(const struct writer *w, enum guide_key k)
{
    write_plain(w, k);
    size_from(w, k, &w->config->vocab_size);
}

static void write_world(const struct writer *w, enum guide_key k)
{
    size_from(w, k, &w->config->world);
}

static void write_gpus_per_node(const struct writer *w, enum guide_key k)
{
    size_from(w, k, &w->config->gpus_per_node);
}

static void write_gpu(const struct writer *w, enum guide_key k)
{
    if (given(w, k))
        w->config->gpu = value_of(w, k)->text;
}

static void write_published(const struct writer *w, enum guide_key k)
{
    if (!given(w, GUIDE_GB_PER_GPU) && !given(w, GUIDE_DATA_PARALLEL_SIZE))
        return;
    w->config->published = (struct config_published) {
        .place = value_of(w, given(w, k) ? k : GUIDE_DATA_PARALLEL_SIZE)->place,
        .gb_per_gpu = value_of(w, GUIDE_GB_PER_GPU)->text,
        .data_parallel_size = number_of(w, GUIDE_DATA_PARALLEL_SIZE),
        .assumed_shape = value_of(w, GUIDE_ASSUMED_SHAPE)->text,
    };
}

static void write_nothing(const struct writer *w, enum guide_key k)
{
    (void)w;
    (void)k;
}

static void (*const writers[GUIDE_KEY_COUNT])(const struct writer *, enum guide_key) = {
    [GUIDE_NUM_QUERY_GROUPS] = write_query_groups,
    [GUIDE_VOCAB_SIZE] = write_vocabulary,
    [GUIDE_NORMALIZATION] = write_normalization,
    [GUIDE_ACTIVATION_FUNC] = write_activation,
    [GUIDE_GATED_LINEAR_UNIT] = write_nothing, /* with activation_func */
    [GUIDE_MULTI_LATENT_ATTENTION] = write_latent_attention,
    [GUIDE_EXPERT_TENSOR_PARALLEL_SIZE] = write_expert_tensor_parallel,
    [GUIDE_CONTEXT_PARALLEL_SIZE] = write_context_parallel,
    [GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE] = write_virtual_pipeline,
    [GUIDE_RECOMPUTE_GRANULARITY] = write_recompute,
    [GUIDE_RECOMPUTE_METHOD] = write_nothing, /* with recompute_granularity */
    [GUIDE_RECOMPUTE_NUM_LAYERS] = write_nothing,
    [GUIDE_WORLD_SIZE] = write_world,
    [GUIDE_GPUS_PER_NODE] = write_gpus_per_node,
    [GUIDE_GPU] = write_gpu,
    [GUIDE_PARAMS_DTYPE] = write_precision,
    [GUIDE_FP8] = write_fp8,
    [GUIDE_GB_PER_GPU] = write_published,
    [GUIDE_DATA_PARALLEL_SIZE] = write_nothing, /* with gb_per_gpu */
    [GUIDE_ASSUMED_SHAPE] = write_nothing,
};

/* --- the whole -----------------------------------------------------------------------------------
 */

/* The guide's data-parallel size divides by EP and ETP too. */
static void note_world(const struct writer *w)
{
    int64_t tp = number_of(w, GUIDE_TENSOR_MODEL_PARALLEL_SIZE);
    int64_t pp = number_of(w, GUIDE_PIPELINE_MODEL_PARALLEL_SIZE);
    int64_t cp = number_of(w, GUIDE_CONTEXT_PARALLEL_SIZE);
    int64_t ep = number_of(w, GUIDE_EXPERT_MODEL_PARALLEL_SIZE);
    int64_t etp = number_of(w, GUIDE_EXPERT_TENSOR_PARALLEL_SIZE);
    int64_t world = w->config->world.value;
    double product = (double)tp * (double)pp * (double)cp * (double)ep * (double)etp;
    double dense = (double)tp * (double)pp * (double)cp;
    const char *fits;

    if (!world || ep * etp == 1)
        return;
    fits = (double)world / product == (double)(int64_t)((double)world / product)
               ? ""
               : ", no whole number";
    config_note(
        w->config, SEVERITY_NOTE, "guide-world-size", w->config->world.place,
        "the guide's data-parallel size is %lld / (TP %lld x PP %lld x EP %lld x ETP %lld x CP "
        "%lld) = %g%s; Megatron's is %lld / (TP x PP x CP) = %g, and the experts are "
        "replicated %lld / (ETP x EP x PP) = %g times: expert groups are made of the same "
        "ranks, not of more",
        (long long)world, (long long)tp, (long long)pp, (long long)ep, (long long)etp,
        (long long)cp, (double)world / product, fits, (long long)world, (double)world / dense,
        (long long)world, (double)world / ((double)etp * (double)ep * (double)pp));
}

static int check_missing(const struct writer *w, struct error *err)
{
    const char *missing = NULL;

    for (int k = 0; k < GUIDE_KEY_COUNT; k++) {
        if (guide_keys[k].fallback || given(w, (enum guide_key)k) ||
            (k == GUIDE_WORLD_SIZE ? w->config->world.value != 0
                                   : number_of(w, (enum guide_key)k) != 0))
            continue;
        missing = missing ? arena_printf(w->config->arena, "%s, %s", missing, guide_keys[k].name)
                          : guide_keys[k].name;
    }
    return missing ? error_set(err, "%s: the guide requires: %s", w->config->path, missing) : 0;
}

static int check_activation(const struct writer *w, struct error *err)
{
    const struct guide_value *gated = value_of(w, GUIDE_GATED_LINEAR_UNIT);
    bool swiglu = strcmp(word_of(w, GUIDE_ACTIVATION_FUNC), "swiglu") == 0;

    if (!gated->given || swiglu == (gated->number != 0))
        return 0;
    return error_set(err, "%s:%d:%d: gated_linear_unit: %s", w->config->path, gated->place.line,
                     gated->place.column,
                     swiglu
                         ? "false contradicts activation_func swiglu, which is gated"
                         : "Megatron's command line has no gated gelu; false, or activation_func "
                           "swiglu");
}

int guide_options(const struct guide_values *values, struct config *config, struct error *err)
{
    const struct writer w = { .values = values, .config = config };

    if (config->world.value == 0)
        size_from(&w, GUIDE_WORLD_SIZE, &config->world);
    if (check_missing(&w, err) < 0 || check_activation(&w, err) < 0)
        return -1;
    for (int k = 0; k < GUIDE_KEY_COUNT; k++)
        (writers[k] ? writers[k] : write_plain)(&w, (enum guide_key)k);
    note_world(&w);
    return 0;
}
