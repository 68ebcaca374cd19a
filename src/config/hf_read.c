/* A Hugging Face config.json: the sizes of a published model as options of Megatron's. What the
 * file cannot say - sequence length, batch, precision - is assumed and said. Sources: the
 * configuration classes of transformers (src/transformers/models/MODEL/configuration_MODEL.py),
 * whose defaults stand in the rows. */
#include <stdlib.h>
#include <string.h>

#include "base/word_list.h"
#include "config/config.h"
#include "config/guide_keys.h"
#include "config/json_file.h"

enum { LAYERS_MOST = 10000 };

enum trait {
    QKV_BIAS = 1 << 0, /* biases of q, k and v whatever the file says */
    QK_NORM = 1 << 1,
    GEGLU = 1 << 2,        /* taken as SwiGLU, which has the same sizes */
    SQUARED_RELU = 1 << 3, /* one matrix instead of two in front of it */
    LAYERNORM_1P = 1 << 4, /* LayerNorm with a gain counted from one */
    NORM_1P = 1 << 5,      /* RMSNorm so */
    TIED = 1 << 6,         /* the output layer is the embedding unless the file says otherwise */
    LATENT = 1 << 7,       /* multi-latent attention */
    SIGMOID = 1 << 8,      /* router scores */
    GPT_OSS = 1 << 9,      /* biases everywhere, learned sinks, every second layer a window */
    SHARED_GATE = 1 << 10, /* the shared expert is gated */
    PRE_SOFTMAX = 1 << 11, /* top-k of the probabilities, not probabilities of the top-k */
};

static const struct family {
    const char *model_types; /* separated by blanks */
    unsigned traits;
    int64_t head_dim; /* without "head_dim"; 0: hidden_size over heads */
    const char *note; /* of its shape, what Megatron's options cannot say; or NULL */
} families[] = {
    { "llama mistral mixtral ministral", 0, 0, NULL },
    { "qwen2", QKV_BIAS, 0, NULL },
    { "qwen2_moe", QKV_BIAS | SHARED_GATE | PRE_SOFTMAX, 0, NULL },
    { "qwen3", QK_NORM, 128, NULL },
    { "qwen3_moe", QK_NORM | PRE_SOFTMAX, 0, NULL },
    { "gemma", GEGLU | NORM_1P | TIED, 256, NULL },
    { "gemma2", GEGLU | NORM_1P | TIED, 256,
      "it has norms behind attention and feed-forward as well, and windows in every second layer" },
    { "gemma3 gemma3_text", GEGLU | NORM_1P | TIED | QK_NORM, 256,
      "it has norms behind attention and feed-forward as well, and windows in most layers" },
    { "glm", QKV_BIAS, 128, NULL },
    { "glm4", QKV_BIAS, 128, "it has norms behind attention and feed-forward as well" },
    { "glm4_moe", SIGMOID, 0, NULL },
    { "deepseek_v2", LATENT | PRE_SOFTMAX, 0, NULL },
    { "deepseek_v3 kimi_k2", LATENT | SIGMOID, 0, NULL },
    { "nemotron", SQUARED_RELU | LAYERNORM_1P, 0, NULL },
    { "gpt_oss", GPT_OSS, 64, NULL },
};

struct reader {
    struct config *config;
    const char *path;
    const char *root; /* pointer of the object that holds the sizes: "" or "/text_config" */
    json_t *object;
    const char *model_type;
    const struct family *family;
    struct error *err;
};

static const char *pointer(const struct reader *r, const char *key)
{
    return arena_printf(r->config->arena, "%s/%s", r->root, key);
}

static struct config_place place(const struct reader *r, const char *key)
{
    return (struct config_place) { .key = pointer(r, key) };
}

static bool has(const struct reader *r, enum trait trait)
{
    return r->family->traits & trait;
}

static json_t *get(const struct reader *r, const char *key)
{
    json_t *value = json_object_get(r->object, key);

    return json_is_null(value) ? NULL : value;
}

