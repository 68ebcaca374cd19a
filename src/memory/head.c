#include <string.h>

#include "memory/ends.h"
#include "memory/layer.h"

enum {
    HF_INPUT,
    HF_NORM,
    HF_EXTRA_LOGITS,
    HF_EXTRA_LOSS,
    HF_LOGITS,
    HF_LOSS,
    HB_LOSS,
    HB_OUTPUT,
    HB_EXTRA_LOSS,
    HB_EXTRA_OUTPUT,
    HB_NORM,
    HB_INPUT
};

static const char *const steps[] = {
    "final norm",
    "final norm",
    "output layer (MTP)",
    "loss (MTP)",
    "output layer",
    "loss",
    "loss",
    "output layer",
    "loss (MTP)",
    "output layer (MTP)",
    "final norm",
    "final norm",
    NULL,
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
        return (struct cross_entropy) {
            .logits = e, .forward = 4, .saved = 4, .backward = e, .certainty = LIKELY
        };
    if (te)
        return (struct cross_entropy) { .logits = e, .logits_kept = true };
    if (is(job->logit_dtype, "fp32") || e == 4)
        return (struct cross_entropy) { .logits = 4,
                                        .logits_kept = true,
                                        /* narrowed for a linear of 16 bits, else used as it is */
                                        .backward = e == 4 ? 0 : e,
                                        .forward = fused ? 4 : 0,
                                        .certainty = LIKELY };
    return (struct cross_entropy) {
        .logits = e, .forward = fused ? 8 : 4, .saved = 4, .backward = e, .certainty = LIKELY
    };
}

static void norm_tensors(struct lifetimes *l, const struct job *job, const struct shape *s,
                         int last_use)
{
    uint64_t part = hidden_sharded_bytes(s);

    if (residual_bytes(job, s) == part) {
        saved(l, CERTAIN, part, HF_INPUT, HF_NORM, HB_NORM);
    } else { /* a float residual stream is narrowed for the norm */
        passing(l, CERTAIN, residual_bytes(job, s), HF_INPUT, HF_NORM);
        saved(l, CERTAIN, part, HF_NORM, HF_NORM, HB_NORM);
        passing(l, CERTAIN, residual_bytes(job, s), HB_INPUT, HB_INPUT);
    }
    if (last_use == HF_NORM) /* the next piece keeps it */
        passing(l, CERTAIN, part, HF_NORM, HF_NORM);
    else
        saved(l, CERTAIN, part, HF_NORM, last_use, HB_OUTPUT);
    saved(l, CERTAIN, 4 * s->tokens_sharded * s->norm_vectors, HF_NORM, HF_NORM, HB_NORM);
    passing(l, CERTAIN, part, HB_NORM, HB_INPUT);
}

/* One loss; 'depths' of them one after the other in multi-token prediction. */
static void loss_tensors(struct lifetimes *l, const struct job *job, const struct shape *s,
                         int logits, int loss, int gradient, int output, uint64_t depths)
{
    const struct cross_entropy ce = cross_entropy_of(job, s);
    uint64_t count = s->tokens * s->padded_vocab_size / s->tp;

    if (ce.logits_kept)
        saved_logits(l, CERTAIN, depths * ce.logits * count, logits, loss, output);
    else
        passing_logits(l, CERTAIN, ce.logits * count, logits, loss);
    if (ce.saved)
        saved_logits(l, CERTAIN, depths * ce.saved * count, loss, loss, gradient);
    passing_logits(l, ce.certainty, (ce.forward - ce.saved) * count, loss, loss);
    passing_logits(l, CERTAIN, ce.backward * count, gradient, output);
    /* Labels, loss mask, masked targets and their mask, the losses. */
    saved(l, CERTAIN, depths * (8 + 4 + 8 + 1 + 4) * s->tokens, logits, loss, gradient);
}

/* The output layer is Megatron's own linear: its gradient is made whole, then reduce-scattered
 * (megatron/core/tensor_parallel/layers.py). */
static void output_tensors(struct lifetimes *l, const struct job *job, const struct shape *s,
                           int step, int to)
{
    passing(l, CERTAIN, hidden_bytes(s), step, s->sequence_parallel ? step : to);
    if (s->sequence_parallel)
        passing(l, CERTAIN, hidden_sharded_bytes(s), step, to);
    passing(l, CERTAIN,
            weight_gradient_bytes(job, s, s->padded_vocab_size / s->tp * s->hidden_size), step,
            step);
}

/* Multi-token prediction: the hidden states of all depths in one tensor, a loss for each, and a
 * gradient of the shared output weight that is summed up outside of the GEMM. */
static void extra_tensors(struct lifetimes *l, const struct job *job, const struct shape *s,
                          uint64_t depths)
{
    uint64_t all = hidden_sharded_bytes(s) * (depths + 1);

    saved(l, CERTAIN, all, HF_NORM, HF_LOSS, HB_EXTRA_OUTPUT);
    loss_tensors(l, job, s, HF_EXTRA_LOGITS, HF_EXTRA_LOSS, HB_EXTRA_LOSS, HB_EXTRA_OUTPUT, depths);
    output_tensors(l, job, s, HB_EXTRA_OUTPUT, HB_INPUT);
    passing(l, LIKELY, s->param_bytes * s->padded_vocab_size / s->tp * s->hidden_size, HB_NORM,
            HB_NORM);
    passing(l, LIKELY, all, HB_INPUT, HB_INPUT);
}

void head_profile(const struct job *job, const struct shape *shape, const struct premise *premise,
                  const struct chunk *chunk, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, HB_LOSS, premise);
    if (shape->mtp_num_layers)
        extra_tensors(&l, job, shape, shape->mtp_num_layers);
    else if (chunk->final_norm)
        norm_tensors(&l, job, shape, HF_LOGITS);
    loss_tensors(&l, job, shape, HF_LOGITS, HF_LOSS, HB_LOSS, HB_OUTPUT, 1);
    output_tensors(&l, job, shape, HB_OUTPUT, HB_NORM);
    lifetimes_profile(&l, profile);
}

void final_norm_profile(const struct job *job, const struct shape *shape,
                        const struct premise *premise, struct profile *profile)
{
    struct lifetimes l;

    lifetimes_init(&l, steps, HB_LOSS, premise);
    norm_tensors(&l, job, shape, HF_NORM);
    passing(&l, CERTAIN, hidden_sharded_bytes(shape), HB_NORM, HB_NORM);
    lifetimes_profile(&l, profile);
}
