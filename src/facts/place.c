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
