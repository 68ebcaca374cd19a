#include <string.h>

#include "megatron/layer_pattern.h"
#include "memory/static_rank.h"

static bool is(const char *value, const char *want)
{
    return value && strcmp(value, want) == 0;
}

static bool has_feed_forward(const struct chunk *chunk, enum feed_forward kind)
{
    for (int64_t i = 0; i < chunk->layer_count; i++)
        if (chunk->layer[i].feed_forward == kind)
            return true;
    for (int64_t i = 0; i < chunk->mtp_layer_count; i++)
        if (chunk->mtp_layer[i].feed_forward == kind)
            return true;
    return false;
}

static bool has_softmax_attention(const struct chunk *chunk)
{
    for (int64_t i = 0; i < chunk->layer_count; i++)
        if (chunk->layer[i].mixer == MIXER_ATTENTION || chunk->layer[i].mixer == MIXER_MLA)
            return true;
    return chunk->mtp_layer_count > 0;
}

static bool any_chunk(const struct static_rank *rank, bool (*has)(const struct chunk *))
{
    for (int64_t v = 0; v < rank->chunk_count; v++)
        if (has(rank->chunk[v].chunk))
            return true;
    return false;
}

static bool has_experts(const struct chunk *chunk)
{
    return has_feed_forward(chunk, FEED_FORWARD_MOE);
}

static bool has_logits(const struct chunk *chunk)
{
    return chunk->post_process;
}

static bool has_layers(const struct chunk *chunk)
{
    return chunk->layer_count || chunk->mtp_layer_count;
}

/* --- dummy weight gradients ------------------------------------------------------------------ */

/* Does backward of this weight hand a dummy gradient to autograd after adding the real one to
 * main_grad? TE's linears since 2.2.1, its grouped linear since 2.10 (module/base.py
 * get_dummy_wgrad); Megatron's own since 0.14, through TE's function (tensor_parallel/layers.py).
 */
static bool leaves_dummy(const struct shape *shape, const struct weight *weight)
{
    switch (weight->gemm) {
    case GEMM_NONE:
        break;
    case GEMM_TE:
        return te_at_least(shape, "2.2.1");
    case GEMM_TE_GROUPED:
        return te_at_least(shape, "2.10");
    case GEMM_MEGATRON:
        return shape->release >= RELEASE_0_14_0 && te_at_least(shape, "2.2.1");
    }
    return false;
}

static bool same_shape_before(const struct static_rank *rank, int64_t chunk, size_t index)
{
    const struct weight *want = &rank->chunk[chunk].weights.weight[index];

    for (int64_t v = 0; v <= chunk; v++) {
        const struct weights *weights = &rank->chunk[v].weights;
        size_t count = v == chunk ? index : weights->count;

        for (size_t i = 0; i < count; i++) {
            const struct weight *weight = &weights->weight[i];

            if (weight->rows == want->rows && weight->columns == want->columns &&
                leaves_dummy(rank->shape, weight))
                return true;
        }
    }
    return false;
}

/* One buffer of params_dtype for each distinct shape, kept for the life of the process: rows x
 * columns x bytes. */
static uint64_t dummy_wgrad_bytes(const struct static_rank *rank)
{
    uint64_t bytes = 0;

    if (rank->job->gradient_accumulation_fusion != 1)
        return 0;
    for (int64_t v = 0; v < rank->chunk_count; v++) {
        const struct weights *weights = &rank->chunk[v].weights;

        for (size_t i = 0; i < weights->count; i++) {
            const struct weight *weight = &weights->weight[i];

            if (leaves_dummy(rank->shape, weight) && !same_shape_before(rank, v, i))
                bytes += allocated_bytes(rank->shape,
                                         weight_elements(weight) * rank->shape->param_bytes);
        }
    }
    return bytes;
}

/* --- library workspaces ---------------------------------------------------------------------- */

/* Does the router multiply through TE? Its wrapper wants a function that TE dropped in 2.10, until
 * 0.17 (extensions/transformer_engine.py te_general_gemm, transformer/moe/moe_utils.py). */
