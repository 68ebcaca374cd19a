#include <string.h>

#include "memory/layer.h"

/* Attention over context parallel ranks
 * (transformer_engine/pytorch/attention/dot_product_attention/ context_parallel.py). Sizes of q, k,
 * v are those of one rank's part of the sequence. */

static const char *communication(const struct layer_view *v)
{
    const struct list *list = &v->job->cp_comm_type;

    return list->count > 0 ? list->item[0] : "p2p";
}

static uint64_t log_sum_bytes(const struct layer_view *v, const struct core_attention *c)
{
    return 4 * v->shape->tokens * c->heads;
}

/* What comes in: locals of Attention.forward, v's copy until the core is done. Recomputing the core
 * keeps all of it, v inside the tensor it is a view of. */
static void pass_inputs(const struct layer_view *v, const struct core_attention *c)
{
    struct lifetimes *l = v->lifetimes;
    int k_born = c->views_qk ? F_ATTENTION : F_ROPE;

    if (recomputes(v->job, "core_attn")) {
        saved(l, CERTAIN, c->mixed, F_QKV, F_PROJ, B_COLLECT);
        saved(l, CERTAIN, c->k, F_ROPE, F_PROJ, B_COLLECT);
    } else {
        passing(l, CERTAIN, c->mixed, F_QKV, F_PROJ);
        passing(l, CERTAIN, c->k, k_born, c->views_qk ? F_CONTEXT : F_PROJ);
    }
    passing(l, CERTAIN, c->v, c->view_v ? F_ATTENTION : F_ROPE, F_CONTEXT);
}

static bool turned(const struct layer_view *v)
{
    return v->premise->attention == ATTENTION_FLASH && v->shape->micro_batch_size > 1;
}

static void output_tensors(const struct layer_view *v, const struct core_attention *c)
{
    saved(v->lifetimes, CERTAIN, c->out, F_CONTEXT, F_PROJ, B_COLLECT);
    projection_input(v, c);
    saved(v->lifetimes, CERTAIN, log_sum_bytes(v, c), F_CONTEXT, F_CONTEXT, B_COLLECT);
}

/* Ring: k and v travel in one buffer; all that were received stay until the forward is done, as do
 * the outputs of every step. The last buffer is kept. */
static void ring_tensors(const struct layer_view *v, const struct core_attention *c,
                         int gradients_to)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t kv = c->k + c->v;

    pass_inputs(v, c);
    saved(l, CERTAIN, c->q, c->q_born, F_PROJ, B_COLLECT);
    saved(l, CERTAIN, kv, F_ATTENTION, F_CONTEXT, B_COLLECT);
    passing(l, LIKELY, kv * (s->cp - 1), F_ATTENTION, F_CONTEXT);
    passing(l, LIKELY, c->out + c->out / 2 * (s->cp - 1), F_ATTENTION, F_CONTEXT);
    output_tensors(v, c);
    passing(l, CERTAIN, c->q, B_ATTENTION, gradients_to);
    passing(l, CERTAIN, 2 * kv, B_ATTENTION, c->view_v ? B_SPLIT : gradients_to);
    passing(l, CERTAIN, 2 * kv, B_ATTENTION, B_COLLECT);
    passing(l, CERTAIN, c->q + kv, B_ATTENTION, B_ATTENTION);
    passing(l, LIKELY, attention_scratch(v, c, s->tokens, s->tokens), B_ATTENTION, B_ATTENTION);
}

/* From TE 2.8 on the output is kept as the heads saw it, besides what the output projection keeps.
 */
static bool keeps_both_outputs(const struct shape *s)
{
    return !s->te || !*s->te || version_compare(s->te, "2.8") >= 0;
}

/* All-to-all: every rank attends over the whole sequence with a part of the heads. q, k, v are kept
 * as they were received. */
