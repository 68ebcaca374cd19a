#include "memory/layer.h"

/* Self-attention around its core (megatron/core/transformer/attention.py): one GEMM for q, k and v,
 * their split, norms and rotation, and the output projection. */

static struct core_attention core_of(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    uint64_t row = s->param_bytes * s->tokens; /* bytes of one channel */
    uint64_t heads = s->num_attention_heads / s->tp;
    uint64_t groups = s->num_query_groups >= s->tp ? s->num_query_groups / s->tp : 1;
    bool grouped = groups < heads;
    bool rotated = s->rope || s->qk_layernorm;

    return (struct core_attention) {
        .heads = heads,
        .groups = groups,
        .width_qk = s->kv_channels,
        .width_v = s->kv_channels,
        .mixed = row * s->qkv_width / s->tp,
        .q = row * heads * s->kv_channels,
        .k = row * groups * s->kv_channels,
        .v = row * groups * s->kv_channels,
        .out = row * heads * s->kv_channels,
        .views_qk = !rotated && !grouped,
        .view_v = true,
        .q_born = F_ROPE,
    };
}

/* The qkv GEMM; its output is a local of Attention.forward until the output projection is done. */
static void projection_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t gathered = gathered_bytes(v->shape);

    if (v->shape->transformer_engine)
        passing(l, CERTAIN, gathered, F_QKV, F_QKV);
    else if (v->shape->qkv_bias) /* the bias is added into a second tensor
                                    (tensor_parallel/layers.py) */
        passing(l, CERTAIN, c->mixed, F_QKV, F_QKV);
    /* Output projection, before and after the reduce-scatter. */
    passing(l, CERTAIN, hidden_bytes(v->shape), F_PROJ, gathered ? F_PROJ : F_ADD1);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), F_PROJ, F_ADD1);
}

/* q and k normed, both kept for the norm's backward. */
static void qk_norm_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t rows = s->tokens * (c->heads + c->groups);

    if (!s->qk_layernorm)
        return;
    saved(l, CERTAIN, c->q, F_ROPE, F_PROJ, B_SPLIT);
    saved(l, CERTAIN, c->k, F_ROPE, F_PROJ, B_SPLIT);
    saved(l, CERTAIN, 4 * rows * s->norm_vectors, F_ROPE, F_ROPE, B_SPLIT);
    if (s->rope) /* the normed values, before they are turned */
        passing(l, CERTAIN, c->q + c->k, F_ROPE, F_PROJ);
}

/* Un-fused rotation keeps cosines and sines of q and of k, one bf16 row a position, and copies q
 * and k several times over (megatron/core/models/common/embeddings/rope_utils.py). */
static void unfused_rotary_tensors(const struct layer_view *v, const struct core_attention *c)
{
    const struct shape *s = v->shape;
    double turned = is_none_float(v->job->rotary_percent) ? 1.0 : v->job->rotary_percent;
    uint64_t table =
        (uint64_t)((double)(s->param_bytes * s->seq_length / s->cp * c->width_qk) * turned);

    saved(v->lifetimes, CERTAIN, 4 * table, F_ROPE, F_ROPE, B_ROPE);
    passing(v->lifetimes, LIKELY, 2 * c->q, F_ROPE, F_ROPE);
    passing(v->lifetimes, LIKELY, 2 * c->q, B_ROPE, B_ROPE);
}

static void rotary_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    bool grouped = c->groups < c->heads;

    qk_norm_tensors(v, c);
    if (!v->shape->rope)
        return;
    if (grouped && !v->shape->qk_layernorm)
        passing(l, CERTAIN, c->q, F_ROPE, F_PROJ);
    if (v->job->apply_rope_fusion != 1)
        unfused_rotary_tensors(v, c);
    passing(l, CERTAIN, c->q, B_ROPE, B_SPLIT);
    passing(l, CERTAIN, c->k, B_ROPE, B_SPLIT);
}

/* The output times the sigmoid of a gate that the qkv GEMM makes beside q; the sigmoid and its
 * backward are in float. */
static void gate_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t wide = c->out / v->shape->param_bytes * 4;

    if (!v->shape->attention_output_gate)
        return;
    passing(l, CERTAIN, c->out, F_ROPE, F_PROJ);
    saved(l, CERTAIN, wide, F_PROJ, F_PROJ, B_CORE_AGAIN);
    linear_original(v, c->out, F_PROJ, F_PROJ, B_PROJ);
    passing(l, LIKELY, 3 * wide, B_CORE_AGAIN, B_CORE_AGAIN);
    passing(l, CERTAIN, c->out, B_CONTEXT, B_SPLIT);
}

static void gradient_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t gathered = gathered_bytes(s);

    passing(l, CERTAIN, gathered, B_PROJ, B_PROJ);
    passing(l, CERTAIN, c->out, B_PROJ, B_CONTEXT); /* longer as the core needs it */
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, s->hidden_size * s->proj_width / s->tp),
            B_PROJ, B_PROJ);
    quantized_gradient(v, hidden_sharded_bytes(s) + c->out, B_PROJ);
    quantized_gradient(v, c->mixed, B_QKV);
    passing(l, CERTAIN, c->mixed, B_SPLIT, B_NORM1);
    if (s->transformer_engine)
        passing(l, CERTAIN, gathered, B_QKV, B_QKV);
    passing(l, CERTAIN, hidden_bytes(s), B_QKV,
            s->transformer_engine || !gathered ? B_NORM1 : B_QKV);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(s), B_QKV, B_NORM1);
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, s->hidden_size * s->qkv_width / s->tp),
            B_QKV, B_QKV);
}

void attention_tensors(const struct layer_view *v)
{
    struct core_attention c = core_of(v);

    projection_tensors(v, &c);
    rotary_tensors(v, &c);
    core_attention_tensors(v, &c, v->shape->rope ? B_ROPE : B_SPLIT);
    gate_tensors(v, &c);
    gradient_tensors(v, &c);
}