static bool router_through_te(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;

    if (shape->release < RELEASE_0_13_0 || !*shape->te || is(rank->job->moe_router_dtype, "fp64"))
        return false;
    return shape->release >= RELEASE_0_17_0 || !te_at_least(shape, "2.10");
}

/* torch allocates a cuBLAS workspace for each thread that multiplies: the main thread in forward,
 * autograd's in backward. Nothing on a stage whose matrices all go through TE. */
static bool uses_cublas(const struct static_rank *rank)
{
    bool unfused = rank->premise->attention == ATTENTION_UNFUSED ||
                   rank->premise->attention == ATTENTION_LOCAL;

    if (any_chunk(rank, has_logits))
        return true;
    if (!rank->shape->transformer_engine && any_chunk(rank, has_layers))
        return true;
    if (unfused && any_chunk(rank, has_softmax_attention))
        return true;
    return any_chunk(rank, has_experts) &&
           (!router_through_te(rank) || rank->shape->moe_shared_expert_gate);
}

static uint64_t cublas_workspace_bytes(const struct static_rank *rank)
{
    enum { THREADS = 2 };

    return uses_cublas(rank)
               ? THREADS * allocated_bytes(rank->shape, rank->shape->cublas_workspace_bytes)
               : 0;
}

/* cpp_extensions/gemm.py get_cublas_workspace_size_bytes: 32 MiB from Hopper on, 4 MiB before; 1
 * KiB more since TE 2.8. */
static uint64_t te_workspace_unit(const struct shape *shape)
{
    if (shape->gpu_arch >= 0 && shape->gpu_arch < 90)
        return 4u << 20;
    return (32u << 20) + (te_at_least(shape, "2.8") ? 1024 : 0);
}

static bool overlaps_tp(const struct static_rank *rank)
{
    return rank->job->tp_comm_overlap == 1 && rank->shape->transformer_engine &&
           rank->shape->tp > 1;
}

/* One for all GEMMs of TE, made by the first. Overlapping with tensor-parallel communication takes
 * three more, up to 2.9 three in all (module/base.py initialize_ub). */
static uint64_t te_workspace_bytes(const struct static_rank *rank)
{
    bool used = rank->shape->transformer_engine
                    ? any_chunk(rank, has_layers)
                    : any_chunk(rank, has_experts) && router_through_te(rank);
    uint64_t units = 1;

    if (overlaps_tp(rank))
        units = te_at_least(rank->shape, "2.10") ? 4 : 3;
    return used && *rank->shape->te
               ? allocated_bytes(rank->shape, units * te_workspace_unit(rank->shape))
               : 0;
}

/* One for each of the four streams of grouped GEMM (since TE 1.9). */
static uint64_t te_grouped_workspace_bytes(const struct static_rank *rank)
{
    enum { STREAMS = 4 };
    bool used = rank->shape->te_grouped_gemm && any_chunk(rank, has_experts);

    return used ? STREAMS * allocated_bytes(rank->shape, te_workspace_unit(rank->shape)) : 0;
}

/* --- Megatron's global memory buffer --------------------------------------------------------- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The "mpu" buffer of core/utils.py GlobalMemoryBuffer, grown to the largest use and kept: the
 * sequence gathered for the output layer or a local linear (tensor_parallel/layers.py), the hidden
 * states of the whole expert group (allgather dispatcher), the scores of local attention
 * (dot_product_attention.py). */
static uint64_t global_buffer_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    const char *dispatcher = rank->job->moe_token_dispatcher_type;
    uint64_t row = shape->hidden_size * shape->param_bytes;
    uint64_t bytes = 0;

    if (shape->sequence_parallel && (any_chunk(rank, has_logits) ||
                                     (!shape->transformer_engine && any_chunk(rank, has_layers))))
        bytes = shape->tokens * row;
    if (any_chunk(rank, has_experts) && (!dispatcher || is(dispatcher, "allgather")) &&
        shape->etp * shape->ep > 1)
        bytes = larger(bytes, shape->tokens_sharded * shape->etp * shape->ep * row);
    if (rank->premise->attention == ATTENTION_LOCAL && any_chunk(rank, has_softmax_attention))
        bytes = larger(bytes, shape->micro_batch_size * shape->num_attention_heads / shape->tp *
                                  shape->seq_length * shape->seq_length / shape->cp *
                                  shape->param_bytes);
    return allocated_bytes(shape, bytes);
}

