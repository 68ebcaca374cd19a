/* Parameter tensors as one tensor-parallel rank holds them, in the order in which Megatron
 * registers them. Counts are elements. Every module is one function that cites where Megatron makes
 * it. */
#ifndef MEMORY_WEIGHTS_H
#define MEMORY_WEIGHTS_H

#include "memory/placement.h"

enum parameter_part { PART_EMBEDDING, PART_DECODER, PART_MTP, PART_FINAL_NORM, PART_OUTPUT };

/* Which code multiplies with the tensor: it decides what its weight gradient leaves behind. */
enum gemm { GEMM_NONE, GEMM_TE, GEMM_TE_GROUPED, GEMM_MEGATRON };

/* Equal tensors of one module. */
struct weight {
    const char *name; /* "linear_qkv.weight" */
    enum parameter_part part;
    uint64_t rows, columns; /* of this rank's shard; columns 0: a vector */
    uint64_t copies;        /* equal tensors, for example the local experts of a layer */
    uint64_t shards; /* different shards that make the whole: 1 replicated, tp, etp x ep; 0: a copy
                        of a parameter that another stage counts */
    bool expert;     /* Megatron marks it allreduce == False */
    bool shared_embedding; /* tied copies: the distributed optimizer gives them a bucket of their
                              own */
    enum gemm gemm;
    bool quantized; /* multiplied in 8 or 4 bits */
};

struct weights {
    struct arena *arena;
    bool quantize; /* tensors of TE's linears that are added now are quantized */
    struct weight *weight;
    size_t count;
    size_t capacity;
};

/* Elements of one of its tensors, and of all copies. */
uint64_t weight_elements(const struct weight *weight);
uint64_t weight_total(const struct weight *weight);

void weights_add(struct weights *weights, struct weight weight);

/* A norm over 'width' channels: one vector (RMSNorm) or two (LayerNorm). */
void weights_of_norm(const struct shape *shape, const char *name, uint64_t width,
                     enum parameter_part part, struct weights *weights);

/* The mixer with its input norm; the feed-forward part with its own. */
void weights_of_mixer(const struct shape *shape, struct layer layer, enum parameter_part part,
                      struct weights *weights);
void weights_of_feed_forward(const struct shape *shape, enum feed_forward feed_forward,
                             enum parameter_part part, struct weights *weights);

void weights_of_layer(const struct shape *shape, struct layer layer, enum parameter_part part,
                      struct weights *weights);

/* Everything a model chunk holds. */
void weights_of_chunk(const struct shape *shape, const struct chunk *chunk,
                      struct weights *weights);

#endif
