#include "memory/ends.h"
#include "memory/layer.h"

enum {
    EF_LOOKUP,
    EF_POSITIONS,
    EF_TRANSPOSE,
    EF_SCATTER,
    EF_DROPOUT,
    EB_DROPOUT,
    EB_GATHER,
    EB_POSITIONS,
    EB_MASK,
    EB_WEIGHT
};

static const char *const steps[] = {
    "embedding",         "position embedding", "embedding", "embedding",
    "embedding dropout", "embedding dropout",  "embedding", "position embedding",
    "embedding",         "embedding",          NULL,
};

/* Hidden states in their first form: looked up, summed with positions, turned to [s, b, h] (a copy
 * when a micro-batch has several sequences), cut for sequence parallelism, dropped out
 * (megatron/core/models/common/embeddings/language_model_embedding.py). */
static void forward_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    uint64_t whole = hidden_bytes(s), part = hidden_sharded_bytes(s);
    bool dropout = job->hidden_dropout != 0;
    bool turned = s->micro_batch_size > 1;
    uint64_t ids = 8 * s->tokens;

    saved(l, CERTAIN, s->tp > 1 ? ids + s->tokens : ids, EF_LOOKUP, EF_LOOKUP, EB_WEIGHT);
    passing(l, CERTAIN, whole, EF_LOOKUP, EF_DROPOUT);
    if (s->learned_positions) {
        passing(l, CERTAIN, whole, EF_POSITIONS, EF_DROPOUT);
        passing(l, CERTAIN, whole, EF_POSITIONS, turned ? EF_TRANSPOSE : EF_SCATTER);
        saved(l, CERTAIN, ids, EF_POSITIONS, EF_POSITIONS, EB_POSITIONS);
    }
    if (turned)
        passing(l, CERTAIN, whole, EF_TRANSPOSE, s->sequence_parallel ? EF_SCATTER : EF_DROPOUT);
    if (s->sequence_parallel)
        passing(l, CERTAIN, part, EF_SCATTER, EF_DROPOUT);
    if (dropout) {
        passing(l, CERTAIN, part, EF_DROPOUT, EF_DROPOUT);
        saved(l, CERTAIN, s->tokens_sharded * s->hidden_size, EF_DROPOUT, EF_DROPOUT, EB_DROPOUT);
    }
}

/* The gradient of the whole table is made at once, then added to main_grad (EmbeddingBackward). */
static void backward_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    uint64_t whole = hidden_bytes(s), part = hidden_sharded_bytes(s);
    uint64_t table = s->param_bytes * s->padded_vocab_size / s->tp * s->hidden_size;
    bool dropout = job->hidden_dropout != 0;
    int last_part = s->sequence_parallel ? EB_GATHER : s->tp > 1 ? EB_MASK : EB_WEIGHT;

    passing(l, CERTAIN, residual_bytes(job, s), EB_DROPOUT, dropout ? EB_DROPOUT : last_part);
    if (dropout)
        passing(l, CERTAIN, part, EB_DROPOUT, last_part);
    if (s->sequence_parallel)
        passing(l, CERTAIN, whole, EB_GATHER, s->tp > 1 ? EB_MASK : EB_WEIGHT);
    if (s->learned_positions)
        passing(l, CERTAIN, s->param_bytes * s->max_position_embeddings * s->hidden_size,
                EB_POSITIONS, EB_POSITIONS);
    if (s->tp > 1) /* rows of other ranks' tokens are set to zero in a copy */
        passing(l, CERTAIN, whole, EB_MASK, EB_WEIGHT);
    passing(l, CERTAIN, table, EB_WEIGHT, EB_WEIGHT);
}

void embedding_profile(const struct job *job, const struct shape *shape,
                       const struct premise *premise, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, EB_DROPOUT, premise);
    forward_tensors(&l, job, shape);
    backward_tensors(&l, job, shape);
    lifetimes_profile(&l, profile);
}
