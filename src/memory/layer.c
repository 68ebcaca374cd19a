#include "memory/layer.h"

#include <string.h>

const char *const layer_step_names[LAYER_STEPS + 1] = {
    [F_INPUT] = "input",
    [F_NORM1] = "input norm",
    [F_QKV] = "qkv projection",
    [F_UP] = "q up projection",
    [F_KV_UP] = "kv up projection",
    [F_ROPE] = "rotary embedding",
    [F_ATTENTION] = "core attention",
    [F_SCORES] = "attention scores",
    [F_SOFTMAX] = "attention softmax",
    [F_DROPOUT] = "attention dropout",
    [F_CONTEXT] = "core attention",
    [F_PROJ] = "attention output projection",
    [F_ADD1] = "attention residual",
    [F_NORM2] = "pre-MLP norm",
    [F_SHARED_FC1] = "shared experts' fc1",
    [F_SHARED_ACT] = "shared experts' activation",
    [F_SHARED_FC2] = "shared experts' fc2",
    [F_ROUTER] = "router",
    [F_PERMUTE] = "token permutation",
    [F_DISPATCH] = "token dispatch",
    [F_GATHER] = "token gathering",
    [F_SORT] = "token sorting",
    [F_FC1] = "fc1",
    [F_ACT] = "activation",
    [F_FC2] = "fc2",
    [F_UNSORT] = "token sorting",
    [F_REDUCE] = "token gathering",
    [F_COMBINE] = "token combination",
    [F_UNPERMUTE] = "token permutation",
    [F_ADD2] = "MLP residual",
    [B_ADD2] = "MLP residual",
    [B_FFN_AGAIN] = "MLP's forward again",
    [B_UNPERMUTE] = "token permutation",
    [B_COMBINE] = "token combination",
    [B_REDUCE] = "token gathering",
    [B_UNSORT] = "token sorting",
    [B_FC2] = "fc2",
    [B_ACT] = "activation",
    [B_FC1] = "fc1",
    [B_SORT] = "token sorting",
    [B_GATHER] = "token gathering",
    [B_DISPATCH] = "token dispatch",
    [B_PERMUTE] = "token permutation",
    [B_ROUTER] = "router",
    [B_SHARED_AGAIN] = "shared experts' forward again",
    [B_SHARED_FC2] = "shared experts' fc2",
    [B_SHARED_ACT] = "shared experts' activation",
    [B_SHARED_FC1] = "shared experts' fc1",
    [B_NORM2] = "pre-MLP norm",
    [B_SUM2] = "MLP residual",
    [B_ADD1] = "attention residual",
    [B_PROJ] = "attention output projection",
    [B_CORE_AGAIN] = "core attention's forward again",
    [B_CONTEXT] = "core attention",
    [B_DROPOUT] = "attention dropout",
    [B_SOFTMAX] = "attention softmax",
    [B_ATTENTION] = "core attention",
    [B_COLLECT] = "core attention",
    [B_ROPE] = "rotary embedding",
    [B_KV_UP] = "kv up projection",
    [B_UP] = "q up projection",
    [B_SPLIT] = "qkv split",
    [B_QKV] = "qkv projection",
    [B_NORM1] = "input norm",
    [B_SUM1] = "attention residual",
};

uint64_t hidden_sharded_bytes(const struct shape *shape)
{
    return shape->param_bytes * shape->tokens_sharded * shape->hidden_size;
}

uint64_t hidden_bytes(const struct shape *shape)
{
    return shape->param_bytes * shape->tokens * shape->hidden_size;
}

uint64_t residual_bytes(const struct job *job, const struct shape *shape)
{
    if (job->fp32_residual_connection == 1)
        return 4 * shape->tokens_sharded * shape->hidden_size;
    return hidden_sharded_bytes(shape);
}

uint64_t gathered_bytes(const struct shape *shape)
{
    return shape->sequence_parallel ? hidden_bytes(shape) : 0;
}

uint64_t weight_gradient_bytes(const struct job *job, const struct shape *shape, uint64_t elements)
{
    return job->gradient_accumulation_fusion == 1 ? 0 : shape->param_bytes * elements;
}

/* One byte an element, and the scales of a block. */
static uint64_t quantized_bytes(const struct layer_view *v, uint64_t bytes)
{
    uint64_t elements = bytes / v->shape->param_bytes;

    if (v->shape->low_precision == FP8_BLOCKWISE)
        return elements + elements / 128 * 4;
    return v->shape->low_precision == FP8_MX ? elements + elements / 32 : elements;
}

static void quantized_input(const struct layer_view *v, uint64_t bytes, int gemm, int to)
{
    enum certainty certainty = v->shape->low_precision == FP4_NV ? LIKELY : CERTAIN;

    passing(v->lifetimes, LIKELY, quantized_bytes(v, bytes), gemm, gemm);
    saved(v->lifetimes, certainty, quantized_bytes(v, bytes), gemm, gemm, to);
}

