/* The parameter tensors of a chunk as one tensor-parallel rank holds them, in the order in which Megatron
 * builds them. Counts are elements. Each group of tensors is one named function that cites where Megatron
 * makes them. */
#ifndef MEMORY_PARAMETERS_H
#define MEMORY_PARAMETERS_H

#include "memory/placement.h"

enum parameter_part { PART_EMBEDDING, PART_DECODER, PART_MTP, PART_FINAL_NORM, PART_OUTPUT };

/* Equal tensors of one module. */
struct weight {
    const char *name;       /* "self_attention.linear_qkv.weight" */
    enum parameter_part part;
    uint64_t rows, columns; /* of this rank's shard; columns 0: a vector */
    uint64_t copies;        /* equal tensors, for example the local experts of a layer */
    uint64_t shards;        /* different shards that make the whole: 1 replicated, tp, etp ep; 0: a copy of
                               a parameter that another stage counts */
    bool expert;            /* Megatron marks it allreduce == False */
    bool linear;            /* input of a GEMM of the library (TE, or Megatron's own linear) */
    bool fp32;              /* stays fp32 whatever params_dtype says */
    bool shared_embedding;  /* tied copies; the optimizer gives them a bucket of their own */
};

struct weights {
    size_t count;
    size_t capacity;
    struct weight *weight;
    struct arena *arena;
};

/* Elements of one of its tensors, and of all copies. */
uint64_t weight_elements(const struct weight *weight);
uint64_t weight_total(const struct weight *weight);

/* Appends the tensors of one decoder layer, of a whole chunk. */
void weights_of_layer(const struct shape *shape, struct layer layer, enum parameter_part part,
                      struct weights *weights);
void weights_of_chunk(const struct shape *shape, const struct chunk *chunk, struct weights *weights);

struct parameters {
    uint64_t total;     /* one tensor-parallel rank, this chunk or rank, experts included */
    uint64_t expert;    /* of these: allreduce == False */
    uint64_t embedding; /* word embedding and position embedding */
    uint64_t output;
    uint64_t mtp;       /* inside MTP blocks, the shared embedding and head not */
};

void parameters_of_weights(const struct weights *weights, struct parameters *parameters);

/* All chunks of a pipeline rank. */
void parameters_of_rank(const struct shape *shape, const struct placement *placement, int64_t pp_rank,
                        struct arena *arena, struct parameters *parameters);

/* Of the whole model, each parameter once. */
uint64_t parameters_of_model(const struct shape *shape, const struct placement *placement,
                             struct arena *arena);

#endif
