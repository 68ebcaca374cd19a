/* What stands before and behind the layers of a chunk: the embedding, and the final norm with
 * output layer and loss. */
#ifndef MEMORY_ENDS_H
#define MEMORY_ENDS_H

#include "memory/lifetimes.h"
#include "memory/placement.h"
#include "memory/premise.h"

void embedding_profile(const struct job *job, const struct shape *shape,
                       const struct premise *premise, struct profile *profile);

/* Final norm (where the chunk has it), output layer and loss (where it is the last). */
void head_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                  const struct chunk *chunk, struct profile *profile);

/* A final norm by itself: of a chunk without output layer, in front of multi-token prediction,
 * behind one of its layers. */
void final_norm_profile(const struct job *job, const struct shape *shape,
                        const struct premise *premise, struct profile *profile);

/* Embedding, norms and projection in front of the layer of one multi-token prediction depth. */
void multi_token_input_profile(const struct job *job, const struct shape *shape,
                               const struct premise *premise, struct profile *profile);

/* Bytes a logit takes: the output layer's, those the loss needs besides in its forward, those it
 * keeps. */
struct cross_entropy {
    uint64_t logits, forward, saved, backward;
    bool logits_kept;         /* the loss works in the logits' own memory */
    enum certainty certainty; /* of 'forward' */
};

struct cross_entropy cross_entropy_of(const struct job *job, const struct shape *shape);

#endif