/* The number under the key; 'fallback' without one. -1 with the error set, as all of these. */
static int number(const struct reader *r, const char *key, int64_t least, int64_t fallback,
                  int64_t *out)
{
    json_t *value = get(r, key);

    *out = fallback;
    return value ? json_whole_number(r->path, pointer(r, key), value, least, 1LL << 40, out, r->err)
                 : 0;
}

static int needed(const struct reader *r, const char *key, int64_t *out)
{
    if (!get(r, key))
        return json_bad(r->path, pointer(r, key), r->err, "is missing; a %s needs it",
                        r->model_type);
    return number(r, key, 1, 0, out);
}

static bool is_true(const struct reader *r, const char *key, bool fallback)
{
    json_t *value = get(r, key);

    return value ? json_is_true(value) : fallback;
}

static void set(const struct reader *r, const char *key, const char *option, int64_t value)
{
    config_set_int(r->config, CONFIG_FILE, place(r, key), option, value);
}

static void flag(const struct reader *r, const char *key, const char *option)
{
    config_set(r->config, CONFIG_FILE, place(r, key), option, NULL);
}

static void word(const struct reader *r, const char *key, const char *option, const char *value)
{
    config_set(r->config, CONFIG_FILE, place(r, key), option, value);
}

/* --- parts of a model ------------------------------------------------------------------------- */

static int read_sizes(const struct reader *r, int64_t *layers)
{
    int64_t hidden, heads, vocabulary, positions;

    if (needed(r, "num_hidden_layers", layers) < 0)
        return -1;
    if (*layers > LAYERS_MOST)
        return json_bad(r->path, pointer(r, "num_hidden_layers"), r->err, "%lld is above %d",
                        (long long)*layers, LAYERS_MOST);
    if (needed(r, "hidden_size", &hidden) < 0 || needed(r, "num_attention_heads", &heads) < 0 ||
        needed(r, "vocab_size", &vocabulary) < 0 ||
        number(r, "max_position_embeddings", 1, 4096, &positions) < 0)
        return -1;
    set(r, "num_hidden_layers", "--num-layers", *layers);
    set(r, "hidden_size", "--hidden-size", hidden);
    set(r, "num_attention_heads", "--num-attention-heads", heads);
    set(r, "max_position_embeddings", "--max-position-embeddings", positions);
    set(r, "vocab_size", "--vocab-size", vocabulary);
    r->config->vocab_size =
        (struct config_size) { .value = vocabulary, .place = place(r, "vocab_size") };
    return 0;
}

static int read_plain_attention(const struct reader *r)
{
    int64_t heads = config_int(r->config, "--num-attention-heads", 1), groups, head_dim;

    if (number(r, "num_key_value_heads", 1, heads, &groups) < 0 ||
        number(r, "head_dim", 1, r->family->head_dim, &head_dim) < 0)
        return -1;
    if (groups != heads) {
        flag(r, "num_key_value_heads", "--group-query-attention");
        set(r, "num_key_value_heads", "--num-query-groups", groups);
    }
    if (head_dim && head_dim * heads != config_int(r->config, "--hidden-size", 0))
        set(r, "head_dim", "--kv-channels", head_dim);
    if (has(r, QK_NORM) || is_true(r, "use_qk_norm", false))
        flag(r, "use_qk_norm", "--qk-layernorm");
    if (has(r, QKV_BIAS) || (is_true(r, "attention_bias", false) && !has(r, GPT_OSS)))
        flag(r, "attention_bias", "--add-qkv-bias");
    return 0;
}

static int read_latent_attention(const struct reader *r)
{
    static const struct {
        const char *key, *option;
    } rows[] = {
        { "kv_lora_rank", "--kv-lora-rank" },
        { "qk_nope_head_dim", "--qk-head-dim" },
        { "qk_rope_head_dim", "--qk-pos-emb-head-dim" },
        { "v_head_dim", "--v-head-dim" },
    };
    int64_t value;

    flag(r, "kv_lora_rank", "--multi-latent-attention");
    flag(r, "kv_lora_rank", "--qk-layernorm");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (needed(r, rows[i].key, &value) < 0)
            return -1;
        set(r, rows[i].key, rows[i].option, value);
    }
    if (number(r, "q_lora_rank", 1, 0, &value) < 0)
        return -1;
    if (value)
        set(r, "q_lora_rank", "--q-lora-rank", value);
    return 0;
}

