/* What one transformer layer holds, step by step. The steps of every kind of layer are one table: a
 * dense layer simply has no tensors in the steps of a router. */
#ifndef MEMORY_LAYER_H
#define MEMORY_LAYER_H

#include "memory/lifetimes.h"
#include "memory/placement.h"
#include "memory/premise.h"

/* In order of execution: F_ forward, B_ backward; _AGAIN is where a recomputed module runs its
 * forward a second time. */
enum layer_step {
    F_INPUT,
    F_NORM1,
    F_QKV,
    F_UP,
    F_KV_UP,
    F_ROPE,
    F_ATTENTION,
    F_SCORES,
    F_SOFTMAX,
    F_DROPOUT,
    F_CONTEXT,
    F_PROJ,
    F_ADD1,
    F_NORM2,
    F_SHARED_FC1,
    F_SHARED_ACT,
    F_SHARED_FC2,
    F_ROUTER,
    F_PERMUTE,
    F_DISPATCH,
    F_GATHER,
    F_SORT,
    F_FC1,
    F_ACT,
    F_FC2,
    F_UNSORT,
    F_REDUCE,
    F_COMBINE,
    F_UNPERMUTE,
    F_ADD2,
    B_ADD2,
    B_FFN_AGAIN,
    B_UNPERMUTE,
    B_COMBINE,
    B_REDUCE,
    B_UNSORT,
    B_FC2,
    B_ACT,
    B_FC1,
    B_SORT,
    B_GATHER,
    B_DISPATCH,
    B_PERMUTE,
    B_ROUTER,
    B_SHARED_AGAIN,
    B_SHARED_FC2,
    B_SHARED_ACT,
    B_SHARED_FC1,
    B_NORM2,
    B_SUM2,
    B_ADD1,
    B_PROJ,
    B_CORE_AGAIN,
    B_CONTEXT,
    B_DROPOUT,
    B_SOFTMAX,
    B_ATTENTION,
    B_COLLECT,
    B_ROPE,
    B_KV_UP,
    B_UP,
    B_SPLIT,
    B_QKV,
    B_NORM1,
    B_SUM1,
    LAYER_STEPS,
    LAYER_FIRST_BACKWARD = B_ADD2
};

extern const char *const layer_step_names[LAYER_STEPS + 1];

/* What a module's formulas read. */
struct layer_view {
    const struct job *job;
    const struct shape *shape;
    const struct premise *premise;
    struct layer layer;
    bool low_precision; /* this layer's GEMMs run in fp8 */
    struct lifetimes *lifetimes;
};

/* The input of a GEMM: of 'bytes' bytes as it comes, born at 'from' and used in forward up to
 * 'last_use', kept for backward up to 'to'. In fp8 a one-byte copy is kept instead, made at step
 * 'gemm', and what comes passes (unless another module keeps it). */
void linear_input(const struct layer_view *v, uint64_t bytes, int from, int gemm, int last_use,
                  int to);

/* An input that another module may keep as it came: Megatron then has the GEMM keep that one too
 * (set_save_original_input). linear_original() where this GEMM is the only one to keep it,
 * linear_copy() for the quantized copy alone where another does. */
void linear_original(const struct layer_view *v, uint64_t bytes, int from, int gemm, int to);
void linear_copy(const struct layer_view *v, uint64_t bytes, int gemm, int to);

/* Quantized copies, by row and by column, that a GEMM's backward makes of so many bytes; 0 in bf16.
 */
void quantized_gradient(const struct layer_view *v, uint64_t bytes, int step);

/* Bytes of the hidden states of one micro-batch in the compute type: this tensor rank's part, and
 * all of the sequence part; the residual stream is wider under fp32_residual_connection. */
uint64_t hidden_sharded_bytes(const struct shape *shape);
uint64_t hidden_bytes(const struct shape *shape);
uint64_t residual_bytes(const struct job *job, const struct shape *shape);

/* Gathered hidden states that sequence parallelism makes for a moment, else 0. */
uint64_t gathered_bytes(const struct shape *shape);

/* The gradient of a weight of that many elements where it is not added to main_grad by the GEMM
 * itself (no --gradient-accumulation-fusion), else 0. */
uint64_t weight_gradient_bytes(const struct job *job, const struct shape *shape, uint64_t elements);

/* What core attention is given, one micro-batch on one rank. Bytes. */
struct core_attention {
    uint64_t heads, groups;     /* of this rank */
    uint64_t width_qk, width_v; /* channels of a head */
    uint64_t q, k, v, out;
    uint64_t mixed;   /* whose views q, k and v are: kept instead of those that are views */
    bool views_qk;    /* q and k are views of mixed */
    bool view_v;      /* v is, until a backend copies it */
    int q_born;       /* step that makes q, where it is no view */
    uint64_t trimmed; /* the output without the columns that pad v to the width of q, 0: no such */
};

/* What is kept of q, k and v, what the backend makes, and dq, dk, dv up to 'gradients_to' (v's to
 * B_SPLIT). */
void core_attention_tensors(const struct layer_view *v, const struct core_attention *c,
                            int gradients_to);

/* Scratch of the backend's backward over that many rows of q and of k (tokens times sequences). */
uint64_t attention_scratch(const struct layer_view *v, const struct core_attention *c,
                           uint64_t q_rows, uint64_t k_rows);

/* What the output projection keeps besides the output that the core keeps. */
void projection_input(const struct layer_view *v, const struct core_attention *c);

/* The same around an attention that is spread over context parallel ranks (context_parallel.c):
 * writes everything but what the projections make. */
void context_parallel_tensors(const struct layer_view *v, const struct core_attention *c,
                              int gradients_to);

void attention_tensors(const struct layer_view *v);        /* attention.c */
void latent_attention_tensors(const struct layer_view *v); /* latent_attention.c */
void mlp_tensors(const struct layer_view *v);              /* mlp.c */
void moe_tensors(const struct layer_view *v);              /* moe.c */

/* Is the norm in front of the attention, of the MLP, a module of its own? (TE fuses it into the
 * GEMM behind it where it can: models/gpt/gpt_layer_specs.py.) */
bool input_norm_separate(const struct layer_view *v);
bool mlp_norm_separate(const struct layer_view *v);

/* Does --recompute-granularity selective name this module? Its default is core_attn. */
bool recomputes(const struct job *job, const char *module);

void layer_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                   struct layer layer, bool low_precision, struct profile *profile);

#endif
