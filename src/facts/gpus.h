/* The GPU table (configs/gpus/gpus.tsv), compiled in. */
#ifndef FACTS_GPUS_H
#define FACTS_GPUS_H

#include <stddef.h>
#include <stdint.h>

struct gpu_row {
    const char *name;      /* "H100-80GB" */
    const char *aliases;   /* other spellings, NVML product names; separated by '|' */
    int arch;              /* compute capability x 10 */
    uint64_t usable_bytes; /* what torch.cuda.mem_get_info() calls total on an idle card */
    int nvlink_domain;     /* GPUs joined by NVLink in the usual machine */
    int tflops;            /* dense bf16 (fp16 where there is no bf16), vendor's figure */
};

extern const struct gpu_row gpu_rows[];
extern const size_t gpu_row_count;

/* By name or alias, any case; NULL when not in the table. */
const struct gpu_row *gpu_find(const char *name);

#endif