static void read_norms(const struct reader *r)
{
    static const char *const keys[] = { "rms_norm_eps", "norm_eps", "layer_norm_eps" };

    word(r, "model_type", "--normalization", has(r, LAYERNORM_1P) ? "LayerNorm" : "RMSNorm");
    if (has(r, LAYERNORM_1P | NORM_1P))
        flag(r, "model_type", "--apply-layernorm-1p");
    for (int i = 0; i < 3; i++)
        if (json_is_number(get(r, keys[i])))
            word(r, keys[i], "--norm-epsilon",
                 arena_printf(r->config->arena, "%g", json_number_value(get(r, keys[i]))));
}

static void read_positions(const struct reader *r)
{
    json_t *base = get(r, "rope_theta"), *part = get(r, "partial_rotary_factor");

    word(r, "rope_theta", "--position-embedding-type", "rope");
    if (json_is_number(base) && json_number_value(base) >= 1)
        set(r, "rope_theta", "--rotary-base", (int64_t)json_number_value(base));
    if (json_is_number(part) && json_number_value(part) > 0 && json_number_value(part) < 1)
        word(r, "partial_rotary_factor", "--rotary-percent",
             arena_printf(r->config->arena, "%g", json_number_value(part)));
}

static void read_activation(const struct reader *r)
{
    if (has(r, GPT_OSS)) {
        flag(r, "model_type", "--quick-geglu");
        word(r, "model_type", "--glu-linear-offset", "1.0");
        word(r, "swiglu_limit", "--activation-func-clamp-value", "7.0");
    } else if (has(r, SQUARED_RELU)) {
        flag(r, "hidden_act", "--squared-relu");
    } else {
        flag(r, "hidden_act", "--swiglu");
    }
    if (has(r, GEGLU))
        config_note(r->config, SEVERITY_NOTE, "config-gated-gelu", place(r, "hidden_act"),
                    "its gated GELU is taken as --swiglu, which has the same sizes");
}

static int read_gpt_oss(const struct reader *r)
{
    int64_t window;

    if (number(r, "sliding_window", 1, 128, &window) < 0)
        return -1;
    config_refuse(r->config, "--disable-bias-linear");
    word(r, "model_type", "--softmax-type", "learnable");
    word(r, "sliding_window", "--window-size",
         arena_printf(r->config->arena, "%lld,0", (long long)window - 1));
    word(r, "layer_types", "--window-attn-skip-freq", "2");
    flag(r, "model_type", "--no-bias-dropout-fusion");
    return 0;
}

/* --- experts ---------------------------------------------------------------------------------- */

static const char *first_of(const struct reader *r, const char *keys)
{
    for (const char *p = keys; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        const char *key = arena_strndup(r->config->arena, p, strcspn(p, " "));

        if (get(r, key))
            return key;
    }
    return NULL;
}

static bool is_listed(json_t *list, int64_t layer)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (json_integer_value(item) == layer)
            return true;
    }
    return false;
}

/* Which layers have experts, as --moe-layer-freq takes it; NULL: all. */
static int read_dense_layers(const struct reader *r, int64_t layers)
{
    int64_t dense, step, frequency, experts = 0;
    char *text = arena_alloc(r->config->arena, (size_t)layers * 2 + 3), *p = text;

    if (number(r, "first_k_dense_replace", 0, 0, &dense) < 0 ||
        number(r, "decoder_sparse_step", 1, 1, &step) < 0 ||
        number(r, "moe_layer_freq", 1, 1, &frequency) < 0)
        return -1;
    *p++ = '[';
    for (int64_t i = 0; i < layers; i++) {
        bool here = i >= dense && (i + 1) % step == 0 && i % frequency == 0 &&
                    !is_listed(get(r, "mlp_only_layers"), i);

        experts += here;
        *p++ = here ? '1' : '0';
        *p++ = i + 1 < layers ? ',' : ']';
    }
    *p = '\0';
    if (experts == layers)
        return 0;
    if (experts == layers - dense)
        text = arena_printf(r->config->arena, "([0]*%lld+[1]*%lld)", (long long)dense,
                            (long long)experts);
    word(r, dense ? "first_k_dense_replace" : "decoder_sparse_step", "--moe-layer-freq", text);
    return 0;
}

