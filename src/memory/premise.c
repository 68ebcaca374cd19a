#include "memory/premise.h"

const char *const attention_backend_names[] = {
    [ATTENTION_FUSED] = "cuDNN fused",
    [ATTENTION_FLASH] = "FlashAttention",
    [ATTENTION_UNFUSED] = "unfused",
    [ATTENTION_LOCAL] = "Megatron's own, unfused",
};

void premise_of(const struct job *job, const struct shape *shape, enum certainty trust,
                struct premise *premise)
{
    (void)job;
    (void)shape;
    *premise = (struct premise){ .trust = trust, .attention = ATTENTION_FUSED, .imbalance = 1.0,
                                 .multiprocessors = 132 };
}
