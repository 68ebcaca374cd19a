/* The ranks of a launch as a fact: what an MPI launch gathers, given as JSON. */
#ifndef FACTS_RANKS_H
#define FACTS_RANKS_H

#include "facts/facts.h"

/* Sets facts->ranks from an array with one object for each rank, in order of rank, each with any of
 * "argv" (the trainer's words), "host", "world", "gpu", "gpu_uuid" and "gpu_memory_bytes".
 * Allocated in 'arena'. -1 with 'err' set for anything else. */
int facts_read_ranks(struct facts *facts, json_t *array, struct arena *arena, struct error *err);

#endif
