#include <string.h>

#include "memory/layer.h"

/* A mixture of experts (megatron/core/transformer/moe): router, dispatch of tokens to the ranks of
 * their experts, experts, and the way back. */

enum dispatcher { DISPATCH_ALLGATHER, DISPATCH_ALLTOALL, DISPATCH_FLEX };

struct moe {
    enum dispatcher dispatcher;
    bool many_local; /* more than one expert here: tokens are sorted by expert */
    bool exchanged;  /* between ranks of an expert parallel group */
    bool gathered;   /* between expert tensor ranks */
    bool fused;      /* permutation kernels of TE */
    uint64_t routed; /* copies of tokens this rank sends, rows */
    uint64_t rows;   /* rows its experts work on; sent and worked: their bytes */
    uint64_t sent, worked;
    uint64_t received; /* before they are gathered over expert tensor ranks */
    uint64_t everyone; /* bytes of the tokens of the whole group (all-gather) */
    uint64_t fc1, act; /* bytes of the experts' inner tensors */
};

static enum dispatcher dispatcher_of(const struct job *job)
{
    const char *type = job->moe_token_dispatcher_type;

    if (type && strcmp(type, "alltoall") == 0)
        return DISPATCH_ALLTOALL;
    if (type && (strcmp(type, "flex") == 0))
        return DISPATCH_FLEX;
    return DISPATCH_ALLGATHER;
}

/* Rows that come of 'rows' routed ones when experts have a capacity: padded to it or cut at it. */
static double capacity(const struct layer_view *v)
{
    double factor = v->job->moe_expert_capacity_factor;

    if (is_none_float(factor) || factor < 0)
        return v->premise->imbalance;
    if (v->job->moe_pad_expert_input_to_capacity == 1)
        return factor;
    return factor < v->premise->imbalance ? factor : v->premise->imbalance;
}

static struct moe moe_of(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    uint64_t routed = (uint64_t)((double)(s->tokens_sharded * s->moe_router_topk) * capacity(v));
    uint64_t rows = routed * s->etp;
    uint64_t row = s->param_bytes * s->expert_hidden;
    uint64_t inner = s->param_bytes * rows * s->moe_ffn_hidden_size / s->etp;

    return (struct moe) {
        .dispatcher = dispatcher_of(v->job),
        .many_local = s->local_experts > 1,
        .exchanged = s->ep > 1,
        .gathered = s->etp > 1,
        .fused = v->job->moe_permute_fusion == 1,
        .routed = routed,
        .rows = rows,
        .sent = row * routed,
        .received = row * routed,
        .worked = row * rows,
        .everyone = row * s->tokens_sharded * s->ep * s->etp,
        .fc1 = s->gates * inner,
        .act = inner,
    };
}

/* Logits, scores, probabilities and the routing map; un-fused and fused kernels keep different ones
 * (router.py, moe_utils.py; read from a run of both). */
static void router_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t all = s->tokens_sharded * s->num_experts;
    uint64_t chosen = s->tokens_sharded * s->moe_router_topk;
    bool fused = v->job->moe_router_fusion == 1;
    uint64_t scores = v->job->moe_router_load_balancing_type.count > 0 ? 4 * all : 0;

    saved(l, LIKELY, fused ? 9 * all : 4 * all + 20 * chosen, F_ROUTER, F_UNPERMUTE, B_ROUTER);
    saved(l, POSSIBLE, scores, F_ROUTER, F_ROUTER, B_ROUTER); /* of auxiliary losses */
    saved(l, LIKELY, m->fused ? 4 * (2 * all + s->tokens_sharded) : 8 * all + 8 * chosen, F_PERMUTE,
          F_UNPERMUTE, B_PERMUTE);
    /* The input's gradient from the router and from the experts, and their sum. */
    passing(l, CERTAIN, hidden_sharded_bytes(s), B_ROUTER, B_ROUTER);
    passing(l, CERTAIN, hidden_sharded_bytes(s), B_ROUTER, B_NORM2);
}

/* Before the experts: permuted tokens, what arrives, gathered over expert tensor ranks, sorted by
 * expert. The dispatcher's locals hold on to the first two until the layer is done; the last is the
 * experts' input and kept for their backward. */
