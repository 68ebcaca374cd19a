/* The configurations that come with the program, compiled in: published models as Hugging Face's config.json
 * (configs/models), twelve DeepSeek-V3 style sizes (configs/deepseek), and the GPT models of a table that many
 * still measure themselves by (configs/models/gpt-2021.tsv). */
#ifndef CONFIG_PRESETS_H
#define CONFIG_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

struct preset {
    const char *name; /* of its file, without ".json" */
    bool deepseek;    /* else a Hugging Face config.json */
    const char *text;
};

extern const struct preset presets[];
extern const size_t preset_count;

/* NULL when there is none. */
const struct preset *preset_find(const char *name);

/* As published: sizes of the job, and what it reached on A100-80GB. */
struct gpt_model {
    const char *name;
    int heads, hidden, layers;
    int tp, pp, dp, mp, gpus;
    int micro_batch, global_batch;
    int tflops;       /* of one GPU */
    int percent;      /* of its peak */
    double aggregate; /* PFLOP/s */
};

extern const struct gpt_model gpt_models[];
extern const size_t gpt_model_count;

#endif
