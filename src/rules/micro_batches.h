/* How a batch becomes micro-batches: ranks that share it, ramp-up (up to 0.17) and schedule (since
 * 0.18). */
#ifndef RULES_MICRO_BATCHES_H
#define RULES_MICRO_BATCHES_H

#include "rules/rules.h"

/* Samples that all ranks take in one micro-batch, in training and in evaluation. 0: not known. */
int64_t samples_a_pass(const struct job *job);
int64_t samples_an_evaluation_pass(const struct job *job);

/* "micro batch x DP = 2 x 8": the factors of samples_a_pass(), for messages. */
const char *batch_ranks_text(struct walk *walk);

/* Does the batch size change during training? */
bool has_batch_schedule(const struct walk *walk);
bool has_rampup(const struct walk *walk);

/* The global batch in force when training starts, and the largest ever; NONE_INT: not known. */
int64_t first_batch(const struct walk *walk);
int64_t largest_batch(const struct walk *walk);

#endif
