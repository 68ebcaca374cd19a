#include "memory/layer.h"

/* One micro-batch's tensors of a self-attention, bytes on one tensor rank. */
struct qkv {
    uint64_t mixed; /* output of linear_qkv */
    uint64_t q, k, v, out;
    bool grouped; /* fewer groups than heads: q is copied out of mixed */
    bool rotated; /* q and k are new tensors behind rotary embedding or their norms */
};

static struct qkv qkv_of(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    uint64_t row = s->param_bytes * s->tokens; /* bytes of one channel */
    uint64_t heads = s->num_attention_heads / s->tp;
    uint64_t groups = s->num_query_groups >= s->tp ? s->num_query_groups / s->tp : 1;

    return (struct qkv){
        .mixed = row * s->qkv_width / s->tp,
        .q = row * heads * s->kv_channels,
        .k = row * groups * s->kv_channels,
        .v = row * groups * s->kv_channels,
        .out = row * heads * s->kv_channels,
        .grouped = s->num_query_groups < s->num_attention_heads,
        .rotated = s->rope,
    };
}

/* The qkv GEMM: its output is a local of Attention.forward until the output projection is done; with
 * rotary embedding q, k and v are new tensors, without the backend saves views of it
 * (megatron/core/transformer/attention.py, get_query_key_value_tensors). */
static void projection_tensors(const struct layer_view *v, const struct qkv *t)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t gathered = gathered_bytes(v->shape);

    if (v->shape->transformer_engine)
        passing(l, CERTAIN, gathered, F_QKV, F_QKV);
    if (t->rotated || t->grouped)
        passing(l, CERTAIN, t->mixed, F_QKV, F_PROJ);
    else
        saved(l, CERTAIN, t->mixed, F_QKV, F_PROJ, B_ATTENTION);
    /* Output projection, before and after the reduce-scatter. */
    passing(l, CERTAIN, hidden_bytes(v->shape), F_PROJ, gathered ? F_PROJ : F_ADD1);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), F_PROJ, F_ADD1);
}

static void rotary_tensors(const struct layer_view *v, const struct qkv *t)
{
    struct lifetimes *l = v->lifetimes;

    if (t->grouped && t->rotated)
        passing(l, CERTAIN, t->q, F_ROPE, F_PROJ);
    if (t->rotated || t->grouped) {
        saved(l, CERTAIN, t->q, F_ROPE, F_PROJ, B_ATTENTION);
        saved(l, CERTAIN, t->k, F_ROPE, F_PROJ, B_ATTENTION);
        saved(l, CERTAIN, t->v, F_ATTENTION, F_PROJ, B_ATTENTION);
    }
    if (t->rotated) {
        passing(l, CERTAIN, t->q, B_ROPE, B_SPLIT);
        passing(l, CERTAIN, t->k, B_ROPE, B_SPLIT);
    }
}

/* cuDNN's fused attention keeps its output and one float a row. Its backward's scratch is read from
 * cudnn-frontend's graph: the gradient of q in float, row sums, and per-head gradients of k and v. */
static void fused_tensors(const struct layer_view *v, const struct qkv *t)
{
    const struct shape *s = v->shape;
    uint64_t rows = s->tokens * s->num_attention_heads / s->tp;
    uint64_t scratch = 4 * rows * (1 + s->kv_channels);

    if (t->grouped)
        scratch += s->param_bytes * rows * 2 * s->kv_channels;
    saved(v->lifetimes, CERTAIN, t->out, F_ATTENTION, F_PROJ, B_ATTENTION);
    saved(v->lifetimes, CERTAIN, 4 * rows, F_ATTENTION, F_ATTENTION, B_ATTENTION);
    passing(v->lifetimes, LIKELY, scratch, B_ATTENTION, B_ATTENTION);
}

static void attention_gradients(const struct layer_view *v, const struct qkv *t)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t gathered = gathered_bytes(s);

    passing(l, CERTAIN, gathered, B_PROJ, B_PROJ);
    passing(l, CERTAIN, t->out, B_PROJ, B_ATTENTION);
    passing(l, CERTAIN,
            weight_gradient_bytes(v->job, s, s->hidden_size * s->proj_width / s->tp), B_PROJ, B_PROJ);
    /* dq, dk, dv: replaced by those behind the rotary embedding, then joined. */
    passing(l, CERTAIN, t->q + t->k, B_ATTENTION, t->rotated ? B_ROPE : B_SPLIT);
    passing(l, CERTAIN, t->v, B_ATTENTION, B_SPLIT);
    passing(l, CERTAIN, t->mixed, B_SPLIT, B_NORM1);
    passing(l, CERTAIN, gathered, B_QKV, B_QKV);
    passing(l, CERTAIN, hidden_bytes(s), B_QKV, B_NORM1);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(s), B_QKV, B_NORM1);
    passing(l, CERTAIN,
            weight_gradient_bytes(v->job, s, s->hidden_size * s->qkv_width / s->tp), B_QKV, B_QKV);
}

void attention_tensors(const struct layer_view *v)
{
    struct qkv t = qkv_of(v);

    projection_tensors(v, &t);
    rotary_tensors(v, &t);
    fused_tensors(v, &t);
    attention_gradients(v, &t);
}
