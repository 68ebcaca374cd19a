#include "memory/layer.h"

/* softmax(q k / sqrt(d)) v by each backend: what it keeps of its inputs, what it makes, what its
 * backward takes for a while. */

static uint64_t rows(const struct layer_view *v, const struct core_attention *c)
{
    return v->shape->tokens * c->heads;
}

/* q, k, v as the backend got them. Views keep the whole mixed tensor; v is copied out of it by TE,
 * which wants it contiguous (dot_product_attention/utils.py, get_qkv_layout). */
static void keep_inputs(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    bool copy_v = c->view_v && v->shape->transformer_engine && !c->views_qk;
    bool keep_mixed = c->views_qk || (c->view_v && (!copy_v || recomputes(v->job, "core_attn")));

    if (keep_mixed)
        saved(l, CERTAIN, c->mixed, F_QKV, F_PROJ, B_ATTENTION);
    else
        passing(l, CERTAIN, c->mixed, F_QKV, F_PROJ);
    if (!c->views_qk) {
        saved(l, CERTAIN, c->q, c->q_born, F_PROJ, B_ATTENTION);
        saved(l, CERTAIN, c->k, F_ROPE, F_PROJ, B_ATTENTION);
    }
    if (copy_v)
        saved(l, CERTAIN, c->v, F_ATTENTION, F_CONTEXT, B_ATTENTION);
    else if (!c->view_v)
        saved(l, CERTAIN, c->v, F_ROPE, F_PROJ, B_ATTENTION);
}

/* The same where the backend keeps copies of its own. */
static void pass_inputs(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;

    passing(l, CERTAIN, c->mixed, F_QKV, F_PROJ);
    if (c->views_qk)
        return;
    passing(l, CERTAIN, c->q, c->q_born, F_PROJ);
    passing(l, CERTAIN, c->k, F_ROPE, F_PROJ);
    passing(l, CERTAIN, c->v, c->view_v ? F_ATTENTION : F_ROPE, F_CONTEXT);
}

static uint64_t rounded_up(uint64_t n, uint64_t step)
{
    return (n + step - 1) / step * step;
}

/* cuDNN's backward, read from cudnn-frontend's graph: row sums, the gradient of q in float unless
 * deterministic, and gradients of k and v for every head where groups share them. FlashAttention 2
 * (flash-attention csrc/flash_attn/flash_api.cpp): the same, with dq once for each split when
 * deterministic. */
uint64_t attention_scratch(const struct layer_view *v, const struct core_attention *c,
                           uint64_t q_rows, uint64_t k_rows)
{
    uint64_t blocks = v->shape->micro_batch_size * c->heads;
    uint64_t copies = v->premise->deterministic ? 0 : 1;
    uint64_t width = c->width_qk;
    uint64_t scratch;

    if (v->premise->attention == ATTENTION_FLASH) {
        copies =
            v->premise->deterministic ? (v->premise->multiprocessors + blocks - 1) / blocks : 1;
        width = rounded_up(width, width <= 128 ? 32 : 64);
    }
    scratch = 4 * q_rows * c->heads * (1 + copies * width);
    if (c->groups < c->heads)
        scratch += v->shape->param_bytes * k_rows * c->heads * (c->width_qk + c->width_v);
    return scratch;
}

static void backward_scratch(const struct layer_view *v, const struct core_attention *c)
{
    passing(v->lifetimes, CERTAIN, c->out, B_DROPOUT, B_ATTENTION); /* the output's gradient */
    passing(v->lifetimes, LIKELY, attention_scratch(v, c, v->shape->tokens, v->shape->tokens),
            B_ATTENTION, B_ATTENTION);
}

/* FlashAttention 2 gives [b, s, h, d], which with several sequences is copied to [s, b, h, d]. */
void projection_input(const struct layer_view *v, const struct core_attention *c)
{
    if (c->trimmed)
        linear_original(v, c->trimmed, F_CONTEXT, F_PROJ, B_PROJ);
    else if (v->premise->attention == ATTENTION_FLASH && v->shape->micro_batch_size > 1)
        linear_original(v, c->out, F_CONTEXT, F_PROJ, B_PROJ);
    else if (!recomputes(v->job, "core_attn") && !v->shape->attention_output_gate)
        linear_copy(v, c->out, F_PROJ, B_PROJ);
}

