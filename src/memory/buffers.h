/* The contiguous buffers that Megatron's DDP wraps a model chunk in, and the part of them whose
 * optimizer state one data-parallel rank keeps (core/distributed/param_and_grad_buffer.py, since
 * 0.18 also core/optimizer/param_layout.py). Elements; the distributed optimizer pads, plain DDP
 * does not. */
#ifndef MEMORY_BUFFERS_H
#define MEMORY_BUFFERS_H

#include "memory/weights.h"

/* What torch's caching allocator takes for a tensor (c10/cuda/CUDACachingAllocator.cpp): multiples
 * of 512 bytes; from 10 MiB on a segment of its own, of multiples of 2 MiB, whose rest stays with
 * the tensor unless it is more than 1 MiB. With expandable segments the rest is always cut off. */
uint64_t allocated_bytes(const struct shape *shape, uint64_t bytes);

/* Tensors of several sizes, allocated one by one in elements of 1, 2 or 4 bytes. */
struct tensor_sum {
    uint64_t tensors;
    uint64_t elements;
    uint64_t bytes[3]; /* allocated for elements of 1, 2, 4 bytes */
};

uint64_t tensor_sum_bytes(const struct tensor_sum *sum, uint64_t element_bytes);

struct ddp_buffer {
    bool expert, quantized;
    uint64_t elements; /* of the whole buffer, padding included */
    uint64_t shards;   /* data-parallel ranks that share the optimizer state, 1 without dist-opt */
    struct tensor_sum whole; /* its parameters as tensors of their own */
    struct tensor_sum local; /* what data-parallel rank 0 optimizes */
};

/* Quantized weights have buffers of their own where they exist in the low precision alone. */
enum { BUFFER_DENSE, BUFFER_EXPERT, BUFFER_DENSE_QUANTIZED, BUFFER_EXPERT_QUANTIZED, BUFFER_COUNT };

/* The buffers of one chunk; one that holds nothing has 0 elements. */
void ddp_buffers_of(const struct job *job, const struct shape *shape, const struct chunk *chunk,
                    const struct weights *weights, struct arena *arena,
                    struct ddp_buffer buffers[BUFFER_COUNT]);

#endif
