/* What an estimate takes for granted because neither the command line nor the facts say it, or
 * leaves out because it only adds: a line each, shown with the numbers. */
#ifndef MEMORY_ASSUMPTIONS_H
#define MEMORY_ASSUMPTIONS_H

#include "memory/memory.h"
#include "memory/premise.h"

/* In any of the ways that releases have asked for them. */
bool uses_cuda_graphs(const struct job *job);

/* Appends to memory->assumption; texts live in 'arena'. */
void assumptions_of(const struct job *job, const struct shape *shape, struct arena *arena,
                    struct memory *memory);

/* The same for what activations take for granted: the attention backend, the routing. */
void assumptions_of_premise(const struct job *job, const struct shape *shape,
                            const struct premise *premise, struct arena *arena,
                            struct memory *memory);

#endif