/* Either keeps its output and one float a row. */
static void fused_tensors(const struct layer_view *v, const struct core_attention *c)
{
    keep_inputs(v, c);
    projection_input(v, c);
    saved(v->lifetimes, CERTAIN, c->out, F_CONTEXT, F_PROJ, B_ATTENTION);
    saved(v->lifetimes, CERTAIN, 4 * rows(v, c), F_CONTEXT, F_CONTEXT, B_ATTENTION);
    backward_scratch(v, c);
}

/* FlashAttention 2 wants [b, s, h, d]: with more than one sequence a micro-batch q, k, v are copied
 * and the output is copied back. */
static void flash_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;

    if (v->shape->micro_batch_size > 1) {
        pass_inputs(v, c);
        saved(l, CERTAIN, c->q + c->k + c->v, F_ATTENTION, F_CONTEXT, B_ATTENTION);
    } else {
        keep_inputs(v, c);
    }
    projection_input(v, c);
    saved(l, CERTAIN, c->out, F_CONTEXT, F_PROJ, B_ATTENTION);
    saved(l, CERTAIN, 4 * rows(v, c), F_CONTEXT, F_CONTEXT, B_ATTENTION);
    backward_scratch(v, c);
}

/* TE makes the causal mask anew in every layer out of three int32 matrices
 * (dot_product_attention/utils.py, get_full_mask). */
static void mask_tensors(const struct layer_view *v)
{
    uint64_t square = v->shape->seq_length * v->shape->seq_length;

    passing(v->lifetimes, LIKELY, 12 * square + 3 * square, F_ATTENTION, F_ATTENTION);
    passing(v->lifetimes, LIKELY, square, F_ATTENTION, F_CONTEXT);
}

/* k and v repeated for every head where groups share them. */
static void repeated_tensors(const struct layer_view *v, const struct core_attention *c)
{
    uint64_t k = c->k / c->groups * c->heads, w = c->v / c->groups * c->heads;

    saved(v->lifetimes, CERTAIN, k + w, F_ATTENTION, F_CONTEXT, B_ATTENTION);
    passing(v->lifetimes, CERTAIN, k + w, B_ATTENTION, B_ATTENTION);
}

/* The fused softmax kernels take two-byte scores of a limited length; TE does not ask Megatron's
 * option (fusions/fused_softmax.py, is_kernel_available; TE dot_product_attention/softmax.py). */
static bool softmax_fused(const struct layer_view *v)
{
    if (v->shape->param_bytes != 2)
        return false;
    if (v->shape->transformer_engine)
        return v->shape->seq_length <= 16384;
    return v->job->masked_softmax_fusion == 1 && v->shape->seq_length <= 4096;
}

/* Scores of every pair of positions: raw, softmaxed, dropped out with a byte mask
 * (megatron/core/transformer/dot_product_attention.py; TE dot_product_attention/backends.py). */