static void dispatch_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    int last = m->many_local  ? F_SORT
               : m->gathered  ? F_GATHER
               : m->exchanged ? F_DISPATCH
                              : F_PERMUTE;

    if (last != F_PERMUTE)
        passing(l, CERTAIN, m->sent, F_PERMUTE, F_UNPERMUTE);
    if (m->exchanged && last != F_DISPATCH)
        passing(l, CERTAIN, m->received, F_DISPATCH, F_UNPERMUTE);
    if (m->gathered && last != F_GATHER)
        passing(l, CERTAIN, m->worked, F_GATHER, F_SORT);
    linear_input(v, m->worked, last, F_FC1, last == F_SORT ? F_UNSORT : F_UNPERMUTE, B_FC1);

    if (m->many_local)
        passing(l, CERTAIN, m->worked, B_SORT,
                m->gathered    ? B_GATHER
                : m->exchanged ? B_DISPATCH
                               : B_PERMUTE);
    if (m->gathered)
        passing(l, CERTAIN, m->received, B_GATHER, m->exchanged ? B_DISPATCH : B_PERMUTE);
    if (m->exchanged)
        passing(l, CERTAIN, m->sent, B_DISPATCH, B_PERMUTE);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_PERMUTE, B_ROUTER);
    if (!m->fused)
        passing(l, CERTAIN, hidden_sharded_bytes(v->shape), B_PERMUTE, B_PERMUTE);
}

/* Deterministic algorithms add tokens up with index_add_, whose backward wants them. */
static void kept_for_unpermute(const struct layer_view *v, const struct moe *m, uint64_t tokens)
{
    if (v->job->deterministic_mode == 1 && !m->fused)
        saved(v->lifetimes, LIKELY, tokens, F_UNPERMUTE, F_UNPERMUTE, B_UNPERMUTE);
}

/* After the experts, the same way back. */
static void combine_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    int to = m->exchanged ? F_COMBINE : F_UNPERMUTE;

    passing(l, CERTAIN, m->worked, F_FC2, m->gathered ? F_REDUCE : m->many_local ? F_UNSORT : to);
    if (m->many_local)
        passing(l, CERTAIN, m->worked, F_UNSORT, m->gathered ? F_REDUCE : to);
    if (m->gathered)
        passing(l, CERTAIN, m->received, F_REDUCE, to);
    if (m->exchanged)
        passing(l, CERTAIN, m->sent, F_COMBINE, F_UNPERMUTE);
    passing(l, CERTAIN, hidden_sharded_bytes(v->shape), F_UNPERMUTE, F_ADD2);
    kept_for_unpermute(v, m, m->sent);

    passing(l, CERTAIN, m->sent, B_UNPERMUTE,
            m->exchanged    ? B_COMBINE
            : m->gathered   ? B_REDUCE
            : m->many_local ? B_UNSORT
                            : B_FC2);
    if (m->exchanged)
        passing(l, CERTAIN, m->received, B_COMBINE,
                m->gathered     ? B_REDUCE
                : m->many_local ? B_UNSORT
                                : B_FC2);
    if (m->gathered)
        passing(l, CERTAIN, m->worked, B_REDUCE, m->many_local ? B_UNSORT : B_FC2);
    if (m->many_local)
        passing(l, CERTAIN, m->worked, B_UNSORT, B_FC2);
}

/* The all-gather dispatcher: every rank of the group sees all tokens (in a buffer that stays) and
 * picks those of its experts; the way back is a reduce-scatter of the whole group's tokens. */
static void allgather_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    uint64_t part = hidden_sharded_bytes(v->shape);
    bool group = m->exchanged || m->gathered;

    linear_input(v, m->worked, F_PERMUTE, F_FC1, F_UNPERMUTE, B_FC1);
    passing(l, CERTAIN, m->worked, F_FC2, F_UNPERMUTE);
    if (group)
        passing(l, CERTAIN, m->everyone, F_UNPERMUTE, F_UNPERMUTE);
    passing(l, CERTAIN, part, F_UNPERMUTE, F_ADD2);
    kept_for_unpermute(v, m, m->worked);

    if (group)
        passing(l, CERTAIN, m->everyone, B_UNPERMUTE, B_UNPERMUTE);
    passing(l, CERTAIN, m->worked, B_UNPERMUTE, B_FC2);
    if (group)
        passing(l, CERTAIN, m->everyone * (m->fused ? 1 : 2), B_PERMUTE, B_PERMUTE);
    else
        passing(l, CERTAIN, m->fused ? 0 : part, B_PERMUTE, B_PERMUTE);
    passing(l, CERTAIN, part, group ? B_ROUTER : B_PERMUTE, B_ROUTER);
}

