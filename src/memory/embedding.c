#include "memory/ends.h"
#include "memory/layer.h"

enum { F_LOOKUP, F_POSITIONS, F_TRANSPOSE, F_SCATTER, F_DROPOUT,
       B_DROPOUT, B_GATHER, B_POSITIONS, B_MASK, B_WEIGHT };

static const char *const steps[] = {
    "embedding", "position embedding", "embedding", "embedding", "embedding dropout",
    "embedding dropout", "embedding", "position embedding", "embedding", "embedding", NULL,
};

/* Hidden states in their first form: looked up, summed with positions, turned to [s, b, h] (a copy when a
 * micro-batch has several sequences), cut for sequence parallelism, dropped out
 * (megatron/core/models/common/embeddings/language_model_embedding.py). */
static void forward_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    uint64_t whole = hidden_bytes(s), part = hidden_sharded_bytes(s);
    bool dropout = job->hidden_dropout != 0;
    bool turned = s->micro_batch_size > 1;
    uint64_t ids = 8 * s->tokens;

    saved(l, CERTAIN, s->tp > 1 ? ids + s->tokens : ids, F_LOOKUP, F_LOOKUP, B_WEIGHT);
    passing(l, CERTAIN, whole, F_LOOKUP, F_DROPOUT);
    if (s->learned_positions) {
        passing(l, CERTAIN, whole, F_POSITIONS, F_DROPOUT);
        passing(l, CERTAIN, whole, F_POSITIONS, turned ? F_TRANSPOSE : F_SCATTER);
        saved(l, CERTAIN, ids, F_POSITIONS, F_POSITIONS, B_POSITIONS);
    }
    if (turned)
        passing(l, CERTAIN, whole, F_TRANSPOSE, s->sequence_parallel ? F_SCATTER : F_DROPOUT);
    if (s->sequence_parallel)
        passing(l, CERTAIN, part, F_SCATTER, F_DROPOUT);
    if (dropout) {
        passing(l, CERTAIN, part, F_DROPOUT, F_DROPOUT);
        saved(l, CERTAIN, s->tokens_sharded * s->hidden_size, F_DROPOUT, F_DROPOUT, B_DROPOUT);
    }
}

/* The gradient of the whole table is made at once, then added to main_grad (EmbeddingBackward). */
static void backward_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    uint64_t whole = hidden_bytes(s), part = hidden_sharded_bytes(s);
    uint64_t table = s->param_bytes * s->padded_vocab_size / s->tp * s->hidden_size;
    bool dropout = job->hidden_dropout != 0;
    int last_part = s->sequence_parallel ? B_GATHER : s->tp > 1 ? B_MASK : B_WEIGHT;

    passing(l, CERTAIN, residual_bytes(job, s), B_DROPOUT, dropout ? B_DROPOUT : last_part);
    if (dropout)
        passing(l, CERTAIN, part, B_DROPOUT, last_part);
    if (s->sequence_parallel)
        passing(l, CERTAIN, whole, B_GATHER, s->tp > 1 ? B_MASK : B_WEIGHT);
    if (s->learned_positions)
        passing(l, CERTAIN, s->param_bytes * s->max_position_embeddings * s->hidden_size,
                B_POSITIONS, B_POSITIONS);
    if (s->tp > 1) /* rows of other ranks' tokens are set to zero in a copy */
        passing(l, CERTAIN, whole, B_MASK, B_WEIGHT);
    passing(l, CERTAIN, table, B_WEIGHT, B_WEIGHT);
}

void embedding_profile(const struct job *job, const struct shape *shape,
                       const struct premise *premise, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, B_DROPOUT, premise->trust);
    forward_tensors(&l, job, shape);
    backward_tensors(&l, job, shape);
    lifetimes_profile(&l, profile);
}
