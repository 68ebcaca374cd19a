#include "memory/ends.h"
#include "memory/layer.h"

/* What stands around the transformer layer of a multi-token prediction depth
 * (megatron/core/transformer/multi_token_prediction.py): the next tokens' embeddings and the hidden
 * states before it, both normed, side by side into one GEMM. */

enum { MF_INPUT, MF_EMBEDDING, MF_NORMS, MF_JOIN, MF_PROJECT, MB_PROJECT, MB_NORMS, MB_EMBEDDING };

static const char *const steps[] = {
    "input", "embedding", "norms", "joined input", "input projection", "input projection",
    "norms", "embedding", NULL,
};

void multi_token_input_profile(const struct job *job, const struct shape *shape,
                               const struct premise *premise, struct profile *profile)
{
    struct lifetimes l;
    uint64_t part = hidden_sharded_bytes(shape), whole = hidden_bytes(shape);
    uint64_t statistics = 4 * shape->tokens_sharded * shape->norm_vectors;
    uint64_t table = shape->param_bytes * shape->padded_vocab_size / shape->tp * shape->hidden_size;

    lifetimes_init(&l, steps, MB_PROJECT, premise);
    saved(&l, CERTAIN, part, MF_INPUT, MF_NORMS, MB_NORMS);
    saved(&l, CERTAIN, part, MF_EMBEDDING, MF_NORMS, MB_NORMS);
    saved(&l, CERTAIN, 2 * statistics + 8 * shape->tokens, MF_EMBEDDING, MF_NORMS, MB_NORMS);
    passing(&l, CERTAIN, 2 * part, MF_NORMS, MF_JOIN);
    saved(&l, CERTAIN, 2 * part, MF_JOIN, MF_PROJECT, MB_PROJECT);
    if (shape->tp > 1) /* the GEMM's part, gathered to whole rows, cut again */
        passing(&l, LIKELY, whole / shape->tp + whole, MF_PROJECT, MF_PROJECT);
    passing(&l, CERTAIN, gathered_bytes(shape) * 2, MF_PROJECT, MF_PROJECT);
    passing(&l, CERTAIN, part, MF_PROJECT, MF_PROJECT);

    passing(&l, CERTAIN, part, MB_PROJECT, MB_PROJECT);
    passing(&l, CERTAIN, 2 * whole, MB_PROJECT, MB_NORMS);
    passing(&l, CERTAIN, gathered_bytes(shape) * 2, MB_PROJECT, MB_PROJECT);
    passing(&l, CERTAIN, 3 * part, MB_NORMS, MB_EMBEDDING);
    passing(&l, CERTAIN, table, MB_EMBEDDING, MB_EMBEDDING);
    passing(
        &l, CERTAIN,
        weight_gradient_bytes(job, shape, 2 * shape->hidden_size * shape->hidden_size / shape->tp),
        MB_PROJECT, MB_PROJECT);
    lifetimes_profile(&l, profile);
}
