#include "memory/layer.h"

#include "memory/premise.h"

const char *const layer_step_names[LAYER_STEPS + 1] = {
    [F_INPUT] = "input",
    [F_NORM1] = "input norm",
    [F_QKV] = "qkv projection",
    [F_ROPE] = "rotary embedding",
    [F_ATTENTION] = "core attention",
    [F_SCORES] = "attention scores",
    [F_SOFTMAX] = "attention softmax",
    [F_DROPOUT] = "attention dropout",
    [F_CONTEXT] = "core attention",
    [F_PROJ] = "attention output projection",
    [F_ADD1] = "attention residual",
    [F_NORM2] = "pre-MLP norm",
    [F_FC1] = "fc1",
    [F_ACT] = "activation",
    [F_FC2] = "fc2",
    [F_ADD2] = "MLP residual",
    [B_ADD2] = "MLP residual",
    [B_FC2] = "fc2",
    [B_ACT] = "activation",
    [B_FC1] = "fc1",
    [B_NORM2] = "pre-MLP norm",
    [B_SUM2] = "MLP residual",
    [B_ADD1] = "attention residual",
    [B_PROJ] = "attention output projection",
    [B_CONTEXT] = "core attention",
    [B_DROPOUT] = "attention dropout",
    [B_SOFTMAX] = "attention softmax",
    [B_ATTENTION] = "core attention",
    [B_COLLECT] = "core attention",
    [B_ROPE] = "rotary embedding",
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

/* TE hands the gathered gradient on to the node's end; Megatron's own linear keeps gathered inputs in a
 * buffer that is never given back (GlobalMemoryBuffer "mpu"). */
static void norm1_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;

    /* The residual stream as it comes in: the norm's input and the first residual. */
    saved(l, CERTAIN, residual_bytes(v->job, v->shape), F_INPUT, F_ADD1, B_NORM1);
    /* Output of the norm, input of the qkv GEMM; sharded, gathered again in backward
     * (TE layernorm_linear.py; Megatron tensor_parallel/layers.py). */
    saved(l, CERTAIN, hidden_sharded_bytes(v->shape), F_NORM1, F_QKV, B_QKV);
    saved(l, CERTAIN, norm_statistics(v->shape), F_NORM1, F_NORM1, B_NORM1);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_NORM1, B_SUM1);
    passing(l, LIKELY, norm_scratch(v), B_NORM1, B_NORM1);
    /* The gradient of the layer's input: sum of residual and norm. */
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), B_SUM1, B_SUM1);
}

static void norm2_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;

    saved(l, CERTAIN, residual_bytes(v->job, v->shape), F_ADD1, F_ADD2, B_NORM2);
    saved(l, CERTAIN, hidden_sharded_bytes(v->shape), F_NORM2, F_FC1, B_FC1);
    saved(l, CERTAIN, norm_statistics(v->shape), F_NORM2, F_NORM2, B_NORM2);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_NORM2, B_SUM2);
    passing(l, LIKELY, norm_scratch(v), B_NORM2, B_NORM2);
    /* The gradient of the sum that the attention block made. */
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), B_SUM2, B_SUM1);
}

/* Masks of hidden dropout, a byte an element, and the gradients behind them
 * (megatron/core/fusions/fused_bias_dropout.py). */
static void dropout_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t hidden = hidden_sharded_bytes(v->shape);
    uint64_t mask = v->shape->tokens_sharded * v->shape->hidden_size;

    if (v->job->hidden_dropout == 0)
        return;
    saved(l, CERTAIN, mask, F_ADD1, F_ADD1, B_ADD1);
    saved(l, CERTAIN, mask, F_ADD2, F_ADD2, B_ADD2);
    passing(l, CERTAIN, hidden, B_ADD1, B_PROJ);
    passing(l, CERTAIN, hidden, B_ADD2, B_FC2);
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
    passing(l, CERTAIN, residual_bytes(v->job, v->shape), B_ADD2, B_SUM2);
}

void layer_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                   struct layer layer, struct profile *profile)
{
    struct lifetimes lifetimes;
    const struct layer_view v = { .job = job, .shape = shape, .premise = premise, .layer = layer,
                                  .lifetimes = &lifetimes };

    lifetimes_init(&lifetimes, layer_step_names, LAYER_FIRST_BACKWARD, premise->trust);
    norm1_tensors(&v);
    attention_tensors(&v);
    norm2_tensors(&v);
    mlp_tensors(&v);
    residual_tensors(&v);
    lifetimes_profile(&lifetimes, profile);
}
