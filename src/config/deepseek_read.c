/* A DeepSeek-V3 style JSON configuration: every field checked against the table, then the options
 * of Megatron's that the fields mean. A deepspeed_config.json that lies beside it fills what it
 * leaves open. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/edit_distance.h"
#include "base/word_list.h"
#include "config/config.h"
#include "config/deepseek_fields.h"
#include "config/guide_keys.h"
#include "config/json_file.h"

enum { FIELDS_MOST = 96, HEAD_DIM = 128, LEAST_TOKENS = 1 << 17, MOST_TOKENS = 1 << 26 };

struct reader {
    struct config *config;
    const char *path;
    struct error *err;
    json_t *value[FIELDS_MOST]; /* by row of the table, NULL: not given */
};

static json_t *given(const struct reader *r, const char *pointer)
{
    return r->value[deepseek_field_find(pointer) - deepseek_fields];
}

static bool is_on(const struct reader *r, const char *pointer)
{
    return json_is_true(given(r, pointer));
}

static int64_t number(const struct reader *r, const char *pointer, int64_t fallback)
{
    json_t *value = given(r, pointer);

    return value ? (int64_t)json_number_value(value) : fallback;
}

static const char *text(const struct reader *r, const char *pointer, const char *fallback)
{
    json_t *value = given(r, pointer);

    return value ? json_string_value(value) : fallback;
}

static struct config_place at(const char *pointer)
{
    return (struct config_place) { .key = pointer };
}

static void flag(const struct reader *r, const char *pointer, const char *option)
{
    config_set(r->config, CONFIG_FILE, at(pointer), option, NULL);
}

static void word(const struct reader *r, const char *pointer, const char *option, const char *value)
{
    config_set(r->config, CONFIG_FILE, at(pointer), option, value);
}

static void set(const struct reader *r, const char *pointer, const char *option, int64_t value)
{
    config_set_int(r->config, CONFIG_FILE, at(pointer), option, value);
}

/* --- the file against the table ----------------------------------------------------------------
 */

static int check_number(const struct reader *r, const struct deepseek_field *field, json_t *value)
{
    int64_t whole;
    double real = json_number_value(value);

    if (field->kind == DEEPSEEK_INT)
        return json_whole_number(r->path, field->pointer, value, (int64_t)field->least,
                                 (int64_t)field->most, &whole, r->err);
    if (!json_is_number(value))
        return json_bad(r->path, field->pointer, r->err, "must be a number");
    if (!(real >= field->least && real <= field->most))
        return json_bad(r->path, field->pointer, r->err, "%g is not within %g .. %g", real,
                        field->least, field->most);
    return 0;
}

static int check_value(const struct reader *r, const struct deepseek_field *field, json_t *value)
{
    const char *word_given = json_string_value(value);

    switch (field->kind) {
    case DEEPSEEK_INT:
    case DEEPSEEK_REAL:
        return check_number(r, field, value);
    case DEEPSEEK_BOOL:
        return json_is_boolean(value)
                   ? 0
                   : json_bad(r->path, field->pointer, r->err, "must be true or false");
    case DEEPSEEK_TEXT:
        break;
    }
    if (!word_given || !*word_given || strlen(word_given) > 1000)
        return json_bad(r->path, field->pointer, r->err, "must be a text");
    if (field->choices && !word_list_has(field->choices, word_given))
        return json_bad(r->path, field->pointer, r->err, "'%.60s' is none of: %s", word_given,
                        field->choices);
    return 0;
}

static void note_unusual(const struct reader *r, const struct deepseek_field *field, json_t *value)
{
    double real = json_number_value(value);

    if (field->usual_most > 0 && (real < field->usual_least || real > field->usual_most))
        config_note(r->config, SEVERITY_NOTE, "config-unusual", at(field->pointer),
                    "%s %g: %g to %g is usual", field->pointer, real, field->usual_least,
                    field->usual_most);
}

