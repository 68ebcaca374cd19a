/* The tensors of one piece of a model chunk - a layer, the embedding, the head - each with the
 * steps between which it lives. A piece has a table of steps in order of execution: first those of
 * its forward, then those of its backward. Between the two lies whatever else the schedule does,
 * and what lives there is saved for backward. A step is a kernel or a few that allocate and free
 * together; a tensor counts in every step from its birth to its last use, both included.
 *
 * Bytes are rounded up as torch's caching allocator does: to 512, and from 10 MiB on to its segment
 * of a multiple of 2 MiB where no more than 1 MiB of that would be left. A piece owns the hidden
 * states it reads; those it makes are passing in its last forward step, then the next piece's. The
 * gradient of its output is there from its first backward step, that of its input up to its last.
 */
#ifndef MEMORY_LIFETIMES_H
#define MEMORY_LIFETIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/memory.h"
#include "memory/premise.h"

#define STEPS_MAX 96

/* What a byte that lives at the peak is shown as. */
enum holding { HOLDING_ACTIVATION, HOLDING_LOGITS, HOLDING_TRANSIENT, HOLDING_COUNT };

struct held {
    int64_t bytes[HOLDING_COUNT];
};

int64_t held_total(const struct held *held);
void held_add(struct held *to, const struct held *more);
void held_subtract(struct held *from, const struct held *less);

/* Forward steps whose tensors are not saved but made again in backward, at step 'again'. */
struct recomputed {
    int first, last, again;
    int64_t saved;             /* bytes made again that live on */
    int64_t replay[STEPS_MAX]; /* what making them again needs, by forward step (differences) */
};

struct lifetimes {
    const char *const *step_names;
    int forward_steps, steps;
    enum certainty trust; /* terms less certain than this are left out */
    bool whole_segments;
    struct held saved;
    struct held change[STEPS_MAX + 1]; /* at step i over step i - 1 */
    int64_t light[STEPS_MAX + 1];      /* forward without autograd, which saves nothing */
    int64_t output_gradient;
    int output_gradient_dies; /* at this step */
    int recomputed_count;
    struct recomputed recomputed[6];
};

/* The highest point of a forward or backward. */
struct crest {
    struct held held; /* everything of the piece that lives there, its saved tensors included */
    const char *at;   /* the step */
};

/* What the replay needs of a piece. */
struct profile {
    struct held saved; /* between its forward and its backward */
    struct crest forward, light, backward;
    struct crest received; /* backward where somebody else holds the output's gradient throughout */
};

/* 'step_names' ends with NULL; steps from 'first_backward' on are backward. */
void lifetimes_init(struct lifetimes *l, const char *const *step_names, int first_backward,
                    const struct premise *premise);

/* Before the tensors of these steps are added. */
void lifetimes_recompute(struct lifetimes *l, int first, int last, int again);

/* A tensor that lives from step 'from' to step 'to', both in the same direction. */
void passing(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from, int to);

/* A tensor born at forward step 'from', used in forward up to 'last_use' and in backward up to
 * 'to'. */
void saved(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from, int last_use,
           int to);

/* The gradient of the piece's output, used up to step 'to'. */
void output_gradient(struct lifetimes *l, uint64_t bytes, int to);

/* The same for logits and what the loss makes of them. */
void saved_logits(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from,
                  int last_use, int to);
void passing_logits(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from,
                    int to);

void lifetimes_profile(const struct lifetimes *l, struct profile *profile);

#endif