void linear_input(const struct layer_view *v, uint64_t bytes, int from, int gemm, int last_use,
                  int to)
{
    if (!v->low_precision) {
        saved(v->lifetimes, CERTAIN, bytes, from, last_use, to);
        return;
    }
    passing(v->lifetimes, LIKELY, bytes, from, last_use);
    quantized_input(v, bytes, gemm, to);
}

/* megatron/core/transformer/attention.py, since 0.14. */
static bool saves_original(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    const char *since = s->low_precision == FP4_NV ? "2.7" : "2.6";

    if (s->release < RELEASE_0_14_0 || (*s->te && version_compare(s->te, since) < 0))
        return false;
    return s->low_precision == FP4_NV ||
           (v->job->fp8_recipe && strcmp(v->job->fp8_recipe, "delayed") != 0);
}

void linear_original(const struct layer_view *v, uint64_t bytes, int from, int gemm, int to)
{
    if (v->low_precision && saves_original(v))
        saved(v->lifetimes, CERTAIN, bytes, from, gemm, to);
    else
        linear_input(v, bytes, from, gemm, gemm, to);
}

void linear_copy(const struct layer_view *v, uint64_t bytes, int gemm, int to)
{
    if (v->low_precision && !saves_original(v))
        quantized_input(v, bytes, gemm, to);
}

void quantized_gradient(const struct layer_view *v, uint64_t bytes, int step)
{
    if (v->low_precision)
        passing(v->lifetimes, LIKELY, 2 * quantized_bytes(v, bytes), step, step);
}

/* The row statistics a norm keeps: one float a row and vector (TE layernorm, rmsnorm). */
static uint64_t norm_statistics(const struct shape *s)
{
    return 4 * s->tokens_sharded * s->norm_vectors;
}

/* Partial sums of the gradients of a norm's vectors, one row a multiprocessor
 * (TE common/normalization, backward workspace). */
static uint64_t norm_scratch(const struct layer_view *v)
{
    return 4 * v->premise->multiprocessors * v->shape->hidden_size * v->shape->norm_vectors;
}

bool input_norm_separate(const struct layer_view *v)
{
    return !v->shape->transformer_engine || v->layer.mixer == MIXER_MLA;
}

bool mlp_norm_separate(const struct layer_view *v)
{
    return !v->shape->transformer_engine || v->layer.feed_forward == FEED_FORWARD_MOE;
}

bool recomputes(const struct job *job, const char *module)
{
    if (!job->recompute_granularity || strcmp(job->recompute_granularity, "selective") != 0)
        return false;
    if (job->recompute_modules.count < 0)
        return strcmp(module, "core_attn") == 0;
    return list_has(&job->recompute_modules, module);
}

/* A norm's output, the input of the GEMM behind it; recomputed in backward only where the norm is a
 * module of its own, when the backward reaches what it feeds. */
static void norm_output(const struct layer_view *v, bool separate, int from, int last_use,
                        int again, int to)
{
    uint64_t bytes = hidden_sharded_bytes(v->shape);

    if (separate && recomputes(v->job, "layernorm")) {
        passing(v->lifetimes, CERTAIN, bytes, from, last_use);
        passing(v->lifetimes, CERTAIN, bytes, again, to);
    } else {
        linear_input(v, bytes, from, last_use, last_use, to);
    }
}

/* The router keeps its input in bf16 whatever the experts' precision is. */
static void norm_to_router(const struct layer_view *v)
{
    uint64_t bytes = hidden_sharded_bytes(v->shape);
    int to = v->shape->moe_shared_expert_intermediate_size ? B_SHARED_FC1 : B_ROUTER;

    if (recomputes(v->job, "layernorm")) {
        passing(v->lifetimes, CERTAIN, bytes, F_NORM2, F_UNPERMUTE);
        passing(v->lifetimes, CERTAIN, bytes, B_ADD2, to);
    } else {
        saved(v->lifetimes, CERTAIN, bytes, F_NORM2, F_UNPERMUTE, to);
    }
}

/* A norm keeps what it reads: the residual stream, or the two-byte copy of a float one, whose
 * gradient is widened behind it. */
static void norm_input(const struct layer_view *v, int from, int norm, int last_use, int to)
{
    uint64_t stream = residual_bytes(v->job, v->shape);
    uint64_t hidden = hidden_sharded_bytes(v->shape);

    if (stream == hidden) {
        saved(v->lifetimes, CERTAIN, stream, from, last_use, to);
        return;
    }
    passing(v->lifetimes, CERTAIN, stream, from, last_use);
    saved(v->lifetimes, CERTAIN, hidden, norm, norm, to);
    passing(v->lifetimes, CERTAIN, stream, to + 1, to + 1);
}

