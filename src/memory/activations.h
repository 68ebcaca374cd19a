/* What one micro-batch costs a model chunk: bytes saved between its forward and its backward, and
 * the highest points of both, from the profiles of the chunk's pieces (layers.h, ends.h),
 * recomputed as the job says (megatron/core/transformer/transformer_block.py, core/recompute.py).
 */
#ifndef MEMORY_ACTIVATIONS_H
#define MEMORY_ACTIVATIONS_H

#include "base/arena.h"
#include "memory/lifetimes.h"
#include "memory/placement.h"
#include "memory/premise.h"

enum piece_kind { PIECE_EMBEDDING, PIECE_LAYER, PIECE_MTP, PIECE_FINAL_NORM, PIECE_HEAD };

struct peak_place {
    enum piece_kind piece;
    int64_t layer; /* number of the layer in the whole model, or of the MTP depth */
    const char *step;
    bool recomputing; /* inside the second forward of a recomputed group */
};

struct chunk_crest {
    struct held held; /* above what lived before the chunk's forward, all it has saved included */
    int64_t below;    /* of it: what other pieces of the chunk have saved */
    struct peak_place place;
};

struct chunk_activations {
    struct held saved;
    struct held head; /* of it: by what comes behind the layers */
    struct chunk_crest forward, backward;
};

/* Profiles of a job's kinds of pieces under one premise, made when first asked for. */
struct profiles {
    const struct job *job;
    const struct shape *shape;
    const struct premise *premise;
    bool made[2][5][3]; /* low precision, mixer, feed forward */
    struct profile layer[2][5][3];
};

void profiles_init(struct profiles *profiles, const struct job *job, const struct shape *shape,
                   const struct premise *premise);

/* Full recomputation: 'uniform' remembers the input of every N layers, 'block' that of each of the
 * first N layers of a chunk. Neighbours of the same number are recomputed together, from 1 on; 0:
 * the layer at this index of its chunk is not recomputed. */
int64_t recompute_group(const struct job *job, int64_t index);

/* Since 0.14 'uniform' recomputes each depth of multi-token prediction by itself, 'block' none of
 * them (transformer/multi_token_prediction.py). */
bool recomputes_multi_token(const struct job *job, const struct shape *shape);

void chunk_activations_of(struct profiles *profiles, const struct chunk *chunk, struct arena *arena,
                          struct chunk_activations *out);

#endif