static int read_router(const struct reader *r)
{
    int64_t topk, groups, kept;
    json_t *scale = get(r, "routed_scaling_factor");
    const char *method = json_string_value(get(r, "topk_method"));
    const char *score = json_string_value(get(r, "scoring_func"));

    if (number(r,
               first_of(r, "num_experts_per_tok") ? "num_experts_per_tok" : "num_experts_per_token",
               1, 2, &topk) < 0 ||
        number(r, "n_group", 1, 1, &groups) < 0 || number(r, "topk_group", 1, 1, &kept) < 0)
        return -1;
    set(r, "num_experts_per_tok", "--moe-router-topk", topk);
    if (groups > 1) {
        set(r, "n_group", "--moe-router-num-groups", groups);
        set(r, "topk_group", "--moe-router-group-topk", kept);
    }
    if (json_is_number(scale) && json_number_value(scale) > 0 && json_number_value(scale) != 1)
        word(r, "routed_scaling_factor", "--moe-router-topk-scaling-factor",
             arena_printf(r->config->arena, "%g", json_number_value(scale)));
    if (has(r, SIGMOID) || (score && strcmp(score, "sigmoid") == 0)) {
        word(r, "scoring_func", "--moe-router-score-function", "sigmoid");
        flag(r, "topk_method", "--moe-router-enable-expert-bias");
    } else if (has(r, PRE_SOFTMAX) || (method && strcmp(method, "greedy") == 0)) {
        flag(r, "scoring_func", "--moe-router-pre-softmax");
    }
    return 0;
}

static int read_shared_experts(const struct reader *r, int64_t width)
{
    int64_t shared, direct;

    if (number(r, "n_shared_experts", 0, 0, &shared) < 0 ||
        number(r, "shared_expert_intermediate_size", 0, 0, &direct) < 0)
        return -1;
    if (shared || direct)
        set(r, shared ? "n_shared_experts" : "shared_expert_intermediate_size",
            "--moe-shared-expert-intermediate-size", shared ? shared * width : direct);
    if (direct && has(r, SHARED_GATE))
        flag(r, "shared_expert_intermediate_size", "--moe-shared-expert-gate");
    return 0;
}

static int read_experts(const struct reader *r, int64_t layers, int64_t ffn)
{
    const char *key = first_of(r, "n_routed_experts num_experts num_local_experts");
    int64_t experts, width;

    if (!key)
        return 0;
    if (number(r, key, 1, 0, &experts) < 0 ||
        number(r, "moe_intermediate_size", 1, ffn, &width) < 0)
        return -1;
    set(r, key, "--num-experts", experts);
    set(r, "moe_intermediate_size", "--moe-ffn-hidden-size", width);
    if (has(r, GPT_OSS)) /* grouped GEMM has no biases in every release */
        config_refuse(r->config, "--moe-grouped-gemm");
    return read_router(r) < 0 || read_shared_experts(r, width) < 0 ? -1
                                                                   : read_dense_layers(r, layers);
}

/* --- the file --------------------------------------------------------------------------------- */

static void read_output_layer(const struct reader *r)
{
    if (is_true(r, "tie_word_embeddings", has(r, TIED)))
        config_refuse(r->config, "--untie-embeddings-and-output-weights");
    else
        flag(r, "tie_word_embeddings", "--untie-embeddings-and-output-weights");
}

static int read_prediction(const struct reader *r)
{
    int64_t depth;

    if (number(r, "num_nextn_predict_layers", 0, 0, &depth) < 0)
        return -1;
    if (depth)
        config_note(r->config, SEVERITY_NOTE, "config-next-token-layers",
                    place(r, "num_nextn_predict_layers"),
                    "its %lld layer%s that predict further tokens are left out, as in published "
                    "totals; add -- --mtp-num-layers %lld to train them",
                    (long long)depth, depth == 1 ? "" : "s", (long long)depth);
    return 0;
}

