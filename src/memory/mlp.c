#include "memory/layer.h"

/* fc1, activation, fc2 of a dense layer (megatron/core/transformer/mlp.py): the activation's input
 * and output are saved, the second as the input of fc2. */
static void forward_tensors(const struct layer_view *v, uint64_t fc1, uint64_t act)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t gathered = gathered_bytes(v->shape);

    if (v->shape->transformer_engine)
        passing(l, CERTAIN, gathered, F_FC1, F_FC1);
    saved(l, CERTAIN, fc1, F_FC1, F_ACT, B_ACT);
    linear_input(v, act, F_ACT, F_FC2, F_FC2, B_FC2);
    passing(l, CERTAIN, hidden_bytes(v->shape), F_FC2, gathered ? F_FC2 : F_ADD2);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), F_FC2, F_ADD2);
}

/* Without a fused kernel a gated activation keeps silu(gate) and, from 0.15 on, the linear half
 * with its offset; with a bias the sum is one more tensor (megatron/core/transformer/mlp.py, glu).
 */
static void unfused_tensors(const struct layer_view *v, uint64_t fc1, uint64_t act)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;

    if (v->job->bias_activation_fusion == 1)
        return;
    if (s->bias)
        passing(l, CERTAIN, fc1, F_ACT, F_ACT);
    if (!s->gated_linear_unit)
        return;
    saved(l, CERTAIN, (s->release >= RELEASE_0_15_0 ? 2 : 1) * act, F_ACT, F_ACT, B_ACT);
}

/* relu, then its square: the first is kept instead of fc1's output; backward makes the power's
 * pieces one by one. */
static void squared_tensors(const struct layer_view *v, uint64_t act)
{
    if (v->shape->activation != ACTIVATION_SQUARED_RELU)
        return;
    passing(v->lifetimes, CERTAIN, act, F_ACT, F_ACT);
    passing(v->lifetimes, LIKELY, 2 * act, B_ACT, B_ACT);
}

static void backward_tensors(const struct layer_view *v, uint64_t fc1, uint64_t act)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t gathered = gathered_bytes(s);
    uint64_t fc2_weight = s->hidden_size * s->ffn_hidden_size / s->tp;

    passing(l, CERTAIN, gathered, B_FC2, B_FC2);
    passing(l, CERTAIN, act, B_FC2, B_ACT);
    quantized_gradient(v, hidden_bytes(s), B_FC2);
    quantized_gradient(v, fc1, B_FC1);
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, fc2_weight), B_FC2, B_FC2);
    passing(l, CERTAIN, fc1, B_ACT, B_NORM2);
    passing(l, CERTAIN, gathered, B_FC1, B_FC1);
    passing(l, CERTAIN, hidden_bytes(s), B_FC1, B_NORM2);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(s), B_FC1, B_NORM2);
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, s->gates * fc2_weight), B_FC1, B_FC1);
}

void mlp_tensors(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    uint64_t act = s->param_bytes * s->tokens * s->ffn_hidden_size / s->tp;

    forward_tensors(v, s->gates * act, act);
    unfused_tensors(v, s->gates * act, act);
    squared_tensors(v, act);
    backward_tensors(v, s->gates * act, act);
}
