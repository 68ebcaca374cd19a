#include <string.h>

#include "memory/ends.h"
#include "memory/layer.h"

enum { F_INPUT_, F_NORM, F_LOGITS, F_LOSS,
       B_LOSS, B_OUTPUT, B_NORM_, B_INPUT };

static const char *const steps[] = {
    "final norm", "final norm", "output layer", "loss",
    "loss", "output layer", "final norm", "final norm", NULL,
};

static bool is(const char *value, const char *word)
{
    return value && strcmp(value, word) == 0;
}

/* Bytes a logit of each implementation, besides what it reads:
 *   unfused   a float copy that becomes softmax, then gradient, in place
 *             (megatron/core/tensor_parallel/cross_entropy.py)
 *   native    the same, and compiled: subtraction and exponent are not in place
 *             (megatron/core/fusions/fused_cross_entropy.py)
 *   te        the gradient overwrites the logits; from 2.18 on in a float buffer
 *             (transformer_engine/pytorch/cross_entropy.py) */
struct cross_entropy cross_entropy_of(const struct job *job, const struct shape *shape)
{
    uint64_t e = shape->param_bytes;
    bool fused = job->cross_entropy_loss_fusion == 1;
    bool te = fused && is(job->cross_entropy_fusion_impl, "te");

    if (te && shape->te && *shape->te && version_compare(shape->te, "2.18") >= 0)
        return (struct cross_entropy){ .logits = e, .forward = 4, .saved = 4, .backward = e,
                                       .certainty = LIKELY };
    if (te)
        return (struct cross_entropy){ .logits = e, .logits_kept = true };
    if (is(job->logit_dtype, "fp32") || e == 4)
        return (struct cross_entropy){ .logits = 4, .logits_kept = true, .backward = e,
                                       .forward = fused ? 4 : 0, .certainty = LIKELY };
    return (struct cross_entropy){ .logits = e, .forward = fused ? 8 : 4, .saved = 4, .backward = e,
                                   .certainty = LIKELY };
}

static void norm_tensors(struct lifetimes *l, const struct job *job, const struct shape *s,
                         int last_use)
{
    uint64_t part = hidden_sharded_bytes(s);

    saved(l, CERTAIN, residual_bytes(job, s), F_INPUT_, F_NORM, B_NORM_);
    saved(l, CERTAIN, part, F_NORM, last_use, last_use == F_NORM ? B_NORM_ : B_OUTPUT);
    saved(l, CERTAIN, 4 * s->tokens_sharded * s->norm_vectors, F_NORM, F_NORM, B_NORM_);
    passing(l, CERTAIN, part, B_NORM_, B_INPUT);
}

static void loss_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    const struct cross_entropy ce = cross_entropy_of(job, s);
    uint64_t logits = s->tokens * s->padded_vocab_size / s->tp;
    uint64_t rows = s->tokens;

    if (ce.logits_kept)
        saved_logits(l, CERTAIN, ce.logits * logits, F_LOGITS, F_LOSS, B_OUTPUT);
    else
        passing_logits(l, CERTAIN, ce.logits * logits, F_LOGITS, F_LOSS);
    if (ce.saved)
        saved_logits(l, CERTAIN, ce.saved * logits, F_LOSS, F_LOSS, B_LOSS);
    passing_logits(l, ce.certainty, (ce.forward - ce.saved) * logits, F_LOSS, F_LOSS);
    passing_logits(l, CERTAIN, ce.backward * logits, B_LOSS, B_OUTPUT);
    /* Labels, loss mask, masked targets and their mask, the losses. */
    saved(l, CERTAIN, (8 + 4 + 8 + 1 + 4) * rows, F_LOGITS, F_LOSS, B_LOSS);
}

/* The output layer is Megatron's own linear: its gradient is made whole, then reduce-scattered
 * (megatron/core/tensor_parallel/layers.py). */
static void output_tensors(struct lifetimes *l, const struct job *job, const struct shape *s)
{
    passing(l, CERTAIN, hidden_bytes(s), B_OUTPUT, s->sequence_parallel ? B_OUTPUT : B_NORM_);
    if (s->sequence_parallel)
        passing(l, CERTAIN, hidden_sharded_bytes(s), B_OUTPUT, B_NORM_);
    passing(l, CERTAIN,
            weight_gradient_bytes(job, s, s->padded_vocab_size / s->tp * s->hidden_size), B_OUTPUT,
            B_OUTPUT);
}

void head_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                  const struct chunk *chunk, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, B_LOSS, premise->trust);
    if (chunk->final_norm)
        norm_tensors(&l, job, shape, F_LOGITS);
    loss_tensors(&l, job, shape);
    output_tensors(&l, job, shape);
    lifetimes_profile(&l, profile);
}

void final_norm_profile(const struct job *job, const struct shape *shape,
                        const struct premise *premise, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, B_LOSS, premise->trust);
    norm_tensors(&l, job, shape, F_NORM);
    passing(&l, CERTAIN, hidden_sharded_bytes(shape), B_NORM_, B_NORM_);
    lifetimes_profile(&l, profile);
}