static void assume(const struct reader *r, const char *name, const char *value, const char *why)
{
    if (config_find(r->config, name))
        return;
    config_set(r->config, CONFIG_ASSUMED, (struct config_place) { 0 }, name, value);
    r->config->option[r->config->count - 1].why = why;
}

/* What training adds to a model. */
static void assume_training(const struct reader *r)
{
    int64_t positions = config_int(r->config, "--max-position-embeddings", 4096);
    bool split = config_int(r->config, "--tensor-model-parallel-size", 1) > 1;

    assume(r, "--seq-length",
           arena_printf(r->config->arena, "%lld", (long long)(positions < 4096 ? positions : 4096)),
           "sequences of 4096 tokens");
    assume(r, "--micro-batch-size", "1", "micro-batches of one");
    assume(r, "--bf16", NULL, "bf16");
    assume(r, "--use-distributed-optimizer", NULL, "the distributed optimizer");
    if (split)
        assume(r, "--sequence-parallel", NULL, "sequence parallel");
    if (split && config_find(r->config, "--num-experts"))
        assume(r, "--expert-tensor-parallel-size", "1", "experts that are not split over TP");
}

static const struct family *find_family(const char *model_type)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (model_type && word_list_has(families[i].model_types, model_type))
            return &families[i];
    return NULL;
}

static const char *known_types(struct arena *arena)
{
    const char *text = families[0].model_types;

    for (size_t i = 1; i < sizeof(families) / sizeof(families[0]); i++)
        text = arena_printf(arena, "%s %s", text, families[i].model_types);
    return text;
}

static int read_model(struct reader *r)
{
    int64_t layers, ffn;

    if (read_sizes(r, &layers) < 0 || needed(r, "intermediate_size", &ffn) < 0)
        return -1;
    set(r, "intermediate_size", "--ffn-hidden-size", ffn);
    read_norms(r);
    read_positions(r);
    read_activation(r);
    read_output_layer(r);
    if ((has(r, LATENT) ? read_latent_attention(r) : read_plain_attention(r)) < 0 ||
        (has(r, GPT_OSS) && read_gpt_oss(r) < 0) || read_experts(r, layers, ffn) < 0 ||
        read_prediction(r) < 0)
        return -1;
    if (r->family->note)
        config_note(r->config, SEVERITY_NOTE, "config-beyond-options", place(r, "model_type"),
                    "%s: Megatron's command line has no options for that", r->family->note);
    assume_training(r);
    return 0;
}

static int read_root(struct reader *r, json_t *root)
{
    const char *model_type;

    r->object = root;
    r->root = "";
    if (!json_object_get(root, "hidden_size") &&
        json_is_object(json_object_get(root, "text_config"))) {
        r->object = json_object_get(root, "text_config");
        r->root = "/text_config";
        config_note(r->config, SEVERITY_NOTE, "config-text-part", place(r, ""),
                    "only the language model is estimated, not what reads images or sound");
    }
    model_type = json_string_value(json_object_get(r->object, "model_type"));
    if (!model_type)
        model_type = json_string_value(json_object_get(root, "model_type"));
    r->family = find_family(model_type);
    if (!model_type)
        return json_bad(r->path, pointer(r, "model_type"), r->err, "is missing");
    r->model_type = model_type;
    if (!r->family)
        return json_bad(r->path, pointer(r, "model_type"), r->err,
                        "'%.60s' is no architecture that is known here; known are: %s",
                        model_type, known_types(r->config->arena));
    return read_model(r);
}

int hf_read(struct config *config, const char *path, struct error *err)
{
    struct reader r = { .config = config, .path = path, .err = err };
    json_t *root = json_file_read(path, config->arena, err);
    int rc;

    if (!root)
        return -1;
    config->path = arena_strdup(config->arena, path);
    config->format = "Hugging Face config.json";
    rc = read_root(&r, root);
    json_decref(root);
    return rc;
}
