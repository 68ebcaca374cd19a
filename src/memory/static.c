#include "memory/static.h"

#include <string.h>

#include "memory/static_rank.h"

void static_add(struct static_rank *rank, const char *name, const char *what, uint64_t bytes,
                enum static_when when, enum certainty certainty)
{
    struct static_memory *memory = rank->memory;
    int room = (int)(sizeof(memory->term) / sizeof(memory->term[0]));

    if (!bytes || memory->term_count == room)
        return;
    memory->term[memory->term_count++] = (struct static_term) {
        .name = name, .what = what, .bytes = bytes, .when = when, .certainty = certainty
    };
}

bool te_at_least(const struct shape *shape, const char *version)
{
    return *shape->te && version_compare(shape->te, version) >= 0;
}

static bool sharded(const struct static_rank *rank)
{
    return rank->job->use_distributed_optimizer == 1;
}

/* Bytes of an element of the parameter buffer: 1 for quantized weights, which for MXFP8 lie outside
 * of it and are gathered through the gradient buffer. */
static uint64_t element_bytes(const struct static_rank *rank, const struct ddp_buffer *buffer)
{
    if (!buffer->quantized)
        return rank->shape->param_bytes;
    return rank->shape->low_precision == FP8_MX ? 0 : 1;
}

/* Weights: the distributed optimizer keeps those of a buffer in one padded tensor, otherwise each
 * is a tensor of its own (param_and_grad_buffer.py). Bytes of params_dtype. */
static uint64_t weights_bytes(const struct static_rank *rank, const struct ddp_buffer *buffer)
{
    uint64_t bytes = element_bytes(rank, buffer);

    if (!bytes)
        return 0;
    if (sharded(rank))
        return allocated_bytes(rank->shape, buffer->elements * bytes);
    return tensor_sum_bytes(&buffer->whole, bytes);
}

/* Sixteenths of a byte an element that quantized weights take outside the parameter buffer, once
 * they have been used. TE keeps them by rows for forward and by columns for backward; tensor-scaled
 * ones by columns only where the GPU cannot multiply the transpose, before Blackwell. MXFP8 has a
 * scale byte for 32 elements, NVFP4 half bytes and one for 16 (TE pytorch/tensor). */
static uint64_t low_precision_sixteenths(const struct shape *shape)
{
    uint64_t rows_in_buffer = shape->quantized_weights && shape->low_precision != FP8_MX ? 16 : 0;
    bool transpose = shape->gpu_arch < 100;

    switch (shape->low_precision) {
    case PRECISION_FULL:
        break;
    case FP8_TENSOR:
        return (transpose ? 32 : 16) - rows_in_buffer;
    case FP8_BLOCKWISE:
        return 32 - rows_in_buffer;
    case FP8_MX:
        return 33;
    case FP4_NV:
        return 18;
    }
    return 0;
}

/* What the model's constructor allocates for the weights of a buffer, quantized ones in all their
 * forms. */
static uint64_t built_bytes(const struct static_rank *rank, const struct ddp_buffer *buffer)
{
    if (!buffer->quantized)
        return tensor_sum_bytes(&buffer->whole, rank->shape->param_bytes);
    return buffer->whole.elements / 16 *
           (low_precision_sixteenths(rank->shape) + 16 * element_bytes(rank, buffer));
}

/* What is freed of it when DDP has moved the weights to its buffer. */
static uint64_t moved_bytes(const struct static_rank *rank, const struct ddp_buffer *buffer)
{
    uint64_t bytes = element_bytes(rank, buffer);

    return bytes ? tensor_sum_bytes(&buffer->whole, bytes) : 0;
}

/* Gradients, of the gradient dtype, never sharded (param_and_grad_buffer.py). */
static uint64_t gradients_bytes(const struct static_rank *rank, const struct ddp_buffer *buffer)
{
    return allocated_bytes(rank->shape, buffer->elements * rank->shape->grad_bytes);
}

/* Highest point of wrapping the model in buffers, one after the other: all chunks are built before;
 * with the distributed optimizer a tensor is freed when it has been copied to its buffer
 * (training/training.py get_model, distributed_data_parallel.py). */