static void exchange_tensors(const struct layer_view *v, const struct core_attention *c,
                             int gradients_to)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;

    pass_inputs(v, c);
    if (recomputes(v->job, "core_attn"))
        saved(l, CERTAIN, c->q, c->q_born, F_PROJ, B_COLLECT);
    else if (!c->views_qk)
        passing(l, CERTAIN, c->q, c->q_born, F_PROJ);
    saved(l, CERTAIN, c->q + c->k + c->v, F_ATTENTION, F_CONTEXT, B_COLLECT);
    passing(l, LIKELY, 2 * c->q + 2 * c->k, F_ATTENTION, F_ATTENTION);
    if (keeps_both_outputs(s))
        saved(l, LIKELY, c->out, F_CONTEXT, F_CONTEXT, B_COLLECT);
    else
        passing(l, CERTAIN, c->out, F_CONTEXT, F_CONTEXT);
    passing(l, LIKELY, 2 * c->out, F_CONTEXT, F_CONTEXT);
    if (keeps_both_outputs(s)) {
        linear_original(v, c->out, F_CONTEXT, F_PROJ, B_PROJ);
    } else {
        saved(l, CERTAIN, c->out, F_CONTEXT, F_PROJ, B_COLLECT);
        projection_input(v, c);
    }
    saved(l, CERTAIN, log_sum_bytes(v, c), F_CONTEXT, F_CONTEXT, B_COLLECT);
    passing(l, LIKELY, 2 * c->out, B_CONTEXT, B_CONTEXT);
    passing(l, CERTAIN, c->out, B_CONTEXT, B_COLLECT);
    passing(l, LIKELY, attention_scratch(v, c, s->tokens, s->tokens), B_ATTENTION, B_ATTENTION);
    passing(l, CERTAIN, c->q + c->k + c->v, B_ATTENTION, B_COLLECT);
    passing(l, LIKELY, 2 * c->q + 2 * c->k + c->v, B_COLLECT, B_COLLECT);
    passing(l, CERTAIN, c->q, B_COLLECT, gradients_to);
    passing(l, CERTAIN, c->k, B_ROPE, gradients_to);
    passing(l, CERTAIN, c->v, B_ROPE, c->view_v ? B_SPLIT : gradients_to);
}

/* Up to TE 2.14 the outputs of both halves of q were kept. */
static bool keeps_halves(const struct shape *s)
{
    return *s->te && version_compare(s->te, "2.15") < 0;
}

/* All-gather: k and v of all ranks are gathered in forward and again in backward; attention runs
 * over two halves of q, on context parallel rank 0 the second against the whole sequence. With more
 * than one sequence FlashAttention gets copies of the parts, and the gradients of k and v are
 * copied back while its last arguments are still referred to. */
static void gather_tensors(const struct layer_view *v, const struct core_attention *c,
                           int gradients_to)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t whole = (c->k + c->v) * s->cp;

    passing(l, CERTAIN, c->mixed, F_QKV, F_PROJ);
    saved(l, CERTAIN, c->q, c->q_born, F_PROJ, B_COLLECT);
    saved(l, CERTAIN, c->k, F_ROPE, F_PROJ, B_COLLECT);
    saved(l, CERTAIN, c->v, c->view_v ? F_ATTENTION : F_ROPE, F_CONTEXT, B_COLLECT);
    passing(l, CERTAIN, whole, F_ATTENTION, F_CONTEXT);
    passing(l, LIKELY, whole, F_ATTENTION, F_ATTENTION);
    if (keeps_halves(s)) { /* the joined output is no more than the projection's input */
        saved(l, CERTAIN, c->out, F_ATTENTION, F_CONTEXT, B_COLLECT);
        saved(l, CERTAIN, log_sum_bytes(v, c), F_CONTEXT, F_CONTEXT, B_COLLECT);
        linear_original(v, c->out, F_CONTEXT, F_PROJ, B_PROJ);
    } else {
        output_tensors(v, c);
        passing(l, LIKELY, c->out, F_CONTEXT, F_CONTEXT);
    }
    passing(l, CERTAIN, c->q, B_ATTENTION, gradients_to);
    passing(l, CERTAIN, whole, B_ATTENTION, B_COLLECT); /* k and v again */
    passing(l, CERTAIN, whole, B_ATTENTION, B_COLLECT); /* their gradients, summed up */
    passing(l, LIKELY, c->q + (c->k + c->v) / 2 + whole, B_ATTENTION, B_COLLECT); /* of halves */
    passing(l, LIKELY, attention_scratch(v, c, s->tokens / 2, s->tokens * s->cp), B_ATTENTION,
            B_ATTENTION);
    passing(l, LIKELY, whole / 2, B_COLLECT, B_COLLECT);
    if (turned(v)) {
        passing(l, LIKELY, whole + c->k + c->v, F_ATTENTION, F_CONTEXT);
        passing(l, LIKELY, whole + c->q / 2 + c->out, B_ATTENTION, B_COLLECT);
        passing(l, LIKELY, whole, B_COLLECT, B_COLLECT);
    }
    passing(l, CERTAIN, c->k, B_ROPE, gradients_to);
    passing(l, CERTAIN, c->v, B_ROPE, c->view_v ? B_SPLIT : gradients_to);
}

void context_parallel_tensors(const struct layer_view *v, const struct core_attention *c,
                              int gradients_to)
{
    const char *how = communication(v);

    if (strcmp(how, "all_gather") == 0)
        gather_tensors(v, c, gradients_to);
    else if (strcmp(how, "p2p") == 0)
        ring_tensors(v, c, gradients_to);
    else
        exchange_tensors(v, c, gradients_to);
    passing(v->lifetimes, CERTAIN, c->out, B_DROPOUT, B_COLLECT); /* the output's gradient */
}