static const char *nearest_field(const char *pointer)
{
    const char *best = deepseek_fields[0].pointer;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < deepseek_field_count; i++) {
        size_t distance = edit_distance(pointer, strlen(pointer), deepseek_fields[i].pointer,
                                        strlen(deepseek_fields[i].pointer), 64);

        if (distance < least) {
            least = distance;
            best = deepseek_fields[i].pointer;
        }
    }
    return best;
}

/* Sections whose fields are the trainer's own business: what is not in the table is passed over. */
static bool is_open_section(const char *pointer)
{
    static const char *const sections[] = { "/data/", "/checkpointing/", "/logging/" };

    for (int i = 0; i < 3; i++)
        if (strncmp(pointer, sections[i], strlen(sections[i])) == 0)
            return true;
    return false;
}

static int take(struct reader *r, const char *pointer, json_t *value)
{
    const struct deepseek_field *field = deepseek_field_find(pointer);

    if (!field && is_open_section(pointer)) {
        config_note(r->config, SEVERITY_NOTE, "config-not-read", at(pointer),
                    "%s has no Megatron equivalent that is known here and is passed over", pointer);
        return 0;
    }
    if (!field)
        return json_bad(r->path, pointer, r->err, "is no field; the nearest is %s",
                        nearest_field(pointer));
    if (check_value(r, field, value) < 0)
        return -1;
    note_unusual(r, field, value);
    r->value[field - deepseek_fields] = value;
    return 0;
}

