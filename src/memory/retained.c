#include <string.h>

#include "memory/activations.h"
#include "memory/layer.h"
#include "memory/static_rank.h"

static bool is(const char *value, const char *want)
{
    return value && strcmp(value, want) == 0;
}

/* A chunk that receives its input keeps the last one and its gradient: 2 x tokens x hidden x bytes
 * of the pipeline dtype (model.set_input_tensor, schedules.py retain_grad). Overlapped layers count
 * the gradient with their nodes. */
static uint64_t received_input_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t element = rank->job->fp32_residual_connection == 1 ? 4 : shape->param_bytes;
    uint64_t tensors = rank->job->overlap_moe_expert_parallel_comm == 1 ? 1 : 2;
    uint64_t bytes = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++)
        if (!rank->chunk[v].chunk->pre_process)
            bytes += tensors *
                     allocated_bytes(shape, shape->tokens_sharded * shape->hidden_size * element);
    return bytes;
}

static uint64_t expert_layers_of_mtp(const struct chunk *chunk)
{
    uint64_t layers = 0;

    for (int64_t i = 0; i < chunk->mtp_layer_count * chunk->mtp_count; i++)
        layers += chunk->mtp_layer[i % chunk->mtp_layer_count].feed_forward == FEED_FORWARD_MOE;
    return layers;
}

static uint64_t expert_layers(const struct static_rank *rank)
{
    uint64_t layers = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++) {
        const struct chunk *chunk = rank->chunk[v].chunk;

        for (int64_t i = 0; i < chunk->layer_count; i++)
            layers += chunk->layer[i].feed_forward == FEED_FORWARD_MOE;
        layers += expert_layers_of_mtp(chunk);
    }
    return layers;
}

static uint64_t router_bytes(const struct static_rank *rank)
{
    const char *dtype = rank->job->moe_router_dtype;

    return is(dtype, "fp32") ? 4 : is(dtype, "fp64") ? 8 : rank->shape->param_bytes;
}

/* A token dispatcher keeps the last routing as attributes (transformer/moe/token_dispatcher.py):
 * probabilities [tokens, E] of the router dtype, the map of the same shape in bool, and where each
 * token went: row ids of the fused permutation 4 tokens (2 E + 1), or one int64 a permuted token.
 */
static uint64_t routing_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t tokens = shape->tokens_sharded;
    uint64_t each;

    if (!shape->num_experts)
        return 0;
    each = allocated_bytes(shape, tokens * shape->num_experts * router_bytes(rank)) +
           allocated_bytes(shape, tokens * shape->num_experts);
    each += rank->job->moe_permute_fusion == 1
                ? allocated_bytes(shape, 4 * tokens * (2 * shape->num_experts + 1))
                : allocated_bytes(shape, 8 * tokens * shape->moe_router_topk);
    return each * expert_layers(rank);
}

/* Inputs and their gradients of the checkpoints of a chunk that hold expert layers. What a chunk
 * has received is the input of its first one, and counted there. Depths of multi-token prediction
 * take two: hidden states and embeddings. */
static uint64_t checkpoint_tensors(const struct job *job, const struct shape *shape,
                                   const struct chunk *chunk)
{
    uint64_t tensors = 0;
    int64_t last = 0;

    for (int64_t i = 0; i < chunk->layer_count; i++) {
        int64_t group = recompute_group(job, i);

        if (!group || group == last || chunk->layer[i].feed_forward != FEED_FORWARD_MOE)
            continue;
        tensors += group == 1 && !chunk->pre_process ? 1 : 2;
        last = group;
    }
    if (recomputes_multi_token(job, shape))
        tensors += 4 * expert_layers_of_mtp(chunk);
    return tensors;
}

/* Where expert layers are recomputed whole, those probabilities hang on the recomputed graph, and
 * with it the checkpoint's input and its gradient stay: tokens x hidden x bytes each. */
static uint64_t recomputed_input_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t tensors = 0;

    if (recomputes(rank->job, "moe"))
        tensors = 2 * expert_layers(rank);
    for (int64_t v = 0; v < rank->chunk_count; v++)
        tensors += checkpoint_tensors(rank->job, shape, rank->chunk[v].chunk);
    return tensors *
           allocated_bytes(shape, shape->tokens_sharded * shape->hidden_size * shape->param_bytes);
}

/* Overlapping the all-to-alls cuts a layer into nodes whose detached input and its gradient stay
 * until the next iteration: 2 x tokens x hidden x bytes an expert layer
 * (models/gpt/fine_grained_callables.py). */
static uint64_t overlapped_nodes_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;

    if (rank->job->overlap_moe_expert_parallel_comm != 1)
        return 0;
    return 2 *
           allocated_bytes(shape, shape->tokens_sharded * shape->hidden_size * shape->param_bytes) *
           expert_layers(rank);
}

/* tokens, labels and positions in int64, the loss mask in fp32, the attention mask [b, 1, s, s] in
 * bool. */
static uint64_t batch_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t tokens = shape->seq_length * shape->micro_batch_size;
    uint64_t bytes = 3 * allocated_bytes(shape, 8 * tokens) + allocated_bytes(shape, 4 * tokens);

    if (rank->job->create_attention_mask_in_dataloader != 0)
        bytes += allocated_bytes(shape, tokens * shape->seq_length);
    return bytes;
}

/* 0.18.2 alone: pretrain_gpt.py get_batch moves a batch to the GPU inside the very dictionary that
 * the rerun state machine keeps for a replay, so that the batches of a whole iteration stay on
 * tensor-parallel rank 0 of the stages that read data (rerun_state_machine.py). 0.19 keeps a copy.
 * Estimates speak of the last tensor-parallel rank, so with several this is no more than possible.
 */
static uint64_t replay_batches_bytes(const struct static_rank *rank)
{
    const struct shape *shape = rank->shape;
    uint64_t bytes = 0;

    if (shape->release != RELEASE_0_18_2 || is(rank->job->rerun_mode, "disabled"))
        return 0;
    for (int64_t v = 0; v < rank->chunk_count; v++)
        if (rank->chunk[v].chunk->pre_process || rank->chunk[v].chunk->post_process)
            bytes += shape->num_microbatches * batch_bytes(rank);
    return bytes;
}

void add_retained_terms(struct static_rank *rank)
{
    static_add(rank, "buffers", "received inputs", received_input_bytes(rank), WHEN_AT_REST,
               CERTAIN);
    static_add(rank, "buffers", "last routing", routing_bytes(rank), WHEN_AT_REST, LIKELY);
    static_add(rank, "buffers", "inputs of recomputed experts", recomputed_input_bytes(rank),
               WHEN_AT_REST, LIKELY);
    static_add(rank, "buffers", "nodes of overlapped layers", overlapped_nodes_bytes(rank),
               WHEN_AT_REST, LIKELY);
    static_add(rank, "buffers", "batches kept for replay", replay_batches_bytes(rank), WHEN_ALWAYS,
               rank->shape->tp > 1 ? POSSIBLE : LIKELY);
}
