/* The GPU table (configs/gpus/gpus.tsv), compiled in. */
#ifndef FACTS_GPUS_H
#define FACTS_GPUS_H

#include <stddef.h>
#include <stdint.h>

struct gpu_row {
    const char *name;      /* "H100-80GB" */
    const char *aliases;   /* other spellings, NVML product names; separated by '|' */
    int arch;              /* compute capability x 10 */
    uint64_t usable_bytes; /* the largest total that torch.cuda.mem_get_info() was seen to report */
    int nvlink_domain;     /* GPUs joined by NVLink in the usual machine */
    int tflops;            /* dense bf16 (fp16 where there is no bf16), vendor's figure */
};

extern const struct gpu_row gpu_rows[];
extern const size_t gpu_row_count;

/* By name or alias; case, blanks and dashes do not count, nor "NVIDIA" in front. NULL when not in
 * the table. */
const struct gpu_row *gpu_find(const char *name);

/* By the type that a site gives its GPUs in a request for them ("gpu:h100:8", "a100_80gb:4"): where several
 * sizes have that name, the one with the most memory. NULL when no type is named or none is known. */
const struct gpu_row *gpu_of_gres(const char *gres);

#endif