static void norm1_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;

    /* The residual stream as it comes in: the norm's input and the first residual. */
    norm_input(v, F_INPUT, F_NORM1, F_ADD1, B_NORM1);
    norm_output(v, input_norm_separate(v), F_NORM1, F_QKV, B_ADD1, B_QKV);
    saved(l, CERTAIN, norm_statistics(v->shape), F_NORM1, F_NORM1, B_NORM1);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_NORM1, B_SUM1);
    passing(l, LIKELY, norm_scratch(v), B_NORM1, B_NORM1);
    /* The gradient of the layer's input: sum of residual and norm. */
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), B_SUM1, B_SUM1);
}

static void norm2_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    bool moe = v->layer.feed_forward == FEED_FORWARD_MOE;

    norm_input(v, F_ADD1, F_NORM2, F_ADD2, B_NORM2);
    if (moe)
        norm_to_router(v);
    else
        norm_output(v, mlp_norm_separate(v), F_NORM2, F_FC1, B_ADD2, B_FC1);
    saved(l, CERTAIN, norm_statistics(v->shape), F_NORM2, F_NORM2, B_NORM2);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_NORM2, B_SUM2);
    passing(l, LIKELY, norm_scratch(v), B_NORM2, B_NORM2);
    /* The gradient of the sum that the attention block made. */
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), B_SUM2, B_SUM1);
}

/* Modules that run their forward again in backward. */
static void recomputed_modules(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    bool moe = v->layer.feed_forward == FEED_FORWARD_MOE;
    bool shared = moe && v->shape->moe_shared_expert_intermediate_size;

    if (recomputes(v->job, "core_attn"))
        lifetimes_recompute(l, F_ATTENTION, F_CONTEXT, B_CORE_AGAIN);
    if (recomputes(v->job, "mla_up_proj") && v->layer.mixer == MIXER_MLA)
        lifetimes_recompute(l, F_UP, F_ROPE, B_CORE_AGAIN);
    if (recomputes(v->job, "mlp") && v->layer.feed_forward == FEED_FORWARD_DENSE) {
        lifetimes_recompute(l, mlp_norm_separate(v) ? F_FC1 : F_NORM2, F_FC2, B_FFN_AGAIN);
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_FFN_AGAIN, B_FC1); /* its output */
    }
    if (recomputes(v->job, "moe") && moe) {
        lifetimes_recompute(l, F_SHARED_FC1, F_UNPERMUTE, B_FFN_AGAIN);
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_FFN_AGAIN, B_ROUTER); /* its output */
    } else if (recomputes(v->job, "shared_experts") && shared) {
        lifetimes_recompute(l, F_SHARED_FC1, F_SHARED_FC2, B_SHARED_AGAIN);
    }
}

/* Masks of hidden dropout, a byte an element, and the gradients behind them
 * (megatron/core/fusions/fused_bias_dropout.py). */
static void dropout_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t hidden = hidden_sharded_bytes(v->shape);
    uint64_t mask = v->shape->tokens_sharded * v->shape->hidden_size;
    int last = v->layer.feed_forward == FEED_FORWARD_MOE ? B_SHARED_FC2 : B_FC2;

    if (v->job->hidden_dropout == 0 && v->job->fp32_residual_connection == 1) {
        passing(l, CERTAIN, hidden, B_ADD1, B_PROJ); /* the float gradient, narrowed */
        passing(l, CERTAIN, hidden, B_ADD2, last);
    }
    if (v->job->hidden_dropout == 0)
        return;
    saved(l, CERTAIN, mask, F_ADD1, F_ADD1, B_ADD1);
    saved(l, CERTAIN, mask, F_ADD2, F_ADD2, B_ADD2);
    passing(l, CERTAIN, hidden, B_ADD1, B_PROJ);
    passing(l, CERTAIN, hidden, B_ADD2, last);
    if (v->job->bias_dropout_fusion != 1) { /* sum with the bias, dropped-out values */
        passing(l, LIKELY, hidden * (v->shape->bias ? 2 : 1), F_ADD1, F_ADD1);
        passing(l, LIKELY, hidden * (v->shape->bias ? 2 : 1), F_ADD2, F_ADD2);
    }
}

static void residual_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;

    dropout_tensors(v);
    /* The layer's output, then the next piece's; its gradient. */
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), F_ADD2, F_ADD2);
    output_gradient(l, residual_bytes(v->job, v->shape), B_SUM2);
}

void layer_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                   struct layer layer, bool low_precision, struct profile *profile)
{
    struct lifetimes lifetimes;
    const struct layer_view v = { .job = job,
                                  .shape = shape,
                                  .premise = premise,
                                  .layer = layer,
                                  .low_precision = low_precision,
                                  .lifetimes = &lifetimes };

    lifetimes_init(&lifetimes, layer_step_names, LAYER_FIRST_BACKWARD, premise);
    recomputed_modules(&v);
    norm1_tensors(&v);
    if (layer.mixer == MIXER_MLA)
        latent_attention_tensors(&v);
    else
        attention_tensors(&v);
    norm2_tensors(&v);
    if (layer.feed_forward == FEED_FORWARD_MOE)
        moe_tensors(&v);
    else
        mlp_tensors(&v);
    residual_tensors(&v);
    lifetimes_profile(&lifetimes, profile);
}
