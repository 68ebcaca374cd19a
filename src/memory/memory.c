#include "memory/memory.h"

#include <string.h>

void memory_estimate(const struct job *job, enum release release, const struct facts *facts,
                     struct arena *arena, struct memory *memory)
{
    (void)job;
    (void)release;
    (void)facts;
    (void)arena;
    memset(memory, 0, sizeof(*memory));
}