/* Is the activation one kernel with the probabilities? Else the activation's output is kept before
 * they are multiplied in, and what a gated one makes on the way (mlp.py, experts.py). */
static bool activation_fused(const struct layer_view *v)
{
    return v->job->bias_activation_fusion == 1 && v->shape->gated_linear_unit &&
           v->shape->activation != ACTIVATION_GELU;
}

/* Tokens that a rank receives once, however many of its experts want them: each of K choices misses
 * the rank's experts with probability 1 - local / all. */
static uint64_t received_once(const struct layer_view *v)
{
    const struct shape *s = v->shape;
    double miss = 1.0;

    for (uint64_t k = 0; k < s->moe_router_topk; k++)
        miss *= 1.0 - (double)s->local_experts / (double)s->num_experts;
    return (uint64_t)((double)(s->tokens_sharded * s->ep * s->etp) * (1.0 - miss)) *
           s->param_bytes * s->expert_hidden;
}

/* The flex dispatcher: a library moves tokens through buffers of its own (fused_a2a.py). DeepEP
 * hands them over as received, each once, and Megatron permutes them; HybridEP hands them over
 * permuted. */
static void flex_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    const char *backend = v->job->moe_flex_dispatcher_backend;
    bool permutes = !backend || strcmp(backend, "deepep") == 0;
    uint64_t once = permutes ? received_once(v) : 0;
    uint64_t part = hidden_sharded_bytes(v->shape);

    passing(l, LIKELY, once, F_DISPATCH, F_UNPERMUTE);
    saved(l, permutes ? CERTAIN : LIKELY, m->worked, F_SORT, F_FC1, B_FC1);
    passing(l, CERTAIN, m->worked, F_FC2, F_COMBINE);
    passing(l, LIKELY, once, F_UNSORT, F_COMBINE);
    passing(l, CERTAIN, part, F_UNPERMUTE, F_ADD2);

    passing(l, LIKELY, once, B_COMBINE, B_UNSORT);
    passing(l, CERTAIN, m->worked, B_UNSORT, B_FC2);
    passing(l, LIKELY, once, B_SORT, B_DISPATCH);
    passing(l, CERTAIN, part, B_PERMUTE, B_ROUTER);
}

/* fc1, activation and fc2 of all local experts at once, or one after the other: then only one
 * expert's gradients live at a time and the outputs are joined in a copy (experts.py). */
static void expert_tensors(const struct layer_view *v, const struct moe *m)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    bool grouped = s->moe_grouped_gemm;
    uint64_t once = grouped ? 1 : s->local_experts;
    uint64_t fc2_weight = s->expert_hidden * s->moe_ffn_hidden_size / s->etp;
    uint64_t weights = grouped ? s->local_experts : 1;

    saved(l, CERTAIN, m->fc1, F_FC1, F_ACT, B_ACT);
    saved(l, CERTAIN, 4 * m->rows, F_SORT, F_ACT, B_ACT); /* probabilities */
    if (recomputes(v->job, "moe_act")) {
        passing(l, CERTAIN, m->act, F_ACT, F_FC2);
        passing(l, CERTAIN, m->act / once, B_FC2, B_ACT);
    } else {
        linear_input(v, m->act, F_ACT, F_FC2, F_FC2, B_FC2);
    }
    quantized_gradient(v, m->worked, B_FC2);
    quantized_gradient(v, m->fc1, B_FC1);
    if (!activation_fused(v)) {
        saved(l, LIKELY, m->act, F_ACT, F_ACT, B_ACT);
        if (s->gated_linear_unit)
            saved(l, LIKELY, (s->release >= RELEASE_0_15_0 ? 2 : 1) * m->act, F_ACT, F_ACT, B_ACT);
        if (v->job->moe_router_dtype)
            passing(l, LIKELY, 4 * m->rows * s->moe_ffn_hidden_size / s->etp, F_ACT, F_ACT);
    }
    if (grouped && s->bias) { /* added expert by expert into a copy */
        if (recomputes(v->job, "moe_act"))
            passing(l, LIKELY, m->fc1, F_ACT, F_ACT);
        else
            saved(l, LIKELY, m->fc1, F_ACT, F_ACT, B_ACT);
        passing(l, LIKELY, m->worked, F_FC2, F_FC2);
    }
    if (!grouped)
        passing(l, CERTAIN, m->worked, F_FC2, F_FC2);
    passing(l, CERTAIN, m->act / once, B_FC2, B_ACT);
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, weights * fc2_weight), B_FC2, B_FC2);
    passing(l, CERTAIN, m->fc1 / once, B_ACT, B_FC1);
    passing(l, CERTAIN, m->worked, B_FC1,
            m->dispatcher == DISPATCH_ALLGATHER ? B_PERMUTE
            : m->many_local                     ? B_SORT
            : m->gathered                       ? B_GATHER
            : m->exchanged                      ? B_DISPATCH
                                                : B_PERMUTE);
    passing(l, CERTAIN, weight_gradient_bytes(v->job, s, weights * s->gates * fc2_weight), B_FC1,
            B_FC1);
}

