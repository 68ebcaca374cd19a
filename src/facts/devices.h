/* Which of this machine's GPUs a process may use, and what they say about the job's. Pure: what
 * NVML told, CUDA_VISIBLE_DEVICES and LOCAL_RANK in, facts out. */
#ifndef FACTS_DEVICES_H
#define FACTS_DEVICES_H

#include "facts/facts.h"
#include "facts/nvml.h"

struct devices {
    int count;
    const struct nvml_device *device[NVML_DEVICES_MAX];
};

/* As the CUDA runtime would list them; visible NULL: the variable is not set. */
void devices_visible(const struct nvml *nvml, const char *visible, struct devices *devices);

/* The device a trainer with that LOCAL_RANK (NULL: not set) uses; NULL when it cannot be said. */
const struct nvml_device *devices_own(const struct devices *devices, const char *local_rank);

/* Fills the facts about the GPU that are not known, from the process's own device or else from the
 * largest visible one (a display card must not speak for the others); the free memory is the least of
 * the 'used' first devices, where they are alike. */
void devices_tell(const struct devices *devices, const struct nvml_device *own, int used,
                  struct arena *arena, struct facts *facts);

#endif
