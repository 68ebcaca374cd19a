#include "facts/place.h"

static void fill(struct fact_str *fact, const char *value, const char *source)
{
    if (value && !fact->known)
        *fact = (struct fact_str) { .known = true, .value = value, .source = source };
}

void facts_place(const char *directory, struct facts *facts)
{
    fill(&facts->partition, environment_get(&facts->environment, "SLURM_JOB_PARTITION"),
         "SLURM_JOB_PARTITION");
    fill(&facts->path, directory, "working directory");
}

void facts_from_policy(const struct policy *policy, struct arena *arena, struct facts *facts)
{
    if (policy->gpu && !facts->gpu.known)
        facts->gpu = (struct fact_str) {
            .known = true,
            .value = policy->gpu,
            .source = policy_origin_text(&policy->origin[POLICY_GPU], arena),
        };
    if (policy->gpu_memory_bytes && !facts->gpu_memory_bytes.known)
        facts->gpu_memory_bytes = (struct fact_int) {
            .known = true,
            .value = (int64_t)policy->gpu_memory_bytes,
            .source = policy_origin_text(&policy->origin[POLICY_GPU_MEMORY], arena),
        };
}