static uint64_t init_peak(const struct static_rank *rank)
{
    uint64_t now = 0, peak = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++)
        for (int b = 0; b < BUFFER_COUNT; b++)
            now += built_bytes(rank, &rank->chunk[v].buffer[b]);
    for (int64_t v = 0; v < rank->chunk_count; v++) {
        for (int b = 0; b < BUFFER_COUNT; b++) {
            const struct ddp_buffer *buffer = &rank->chunk[v].buffer[b];

            now += gradients_bytes(rank, buffer);
            if (sharded(rank))
                now += weights_bytes(rank, buffer);
            if (now > peak)
                peak = now;
            if (sharded(rank))
                now -= moved_bytes(rank, buffer);
        }
    }
    return peak;
}

/* Cached for all micro-batches (module/linear.py, is_first_microbatch). */
static uint64_t low_precision_bytes(const struct static_rank *rank)
{
    uint64_t elements = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++) {
        const struct weights *weights = &rank->chunk[v].weights;

        for (size_t i = 0; i < weights->count; i++)
            if (weights->weight[i].quantized)
                elements += weight_total(&weights->weight[i]);
    }
    return elements / 16 * low_precision_sixteenths(rank->shape);
}

static void add_buffer_terms(struct static_rank *rank)
{
    uint64_t weights = 0, gradients = 0;

    for (int64_t v = 0; v < rank->chunk_count; v++) {
        for (int b = 0; b < BUFFER_COUNT; b++) {
            weights += weights_bytes(rank, &rank->chunk[v].buffer[b]);
            gradients += gradients_bytes(rank, &rank->chunk[v].buffer[b]);
        }
    }
    static_add(rank, "weights", "parameters", weights, WHEN_ALWAYS, CERTAIN);
    static_add(rank, "weights", "low-precision copies", low_precision_bytes(rank), WHEN_ALWAYS,
               LIKELY);
    static_add(rank, "gradients", "gradient buffers", gradients, WHEN_ALWAYS, CERTAIN);
}

/* Ways of sharding whose buffers are laid out differently. */
static const char *not_modelled(const struct job *job, const struct shape *shape)
{
    if (job->use_megatron_fsdp == 1 || job->use_custom_fsdp == 1)
        return "Megatron-FSDP";
    if (job->use_torch_fsdp2 == 1)
        return "torch FSDP2";
    if (shape->gtp > 1 || shape->egtp > 1)
        return "weight shards beyond tensor parallelism";
    return NULL;
}

void static_memory_of(const struct job *job, const struct shape *shape,
                      const struct premise *premise, const struct placement *placement,
                      int64_t pp_rank, struct arena *arena, struct static_memory *memory)
{
    struct static_rank rank = { .job = job,
                                .shape = shape,
                                .premise = premise,
                                .arena = arena,
                                .chunk_count = placement->vpp,
                                .memory = memory };

    memset(memory, 0, sizeof(*memory));
    memory->missing = not_modelled(job, shape);
    rank.chunk = arena_alloc(arena, (size_t)placement->vpp * sizeof(*rank.chunk));
    for (int64_t v = 0; v < placement->vpp; v++) {
        struct static_chunk *chunk = &rank.chunk[v];

        chunk->chunk = placement_chunk(placement, pp_rank, v);
        chunk->weights.arena = arena;
        weights_of_chunk(shape, chunk->chunk, &chunk->weights);
        ddp_buffers_of(job, shape, chunk->chunk, &chunk->weights, arena, chunk->buffer);
    }
    add_buffer_terms(&rank);
    add_optimizer_terms(&rank);
    add_workspace_terms(&rank);
    add_retained_terms(&rank);
    memory->init_peak_bytes = init_peak(&rank);
    memory->step_peak_bytes = static_sum(memory, WHEN_STEP, LIKELY);
}

uint64_t static_sum(const struct static_memory *memory, enum static_when when,
                    enum certainty certainty)
{
    uint64_t sum = 0;

    for (int i = 0; i < memory->term_count; i++) {
        const struct static_term *term = &memory->term[i];
        bool there = when == WHEN_OUTSIDE ? term->when == WHEN_OUTSIDE : term->when <= when;

        if (there && term->certainty <= certainty)
            sum += term->bytes;
    }
    return sum;
}
