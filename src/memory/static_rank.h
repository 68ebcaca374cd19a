/* One pipeline rank while its static terms are collected; the files that add terms share it. */
#ifndef MEMORY_STATIC_RANK_H
#define MEMORY_STATIC_RANK_H

#include "memory/buffers.h"
#include "memory/static.h"

struct static_chunk {
    const struct chunk *chunk;
    struct weights weights;
    struct ddp_buffer buffer[BUFFER_COUNT];
};

struct static_rank {
    const struct job *job;
    const struct shape *shape;
    const struct premise *premise;
    struct arena *arena;
    int64_t chunk_count;
    struct static_chunk *chunk;
    struct static_memory *memory;
};

/* Nothing is added for 0 bytes. */
void static_add(struct static_rank *rank, const char *name, const char *what, uint64_t bytes,
                enum static_when when, enum certainty certainty);

/* Is the assumed or known Transformer Engine at least 'version'? */
bool te_at_least(const struct shape *shape, const char *version);

void add_optimizer_terms(struct static_rank *rank); /* optimizer_state.c */
void add_workspace_terms(struct static_rank *rank); /* workspaces.c */
void add_retained_terms(struct static_rank *rank);  /* retained.c */

#endif
