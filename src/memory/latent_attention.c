#include "memory/layer.h"

/* Multi-latent attention (megatron/core/transformer/multi_latent_attention.py): q and kv go down to
 * latents, which are normed inside the GEMMs that bring them up again. */

struct latents {
    uint64_t q, kv; /* latents of this rank's part of the sequence */
    uint64_t q_all,
        kv_all; /* of the whole: gathered, or a GEMM's gradient before it is scattered */
    uint64_t
        kv_joint; /* kv latent and the shared rotary channels, as the down projection makes them */
    uint64_t rotary; /* the rotary channels of the whole sequence */
    uint64_t up;     /* kv brought up: keys without rotary channels, and values */
};

static struct latents latents_of(const struct shape *s)
{
    uint64_t e = s->param_bytes;

    return (struct latents) {
        .q = e * s->tokens_sharded * s->q_lora_rank,
        .kv = e * s->tokens_sharded * s->kv_lora_rank,
        .q_all = e * s->tokens * s->q_lora_rank,
        .kv_all = e * s->tokens * s->kv_lora_rank,
        .kv_joint = e * s->tokens_sharded * (s->kv_lora_rank + s->qk_pos_emb_head_dim),
        .rotary = s->sequence_parallel ? e * s->tokens * s->qk_pos_emb_head_dim : 0,
        .up = e * s->tokens * s->num_attention_heads / s->tp * (s->qk_head_dim + s->v_head_dim),
    };
}

static struct core_attention core_of(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    uint64_t heads = s->num_attention_heads / s->tp;
    uint64_t width = s->qk_head_dim + s->qk_pos_emb_head_dim;
    uint64_t row = s->param_bytes * s->tokens * heads;

    return (struct core_attention) {
        .heads = heads,
        .groups = heads,
        .width_qk = width,
        .width_v = s->v_head_dim,
        .q = row * width,
        .k = row * width,
        .v = row * s->v_head_dim,
        .out = row * s->v_head_dim,
        .q_born = F_UP,
    };
}

/* A q projection without latent; since main it norms its input once more. */
static void direct_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;

    passing(l, CERTAIN, gathered_bytes(s), F_UP, F_UP);
    passing(l, CERTAIN, gathered_bytes(s), B_UP, B_UP);
    if (!s->qk_layernorm || s->release < RELEASE_MAIN)
        return;
    saved(l, CERTAIN, hidden_sharded_bytes(s), F_UP, F_UP, B_UP);
    saved(l, CERTAIN, 4 * s->tokens_sharded * s->norm_vectors, F_UP, F_UP, B_UP);
}

static void down_tensors(const struct layer_view *v, const struct latents *t)
{
    struct lifetimes *l = v->lifetimes;

    /* The joint latent is a local until the layer's output is projected; recomputing the up
     * projections keeps it. */
    if (recomputes(v->job, "mla_up_proj"))
        saved(l, CERTAIN, t->kv_joint, F_QKV, F_PROJ, B_UP);
    else
        passing(l, CERTAIN, t->kv_joint, F_QKV, F_PROJ);
    if (t->rotary)
        passing(l, CERTAIN, t->rotary, F_QKV, F_ROPE);
    if (v->shape->q_lora_rank)
        saved(l, CERTAIN, t->q, F_QKV, F_UP, B_UP);
    /* Backward: gradients of both latents joined, three gradients of the hidden states. */
    passing(l, CERTAIN, t->kv_joint, B_QKV, B_QKV);
    passing(l, CERTAIN, 2 * hidden_sharded_bytes(v->shape), B_QKV, B_QKV);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_QKV, B_NORM1);
}

/* One up projection: the normed latent is its input, gathered for the GEMM under sequence
 * parallelism. */
static void up_tensors(const struct layer_view *v, uint64_t part, uint64_t whole, int forward,
                       int backward)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;

    if (s->qk_layernorm)
        linear_input(v, part, forward, forward, forward, backward);
    saved(l, CERTAIN, 4 * s->tokens_sharded * s->norm_vectors, forward, forward, backward);
    passing(l, CERTAIN, whole, backward, backward);
    passing(l, CERTAIN, part, backward, B_QKV);
    if (!s->sequence_parallel)
        return;
    passing(l, CERTAIN, whole, forward, forward);
    passing(l, CERTAIN, whole + part, backward, backward);
}

static void kv_up_tensors(const struct layer_view *v, const struct latents *t,
                          const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;

    saved(l, CERTAIN, t->kv, F_KV_UP, F_KV_UP, B_KV_UP); /* cut out of the joint latent: a copy */
    up_tensors(v, t->kv, t->kv_all, F_KV_UP, B_KV_UP);
    passing(l, CERTAIN, t->up, F_KV_UP, F_ROPE);
    passing(l, CERTAIN, t->up, B_ROPE, B_KV_UP);
    if (v->job->apply_rope_fusion != 1) { /* q and k are put together from their two parts */
        passing(l, LIKELY, c->q + c->k, F_ROPE, F_ROPE);
        passing(l, LIKELY, c->q, B_ROPE, B_ROPE);
        saved(l, LIKELY, 8 * v->shape->seq_length / v->shape->cp * v->shape->qk_pos_emb_head_dim,
              F_ROPE, F_ROPE, B_ROPE);
    }
}

static void projection_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t gathered = gathered_bytes(s);

    passing(l, CERTAIN, hidden_bytes(s), F_PROJ, gathered ? F_PROJ : F_ADD1);
    if (gathered)
        passing(l, CERTAIN, hidden_sharded_bytes(s), F_PROJ, F_ADD1);
    passing(l, CERTAIN, gathered, B_PROJ, B_PROJ);
    passing(l, CERTAIN, c->out, B_PROJ, B_CONTEXT);
    passing(l, CERTAIN,
            weight_gradient_bytes(v->job, s,
                                  s->hidden_size * s->num_attention_heads / s->tp * s->v_head_dim),
            B_PROJ, B_PROJ);
}

void latent_attention_tensors(const struct layer_view *v)
{
    const struct latents t = latents_of(v->shape);
    const struct core_attention c = core_of(v);

    down_tensors(v, &t);
    if (v->shape->q_lora_rank)
        up_tensors(v, t.q, t.q_all, F_UP, B_UP);
    else
        direct_tensors(v);
    kv_up_tensors(v, &t, &c);
    core_attention_tensors(v, &c, B_ROPE);
    passing(v->lifetimes, CERTAIN, c.q, B_KV_UP, B_UP); /* the gradient of q */
    projection_tensors(v, &c);
}