/* Experts that see every token (shared_experts.py); their output waits for the routed ones'. */
static void shared_expert_tensors(const struct layer_view *v)
{
    struct lifetimes *l = v->lifetimes;
    const struct shape *s = v->shape;
    uint64_t gathered = gathered_bytes(s);
    uint64_t act = s->param_bytes * s->tokens * s->moe_shared_expert_intermediate_size / s->tp;

    if (!act)
        return;
    if (gathered && v->job->moe_shared_expert_overlap == 1) {
        /* gathered outside of the GEMM, which keeps it whole */
        linear_original(v, gathered, F_SHARED_FC1, F_SHARED_FC1, B_SHARED_FC1);
    } else {
        passing(l, CERTAIN, gathered, F_SHARED_FC1, F_SHARED_FC1);
        linear_copy(v, hidden_sharded_bytes(s), F_SHARED_FC1, B_SHARED_FC1);
    }
    saved(l, CERTAIN, s->gates * act, F_SHARED_FC1, F_SHARED_ACT, B_SHARED_ACT);
    linear_input(v, act, F_SHARED_ACT, F_SHARED_FC2, F_SHARED_FC2, B_SHARED_FC2);
    passing(l, CERTAIN, gathered, F_SHARED_FC2, F_SHARED_FC2);
    if (v->job->overlap_moe_expert_parallel_comm ==
        1) /* handed on between the parts of the layer */
        saved(l, LIKELY, hidden_sharded_bytes(s), F_SHARED_FC2, F_UNPERMUTE, B_SHARED_AGAIN);
    else
        passing(l, CERTAIN, hidden_sharded_bytes(s), F_SHARED_FC2, F_UNPERMUTE);
    passing(l, CERTAIN, hidden_sharded_bytes(s), F_UNPERMUTE, F_UNPERMUTE); /* the sum */
    passing(l, CERTAIN, gathered, B_SHARED_FC2, B_SHARED_FC2);
    passing(l, CERTAIN, act, B_SHARED_FC2, B_SHARED_ACT);
    passing(l, CERTAIN, s->gates * act, B_SHARED_ACT, B_SHARED_FC1);
    passing(l, CERTAIN, gathered, B_SHARED_FC1, B_SHARED_FC1);
    passing(l, CERTAIN, hidden_bytes(s), B_SHARED_FC1, B_SHARED_FC1);
    passing(l, CERTAIN, hidden_sharded_bytes(s), B_SHARED_FC1, B_SHARED_FC1);
}

void moe_tensors(const struct layer_view *v)
{
    const struct moe m = moe_of(v);

    router_tensors(v, &m);
    if (m.dispatcher == DISPATCH_ALLGATHER) {
        allgather_tensors(v, &m);
    } else if (m.dispatcher == DISPATCH_FLEX) {
        flex_tensors(v, &m);
    } else {
        dispatch_tensors(v, &m);
        combine_tensors(v, &m);
    }
    expert_tensors(v, &m);
    shared_expert_tensors(v);
}
