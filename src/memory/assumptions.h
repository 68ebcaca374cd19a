/* What an estimate takes for granted because neither the command line nor the facts say it, or
 * leaves out because it only adds: a line each, shown with the numbers. */
#ifndef MEMORY_ASSUMPTIONS_H
#define MEMORY_ASSUMPTIONS_H

#include "memory/memory.h"
#include "memory/shape.h"

/* In any of the ways that releases have asked for them. */
bool uses_cuda_graphs(const struct job *job);

/* Appends to memory->assumption; texts live in 'arena'. */
void assumptions_of(const struct job *job, const struct shape *shape, struct arena *arena,
                    struct memory *memory);

#endif