/* --- outside torch --------------------------------------------------------------------------- */

/* What TE registers for overlapping: ten GEMMs of a layer have a buffer of tokens x hidden each
 * (training/initialize.py, module/base.py initialize_ub). */
static uint64_t user_buffer_bytes(const struct static_rank *rank)
{
    enum { GEMMS = 10 };
    const struct shape *shape = rank->shape;

    return overlaps_tp(rank) ? GEMMS * shape->tokens * shape->hidden_size * shape->param_bytes : 0;
}

/* Rings and staging buffers of the groups a rank talks in; the size a group is a rule of thumb. */
static uint64_t communicator_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    const uint64_t group_size[] = { shape->tp,
                                    shape->pp,
                                    shape->cp,
                                    shape->dp * shape->cp,
                                    shape->num_experts ? shape->ep : 1,
                                    shape->expert_buffers ? shape->edp : 1 };
    uint64_t groups = 0;

    for (size_t i = 0; i < sizeof(group_size) / sizeof(group_size[0]); i++)
        groups += group_size[i] > 1;
    return groups * (256u << 20);
}

/* --- rotary embeddings ----------------------------------------------------------------------- */

/* Angles of every position in fp32, cached by the function that makes them: one a model chunk, or
 * one a layer under MLA, whose fused kernel also keeps sine and cosine in the parameter dtype
 * (models/common/embeddings/rotary_pos_embedding.py, yarn_rotary_pos_embedding.py). */
static uint64_t rope_cache_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t positions = shape->seq_length / shape->cp;
    double percent = is_none_float(rank->job->rotary_percent) ? 1 : rank->job->rotary_percent;
    uint64_t angles = positions * (uint64_t)((double)shape->kv_channels * percent) * 4;
    uint64_t bytes = 0;

    if (shape->multi_latent_attention) {
        angles = positions * shape->qk_pos_emb_head_dim * 4;
        if (rank->job->apply_rope_fusion == 1)
            angles += 2 * shape->seq_length * shape->qk_pos_emb_head_dim * shape->param_bytes;
        for (int64_t v = 0; v < rank->chunk_count; v++)
            bytes += allocated_bytes(shape, angles) * (uint64_t)(rank->chunk[v].chunk->layer_count +
                                                                 rank->chunk[v].chunk->mtp_count);
        return bytes;
    }
    return shape->rope ? allocated_bytes(shape, angles) * (uint64_t)rank->chunk_count : 0;
}

/* How sure a term is that depends on the Transformer Engine that is installed. */
static enum certainty by_te(const struct static_rank *rank)
{
    return rank->shape->te_known ? CERTAIN : LIKELY;
}

void add_workspace_terms(struct static_rank *rank)
{
    static_add(rank, "buffers", "dummy weight gradients", dummy_wgrad_bytes(rank), WHEN_ALWAYS,
               by_te(rank));
    static_add(rank, "buffers", "cuBLAS workspaces", cublas_workspace_bytes(rank), WHEN_ALWAYS,
               LIKELY);
    static_add(rank, "buffers", "TE workspace", te_workspace_bytes(rank), WHEN_ALWAYS, by_te(rank));
    static_add(rank, "buffers", "TE grouped workspaces", te_grouped_workspace_bytes(rank),
               WHEN_ALWAYS, by_te(rank));
    static_add(rank, "buffers", "global memory buffer", global_buffer_bytes(rank), WHEN_ALWAYS,
               CERTAIN);
    static_add(rank, "buffers", "rotary embeddings", rope_cache_bytes(rank), WHEN_ALWAYS, LIKELY);
    static_add(rank, "CUDA context", "driver and libraries", 512u << 20, WHEN_OUTSIDE, LIKELY);
    static_add(rank, "communicators", "NCCL", communicator_bytes(rank), WHEN_OUTSIDE, POSSIBLE);
    static_add(rank, "communicators", "user buffers of TE", user_buffer_bytes(rank), WHEN_OUTSIDE,
               POSSIBLE);
}