static void score_tensors(const struct layer_view *v, const struct core_attention *c)
{
    const struct shape *s = v->shape;
    struct lifetimes *l = v->lifetimes;
    uint64_t pairs = s->micro_batch_size * c->heads * s->seq_length * s->seq_length;
    uint64_t e = s->param_bytes;
    bool dropout = v->job->attention_dropout != 0;
    bool fused = softmax_fused(v);
    bool wide = !fused && v->job->attention_softmax_in_fp32 == 1 && e == 2;

    passing(l, CERTAIN, e * pairs, F_SCORES, F_CONTEXT);
    if (s->transformer_engine) /* the GEMM's input; Megatron's own comes from a buffer that stays */
        passing(l, LIKELY, e * pairs, F_SCORES, F_SCORES);
    if (!fused && !wide) /* the mask was written into a view: backward copies the scores */
        passing(l, LIKELY, 2 * e * pairs, B_SOFTMAX, B_SOFTMAX);
    if (wide) {
        passing(l, CERTAIN, 4 * pairs, F_SOFTMAX, F_SOFTMAX);
        saved(l, CERTAIN, 4 * pairs, F_SOFTMAX, F_SOFTMAX, B_SOFTMAX);
        passing(l, CERTAIN, 8 * pairs, B_SOFTMAX,
                B_SOFTMAX); /* the gradient before and behind it */
    }
    if (wide && dropout) /* dropout keeps a mask, not what it is given */
        passing(l, CERTAIN, e * pairs, F_SOFTMAX, F_CONTEXT);
    else
        saved(l, CERTAIN, e * pairs, F_SOFTMAX, F_CONTEXT, wide ? B_CONTEXT : B_SOFTMAX);
    if (dropout) {
        saved(l, CERTAIN, e * pairs, F_DROPOUT, F_CONTEXT, B_CONTEXT);
        saved(l, CERTAIN, pairs, F_DROPOUT, F_DROPOUT, B_DROPOUT);
        passing(l, CERTAIN, e * pairs, B_CONTEXT, B_DROPOUT);
        passing(l, CERTAIN, e * pairs, B_DROPOUT, B_ATTENTION);
    } else {
        passing(l, CERTAIN, e * pairs, B_CONTEXT, B_ATTENTION);
    }
}

/* With groups k and v are kept repeated, and what they were repeated from passes. */
static void keep_repeated(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;

    repeated_tensors(v, c);
    passing(l, CERTAIN, c->mixed, F_QKV, F_PROJ);
    saved(l, CERTAIN, c->q, c->q_born, F_PROJ, B_ATTENTION);
    if (v->shape->rope)
        passing(l, CERTAIN, c->k, F_ROPE, F_PROJ);
    if (v->shape->transformer_engine)
        passing(l, CERTAIN, c->v, F_ATTENTION, F_CONTEXT);
}

static void unfused_tensors(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;

    if (v->shape->transformer_engine)
        mask_tensors(v);
    if (c->groups < c->heads)
        keep_repeated(v, c);
    else
        keep_inputs(v, c);
    score_tensors(v, c);
    passing(l, CERTAIN, c->out, F_CONTEXT, F_CONTEXT);
    linear_original(v, c->out, F_CONTEXT, F_PROJ, B_PROJ);
    passing(l, CERTAIN, c->q, B_ATTENTION, B_ATTENTION);
}

/* From TE 2.17 on FlashAttention 2 is given values as wide as keys. */
static struct core_attention padded(const struct layer_view *v, const struct core_attention *c)
{
    struct core_attention p = *c;

    if (v->premise->attention != ATTENTION_FLASH || c->width_v >= c->width_qk)
        return p;
    p.width_v = c->width_qk;
    p.v = c->v / c->width_v * c->width_qk;
    p.out = c->out / c->width_v * c->width_qk;
    p.trimmed = c->out;
    passing(v->lifetimes, CERTAIN, c->v, F_ROPE, F_ATTENTION);
    return p;
}

static void backend_tensors(const struct layer_view *v, const struct core_attention *c,
                            int gradients_to)
{
    struct lifetimes *l = v->lifetimes;

    if (recomputes(v->job, "core_attn")) /* the first run's output, kept by the output projection */
        linear_original(v, c->out, F_PROJ, F_PROJ, B_PROJ);
    if (v->shape->cp > 1 && v->premise->attention <= ATTENTION_FLASH) {
        context_parallel_tensors(v, c, gradients_to);
        return;
    }
    if (v->premise->attention == ATTENTION_FUSED)
        fused_tensors(v, c);
    else if (v->premise->attention == ATTENTION_FLASH)
        flash_tensors(v, c);
    else
        unfused_tensors(v, c);
    passing(l, CERTAIN, c->q + c->k, B_ATTENTION, gradients_to);
    passing(l, CERTAIN, c->v, B_ATTENTION, c->view_v ? B_SPLIT : gradients_to);
}

void core_attention_tensors(const struct layer_view *v, const struct core_attention *c,
                            int gradients_to)
{
    const struct core_attention given = padded(v, c);

    backend_tensors(v, &given, gradients_to);
}
