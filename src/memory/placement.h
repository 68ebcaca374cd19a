/* What each model chunk holds: (pipeline rank, virtual stage) -> decoder layers, MTP layers,
 * embedding, final norm, output layer (constraints: megatron/core/transformer/transformer_block.py
 * get_num_layers_to_build, transformer_layer.py get_transformer_layer_offset,
 * pipeline_parallel_layer_layout.py, multi_token_prediction.py, models/gpt/gpt_model.py). */
#ifndef MEMORY_PLACEMENT_H
#define MEMORY_PLACEMENT_H

#include "base/arena.h"
#include "memory/shape.h"

/* A decoder layer is a mixer and a feed-forward part, each with its own norm; a hybrid layer is one
 * of the two. */
enum mixer { MIXER_NONE, MIXER_ATTENTION, MIXER_MLA, MIXER_GDN, MIXER_MAMBA };
enum feed_forward { FEED_FORWARD_NONE, FEED_FORWARD_DENSE, FEED_FORWARD_MOE };

struct layer {
    enum mixer mixer;
    enum feed_forward feed_forward;
    bool indexer; /* MIXER_MLA attends to what an indexer selects (dsa) */
};

struct chunk {
    int pp_rank, vp;     /* virtual stage; the chunk is stage vp * pp + pp_rank of the data's way */
    bool pre_process;    /* turns token ids into hidden states */
    bool post_process;   /* makes logits and loss */
    bool embedding;      /* holds the word (and position) embedding: pre_process or MTP */
    bool embedding_copy; /* its embedding is a copy of the first stage's */
    bool output_weight;  /* allocates a weight for the output layer */
    bool output_copy; /* that weight is a copy of the embedding (tied, not on the embedding's stage)
                       */
    bool final_norm;
    int64_t first_layer; /* 0-based number of its first decoder layer in the whole model */
    int64_t layer_count;
    const struct layer *layer; /* layer_count of them */
    int64_t mtp_depths;        /* MTP depths computed here */
    int64_t mtp_count; /* MTP blocks built here: mtp_depths, or 1 with mtp_use_repeated_layer */
    int64_t mtp_layer_count; /* layers inside one block: 1, or a hybrid pattern's */
    const struct layer *mtp_layer;
};

struct placement {
    int64_t pp, vpp;
    struct chunk *chunk; /* pp * vpp; of rank r and virtual stage v at r * vpp + v */
    int64_t num_layers;
    const struct layer *layer; /* all num_layers decoder layers */
    const char *missing;       /* what of this model is not placed faithfully, or NULL */
};

/* False when the job has no placement (layers that do not divide, a broken layout): '*why' says so.
 */
bool placement_of(const struct job *job, const struct shape *shape, struct arena *arena,
                  struct placement *placement, const char **why);

const struct chunk *placement_chunk(const struct placement *placement, int64_t pp_rank, int64_t vp);

#endif