static int take_object(struct reader *r, const char *pointer, json_t *object, int depth)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        const char *inner = arena_printf(r->config->arena, "%s/%s", pointer, key);

        if (json_is_null(value))
            continue;
        if (json_is_object(value) && depth < 4) {
            if (take_object(r, inner, value, depth + 1) < 0)
                return -1;
        } else if (take(r, inner, value) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- fields as options -------------------------------------------------------------------------
 */

static void write_plain(const struct reader *r)
{
    for (size_t i = 0; i < deepseek_field_count; i++) {
        const struct deepseek_field *field = &deepseek_fields[i];
        json_t *value = r->value[i];

        if (!value || !field->option)
            continue;
        if (field->kind == DEEPSEEK_INT)
            set(r, field->pointer, field->option, (int64_t)json_number_value(value));
        else if (field->kind == DEEPSEEK_TEXT)
            word(r, field->pointer, field->option, json_string_value(value));
        else if (field->kind == DEEPSEEK_REAL)
            word(r, field->pointer, field->option,
                 arena_printf(r->config->arena, "%.12g", json_number_value(value)));
        else if (json_is_true(value))
            flag(r, field->pointer, field->option);
    }
}

static void assume(const struct reader *r, const char *name, const char *value, const char *why)
{
    if (config_find(r->config, name))
        return;
    config_set(r->config, CONFIG_ASSUMED, at(NULL), name, value);
    r->config->option[r->config->count - 1].why = why;
}

static void assume_number(const struct reader *r, const char *name, int64_t value, const char *why)
{
    assume(r, name, arena_printf(r->config->arena, "%lld", (long long)value), why);
}

static void write_attention(const struct reader *r)
{
    int64_t model = number(r, "/model/mla/d_model", 0),
            latent = number(r, "/model/mla/d_latent", 0);

    if (latent) {
        flag(r, "/model/mla/d_latent", "--multi-latent-attention");
        flag(r, "/model/mla/d_latent", "--qk-layernorm");
        set(r, "/model/mla/d_latent", "--kv-lora-rank", latent);
        if (latent * 5 < model || latent * 2 > model)
            config_note(
                r->config, SEVERITY_NOTE, "config-latent", at("/model/mla/d_latent"),
                "d_latent %lld is %.0f %% of d_model %lld: 20 to 50 %% is usual; less saves "
                "memory in inference and may cost quality, training memory hardly changes",
                (long long)latent, 100.0 * (double)latent / (double)model, (long long)model);
    }
    if (model)
        assume_number(r, "--num-attention-heads", model >= HEAD_DIM ? model / HEAD_DIM : 1,
                      "a head for each 128 of d_model");
    flag(r, "/model", "--swiglu");
    word(r, "/model", "--normalization", "RMSNorm");
    if (is_on(r, "/model/tie_embeddings"))
        config_refuse(r->config, "--untie-embeddings-and-output-weights");
}

static void write_experts(const struct reader *r)
{
    int64_t layers = number(r, "/model/num_layers", 0),
            dense = number(r, "/model/num_dense_layers", 0);
    int64_t shared = number(r, "/model/moe/num_shared_experts", 0);
    int64_t width = number(r, "/model/moe/expert_intermediate_size", 0);

    if (!given(r, "/model/moe/num_experts"))
        return;
    if (dense > 0 && dense < layers)
        word(r, "/model/num_dense_layers", "--moe-layer-freq",
             arena_printf(r->config->arena, "([0]*%lld+[1]*%lld)", (long long)dense,
                          (long long)(layers - dense)));
    if (shared && width)
        set(r, "/model/moe/num_shared_experts", "--moe-shared-expert-intermediate-size",
            shared * width);
    if (is_on(r, "/model/moe/use_aux_loss_free")) {
        flag(r, "/model/moe/use_aux_loss_free", "--moe-router-enable-expert-bias");
        word(r, "/model/moe/use_aux_loss_free", "--moe-router-score-function", "sigmoid");
        if (!given(r, "/model/moe/router_aux_loss_weight"))
            word(r, "/model/moe/use_aux_loss_free", "--moe-router-load-balancing-type", "none");
    }
    if (given(r, "/model/moe/capacity_factor") &&
        !json_number_value(given(r, "/model/moe/capacity_factor")))
        config_remove(r->config, "--moe-expert-capacity-factor");
}

static void write_dispatcher(const struct reader *r)
{
    int64_t tp = config_int(r->config, "--tensor-model-parallel-size", 1);

    if (is_on(r, "/model/moe/use_deep_ep") &&
        tp * config_int(r->config, "--expert-model-parallel-size", 1) > 1) {
        word(r, "/model/moe/use_deep_ep", "--moe-token-dispatcher-type", "flex");
        flag(r, "/model/moe/use_deep_ep", "--moe-enable-deepep");
        config_remove(r->config, "--moe-expert-capacity-factor");
    }
    if (tp > 1 && config_find(r->config, "--num-experts") &&
        !given(r, "/distributed/sequence_parallel"))
        assume(r, "--sequence-parallel", NULL, "sequence parallel, which experts with TP need");
    if (is_on(r, "/distributed/sequence_parallel") && tp > 1)
        flag(r, "/distributed/sequence_parallel", "--sequence-parallel");
    if (tp > 1 && config_find(r->config, "--num-experts"))
        assume(r, "--expert-tensor-parallel-size", "1", "experts that are not split over TP");
}

/* The guide multiplies the expert parallel size in; Megatron's data parallel ranks hold the
 * experts. */
static int write_world(const struct reader *r)
{
    int64_t dp = number(r, "/distributed/data_parallel_size", -1);
    int64_t tp = config_int(r->config, "--tensor-model-parallel-size", 1);
    int64_t pp = config_int(r->config, "--pipeline-model-parallel-size", 1);
    int64_t ep = config_int(r->config, "--expert-model-parallel-size", 1);
    int64_t gpus = number(r, "/distributed/num_gpus", 0), product = tp * pp * ep * dp;

    if (tp < 1 || pp < 1 || ep < 1 || dp == 0 || dp < -1)
        return json_bad(r->path, "/distributed/data_parallel_size", r->err,
                        "%lld is neither -1 nor a number of ranks", (long long)dp);
    if (gpus && !r->config->world.value)
        r->config->world = (struct config_size) { gpus, at("/distributed/num_gpus") };
    if (dp > 0 && !r->config->world.value)
        r->config->world = (struct config_size) { product, at("/distributed/data_parallel_size") };
    if (dp > 0 && r->config->world.value)
        config_note(
            r->config, product == r->config->world.value ? SEVERITY_NOTE : SEVERITY_WARNING,
            "guide-world-size", at("/distributed/data_parallel_size"),
            "the guide's TP x PP x EP x DP = %lld x %lld x %lld x %lld makes %lld GPUs, the job "
            "has %lld; Megatron's experts live on data parallel ranks: DP is %lld there",
            (long long)tp, (long long)pp, (long long)ep, (long long)dp, (long long)product,
            (long long)r->config->world.value, (long long)(r->config->world.value / (tp * pp)));
    if (given(r, "/distributed/gpu"))
        r->config->gpu = arena_strdup(r->config->arena, text(r, "/distributed/gpu", NULL));
    return 0;
}

static void write_optimizer(const struct reader *r)
{
    int64_t stage = number(r, "/distributed/zero_stage", 1);

    if (stage > 0)
        config_set(r->config, given(r, "/distributed/zero_stage") ? CONFIG_FILE : CONFIG_DEFAULT,
                   at("/distributed/zero_stage"), "--use-distributed-optimizer", NULL);
    if (stage > 1)
        config_note(
            r->config, SEVERITY_NOTE, "config-zero-stage", at("/distributed/zero_stage"),
            "zero_stage %lld is taken as 1, the distributed optimizer; Megatron shards gradients "
            "and weights, too, with --use-megatron-fsdp",
            (long long)stage);
    if (strcmp(text(r, "/training/precision", "bf16"), "fp16") == 0)
        flag(r, "/training/precision", "--fp16");
    else
        config_set(r->config, given(r, "/training/precision") ? CONFIG_FILE : CONFIG_DEFAULT,
                   at("/training/precision"), "--bf16", NULL);
    if (is_on(r, "/training/use_fp8")) {
        word(r, "/training/use_fp8", "--fp8-format", "hybrid");
        config_note(
            r->config, SEVERITY_NOTE, "guide-fp8", at("/training/use_fp8"),
            "use_fp8 is --fp8-format hybrid with the delayed recipe; -- --fp8-recipe NAME sets "
            "another");
    }
    if (is_on(r, "/training/gradient_checkpointing")) {
        word(r, "/training/gradient_checkpointing", "--recompute-granularity", "full");
        word(r, "/training/gradient_checkpointing", "--recompute-method", "uniform");
        word(r, "/training/gradient_checkpointing", "--recompute-num-layers", "1");
    }
}

static void note_batch(const struct reader *r, int64_t size, int64_t seq, bool tokens)
{
    int64_t as_samples = size * seq; /* tokens of a step */
    bool odd = tokens ? size < LEAST_TOKENS || size > MOST_TOKENS
                      : as_samples < LEAST_TOKENS || as_samples > MOST_TOKENS;

    if (!odd)
        return;
    config_note(
        r->config, SEVERITY_NOTE, "config-batch-unit", at("/training/global_batch_size"),
        "global_batch_size %lld is read in %s: %lld tokens a step; in %s it would be %lld (set "
        "global_batch_size_unit)",
        (long long)size, tokens ? "tokens" : "samples", (long long)(tokens ? size : as_samples),
        tokens ? "samples" : "tokens", (long long)(tokens ? as_samples : size));
}

static int write_batch(const struct reader *r)
{
    int64_t seq = number(r, "/training/seq_length", 4096);
    int64_t size = number(r, "/training/global_batch_size", 0);
    bool tokens = strcmp(text(r, "/training/global_batch_size_unit", "samples"), "tokens") == 0;

    if (!size)
        return 0;
    note_batch(r, size, seq, tokens);
    if (tokens && (size < seq || size % seq))
        return json_bad(r->path, "/training/global_batch_size", r->err,
                        "%lld tokens are no whole number of sequences of %lld; %lld are",
                        (long long)size, (long long)seq,
                        (long long)(size < seq ? seq : size / seq * seq));
    set(r, "/training/global_batch_size", "--global-batch-size", tokens ? size / seq : size);
    return 0;
}

static void assume_rest(const struct reader *r)
{
    assume(r, "--seq-length", "4096", "sequences of 4096 tokens");
    assume_number(r, "--max-position-embeddings", config_int(r->config, "--seq-length", 4096),
                  NULL);
    assume(r, "--micro-batch-size", "1", "micro-batches of one");
    assume(r, "--vocab-size", "129280", "DeepSeek-V3's vocabulary");
    assume_number(r, "--train-iters", 100000 + config_int(r->config, "--lr-warmup-iters", 0), NULL);
    r->config->vocab_size =
        (struct config_size) { config_int(r->config, "--vocab-size", 0), at("/model/vocab_size") };
}

/* --- deepspeed_config.json ----------------------------------------------------------------------
 */

/* Fills 'pointer' from the path of keys in a DeepSpeed configuration where the job's own leaves it
 * open. */
static void fill(struct reader *r, const char *pointer, json_t *value)
{
    size_t i = (size_t)(deepseek_field_find(pointer) - deepseek_fields);

    if (value && !r->value[i] && check_value(r, &deepseek_fields[i], value) == 0)
        r->value[i] = value;
}

static json_t *inside(json_t *object, const char *section, const char *key)
{
    return json_object_get(json_object_get(object, section), key);
}

/* DeepSpeed's batch: of all ranks in samples; what Megatron cannot have is passed over. */
static json_t *read_deepspeed(struct reader *r)
{
    const char *slash = strrchr(r->path, '/');
    const char *path = arena_printf(r->config->arena, "%.*sdeepspeed_config.json",
                                    slash ? (int)(slash + 1 - r->path) : 0, r->path);
    json_t *root = access(path, R_OK) == 0 ? json_file_read(path, r->config->arena, r->err) : NULL;

    if (!root)
        return NULL;
    fill(r, "/distributed/zero_stage", inside(root, "zero_optimization", "stage"));
    fill(r, "/distributed/overlap_grad_reduce", inside(root, "zero_optimization", "overlap_comm"));
    fill(r, "/training/global_batch_size", json_object_get(root, "train_batch_size"));
    fill(r, "/training/micro_batch_size", json_object_get(root, "train_micro_batch_size_per_gpu"));
    fill(r, "/training/grad_clip", json_object_get(root, "gradient_clipping"));
    fill(r, "/training/gradient_checkpointing", json_object_get(root, "gradient_checkpointing"));
    if (!given(r, "/training/gradient_checkpointing") &&
        json_object_get(root, "activation_checkpointing"))
        fill(r, "/training/gradient_checkpointing", json_true());
    config_note(r->config, SEVERITY_NOTE, "config-deepspeed", (struct config_place) { .key = path },
                "%s fills what %s leaves open", path, r->path);
    return root;
}

static int read_root(struct reader *r, json_t *root)
{
    static const char *const needed[] = { "/model/num_layers", "/model/mla/d_model" };

    if (take_object(r, "", root, 0) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!given(r, needed[i]))
            return json_bad(r->path, needed[i], r->err, "is missing");
    return 0;
}

static int write_options(struct reader *r)
{
    write_plain(r);
    write_attention(r);
    write_experts(r);
    write_dispatcher(r);
    write_optimizer(r);
    if (given(r, "/model/num_mtp_layers") && number(r, "/model/num_mtp_layers", 0))
        set(r, "/model/num_mtp_layers", "--mtp-num-layers", number(r, "/model/num_mtp_layers", 0));
    if (write_world(r) < 0 || write_batch(r) < 0)
        return -1;
    assume_rest(r);
    return 0;
}

int deepseek_read(struct config *config, const char *path, struct error *err)
{
    struct reader r = { .config = config, .path = path, .err = err };
    json_t *root = json_file_read(path, config->arena, err), *deepspeed;
    int rc;

    if (!root)
        return -1;
    config->path = arena_strdup(config->arena, path);
    config->format = "DeepSeek-V3 style JSON";
    rc = read_root(&r, root);
    deepspeed = rc == 0 ? read_deepspeed(&r) : NULL;
    if (rc == 0)
        rc = write_options(&r);
    json_decref(deepspeed);
    json_decref(root);
    return rc;
}
