/* The GPUs of this machine as the driver's library (libnvidia-ml.so.1) tells them. The library is
 * opened in a process of its own, for a driver can hang: at the deadline that process is left
 * behind and the answer is "not known". It is no child of ours, has none of our descriptors and is
 * gone when the driver answers. */
#ifndef FACTS_NVML_H
#define FACTS_NVML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { NVML_DEVICES_MAX = 64 };

struct nvml_device {
    int ordinal;   /* of the GPU in the driver's order; MIG instances have their GPU's */
    bool mig;      /* an instance, its memory and UUID are its own */
    bool divided;  /* a GPU in MIG mode: only its instances can be used */
    char name[96]; /* "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB MIG 1g.5gb" */
    char uuid[96];
    uint64_t usable_bytes; /* total without what the driver keeps for itself */
    uint64_t free_bytes;
    int arch; /* compute capability x 10 */
    int holders;    /* processes that compute on it */
    int holder_pid; /* of the first of them */
};

struct nvml {
    int count; /* GPUs, each followed by its MIG instances */
    struct nvml_device device[NVML_DEVICES_MAX];
};

/* 0 with 'nvml' written, -1 with 'err' set: no library, no driver, or no answer within the
 * deadline. */
int nvml_look(double deadline_seconds, struct nvml *nvml, struct error *err);

#endif
