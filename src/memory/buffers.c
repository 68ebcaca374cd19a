#include "memory/buffers.h"

#include <string.h>

/* "Good" alignment of every parameter, and of bucket ends besides the number of shards. */
enum { PARAMETER_ALIGNMENT = 64, BUCKET_ALIGNMENT = 128, NCCL_ALIGNMENT = 65536 };

static uint64_t round_up(uint64_t value, uint64_t divisor)
{
    return (value + divisor - 1) / divisor * divisor;
}

uint64_t allocated_bytes(const struct shape *shape, uint64_t bytes)
{
    const uint64_t MIB = 1u << 20;
    uint64_t segment = round_up(bytes, 2 * MIB);

    if (bytes >= 10 * MIB && segment - bytes <= MIB && !shape->expandable_segments)
        return segment;
    return round_up(bytes, 512);
}

uint64_t tensor_sum_bytes(const struct tensor_sum *sum, uint64_t element_bytes)
{
    return sum->bytes[element_bytes == 4 ? 2 : element_bytes == 2 ? 1 : 0];
}

static void sum_tensor(const struct shape *shape, struct tensor_sum *sum, uint64_t elements)
{
    if (!elements)
        return;
    sum->tensors++;
    sum->elements += elements;
    for (int i = 0; i < 3; i++)
        sum->bytes[i] += allocated_bytes(shape, elements << i);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    return b ? gcd(b, a % b) : a;
}

static uint64_t lcm(uint64_t a, uint64_t b)
{
    return a / gcd(a, b) * b;
}

/* One buffer while its parameters are laid out, last parameter of the model first. */
struct layout_cursor {
    const struct shape *shape;
    struct ddp_buffer *buffer;
    uint64_t bucket_limit; /* elements that close a bucket, 0: one bucket */
    uint64_t divisor;
    uint64_t at, bucket_start;
    struct placed {
        uint64_t start, elements;
    } * placed; /* of the open bucket */
    size_t count, capacity;
    struct arena *arena;
};

/* Pads the end of the open bucket and takes the slices of its first shard. */
static void close_bucket(struct layout_cursor *cursor)
{
    uint64_t end = round_up(cursor->at, cursor->divisor);
    uint64_t shard_end =
        cursor->bucket_start + (end - cursor->bucket_start) / cursor->buffer->shards;

    for (size_t i = 0; i < cursor->count && cursor->placed[i].start < shard_end; i++) {
        uint64_t left = shard_end - cursor->placed[i].start;

        sum_tensor(cursor->shape, &cursor->buffer->local,
                   cursor->placed[i].elements < left ? cursor->placed[i].elements : left);
    }
    cursor->at = cursor->bucket_start = end;
    cursor->count = 0;
}

static void place_parameter(struct layout_cursor *cursor, uint64_t elements, bool own_bucket)
{
    cursor->at = round_up(cursor->at, PARAMETER_ALIGNMENT);
    if (own_bucket && cursor->count)
        close_bucket(cursor);
    cursor->placed = arena_grow(cursor->arena, cursor->placed, &cursor->capacity, cursor->count + 1,
                                sizeof(*cursor->placed));
    cursor->placed[cursor->count++] = (struct placed) { cursor->at, elements };
    cursor->at += elements;
    if (own_bucket ||
        (cursor->bucket_limit && cursor->at - cursor->bucket_start >= cursor->bucket_limit))
        close_bucket(cursor);
}

/* Buckets exist only where gradients are reduced while backward runs: with overlap_grad_reduce, on
 * the first chunk of the first pipeline rank (distributed_data_parallel.py). */
static uint64_t bucket_limit(const struct job *job, const struct shape *shape,
                             const struct chunk *chunk, uint64_t chunk_elements)
{
    uint64_t ranks = shape->dp * shape->cp;

    if (job->overlap_grad_reduce != 1 || chunk->pp_rank > 0 || chunk->vp > 0 ||
        job->overlap_param_gather_with_optimizer_step == 1)
        return 0;
    if (job->ddp_num_buckets > 0)
        return chunk_elements * shape->vpp / (uint64_t)job->ddp_num_buckets;
    if (job->ddp_bucket_size > 0)
        return (uint64_t)job->ddp_bucket_size;
    return ranks > 40 ? 1000000 * ranks : 40000000;
}

static int buffer_of(const struct shape *shape, const struct weight *weight)
{
    bool quantized = weight->quantized && shape->quantized_weights;

    return (weight->expert ? BUFFER_EXPERT : BUFFER_DENSE) +
           (quantized ? BUFFER_DENSE_QUANTIZED : 0);
}

static void lay_out(const struct job *job, const struct shape *shape, const struct chunk *chunk,
                    const struct weights *weights, int which, struct arena *arena,
                    struct ddp_buffer *buffer)
{
    struct layout_cursor cursor = { .shape = shape, .buffer = buffer, .arena = arena };
    uint64_t chunk_elements = 0;

    for (size_t i = 0; i < weights->count; i++)
        chunk_elements += weight_total(&weights->weight[i]);
    cursor.bucket_limit = bucket_limit(job, shape, chunk, chunk_elements);
    cursor.divisor = lcm(buffer->shards, BUCKET_ALIGNMENT);
    if (job->ddp_pad_buckets_for_high_nccl_busbw == 1)
        cursor.divisor = lcm(cursor.divisor, NCCL_ALIGNMENT);
    for (size_t i = weights->count; i-- > 0;) {
        const struct weight *weight = &weights->weight[i];

        for (uint64_t c = 0; c < weight->copies && buffer_of(shape, weight) == which; c++)
            place_parameter(&cursor, weight_elements(weight), weight->shared_embedding);
    }
    if (cursor.count)
        close_bucket(&cursor);
    buffer->elements = cursor.at;
}

void ddp_buffers_of(const struct job *job, const struct shape *shape, const struct chunk *chunk,
                    const struct weights *weights, struct arena *arena,
                    struct ddp_buffer buffers[BUFFER_COUNT])
{
    bool sharded = job->use_distributed_optimizer == 1;

    memset(buffers, 0, BUFFER_COUNT * sizeof(*buffers));
    for (size_t i = 0; i < weights->count; i++) {
        const struct weight *weight = &weights->weight[i];

        for (uint64_t c = 0; c < weight->copies; c++)
            sum_tensor(shape, &buffers[buffer_of(shape, weight)].whole, weight_elements(weight));
    }
    for (int b = 0; b < BUFFER_COUNT; b++) {
        struct ddp_buffer *buffer = &buffers[b];

        buffer->expert = b == BUFFER_EXPERT || b == BUFFER_EXPERT_QUANTIZED;
        buffer->quantized = b >= BUFFER_DENSE_QUANTIZED;
        buffer->shards = buffer->expert ? shape->expert_shards : shape->dense_shards;
        if (sharded) {
            lay_out(job, shape, chunk, weights, b, arena, buffer);
            continue;
        }
        buffer->elements = buffer->whole.elements;
        buffer->local = buffer->whole;
    }
}
