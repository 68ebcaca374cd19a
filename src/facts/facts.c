#include "facts/facts.h"

#include <string.h>

#include "facts/gpus.h"

void facts_init(struct facts *facts)
{
    memset(facts, 0, sizeof(*facts));
}

enum release facts_release(const struct facts *facts)
{
    return facts->megatron.known ? release_parse(facts->megatron.value) : RELEASE_UNKNOWN;
}

static void fill(struct fact_int *fact, int64_t value, const char *source)
{
    if (!fact->known)
        *fact = (struct fact_int){ .known = true, .value = value, .source = source };
}

void facts_from_gpu(struct facts *facts)
{
    const struct gpu_row *row = facts->gpu.known ? gpu_find(facts->gpu.value) : NULL;

    if (!row)
        return;
    fill(&facts->gpu_memory_bytes, (int64_t)row->usable_bytes, facts->gpu.source);
    fill(&facts->gpu_arch, row->arch, facts->gpu.source);
    fill(&facts->nvlink_domain, row->nvlink_domain, facts->gpu.source);
}
