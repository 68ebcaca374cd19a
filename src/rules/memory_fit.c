#include "memory/memory.h"
#include "rules/sections.h"
#include "verdict/policy.h"

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

static const struct memory_rank *largest(const struct memory *memory, size_t offset)
{
    const struct memory_rank *best = NULL;
    uint64_t most = 0;

    for (int i = 0; i < memory->rank_count; i++) {
        uint64_t bytes = *(const uint64_t *)((const char *)&memory->rank[i] + offset);

        if (!best || bytes > most) {
            best = &memory->rank[i];
            most = bytes;
        }
    }
    return best;
}

static uint64_t outside_torch(const struct memory_rank *rank)
{
    uint64_t bytes = 0;

    for (int i = 0; i < rank->component_count; i++)
        if (rank->component[i].outside_torch)
            bytes += rank->component[i].bytes;
    return bytes;
}

static bool can_judge(const struct walk *walk)
{
    return walk->memory && walk->memory->usable_bytes && walk->memory->rank_count &&
           walk->memory->modelled;
}

/* What is certain alone is more than the driver lets a process use. */
static enum answer exceeds_device(struct walk *walk, struct finding *finding)
{
    const struct memory *memory = walk->memory;
    const struct memory_rank *rank;

    if (!can_judge(walk))
        return NOT_APPLICABLE;
    rank = largest(memory, offsetof(struct memory_rank, peak_at_least_bytes));
    if (rank->peak_at_least_bytes <= memory->usable_bytes)
        return HOLDS;
    return violated(walk, finding,
                    "pipeline stage %d needs at least %.1f GiB (expected %.1f), a job can use %.1f GiB "
                    "of %s; the peak is in the %s",
                    rank->pp_rank, gib(rank->peak_at_least_bytes), gib(rank->peak_bytes),
                    gib(memory->usable_bytes),
                    walk->facts->gpu.known ? walk->facts->gpu.value : "the device", rank->peak_at);
}

static enum answer near_limit(struct walk *walk, struct finding *finding)
{
    const struct memory *memory = walk->memory;
    const struct memory_rank *rank;

    if (!can_judge(walk))
        return NOT_APPLICABLE;
    rank = largest(memory, offsetof(struct memory_rank, peak_bytes));
    if ((double)rank->peak_bytes <= walk->policy->headroom * (double)memory->usable_bytes)
        return HOLDS;
    return violated(walk, finding,
                    "pipeline stage %d is expected to reach %.1f GiB, %.0f %% of the %.1f GiB a job can "
                    "use; above %.0f %% fragmentation and NCCL buffers decide",
                    rank->pp_rank, gib(rank->peak_bytes),
                    100.0 * (double)rank->peak_bytes / (double)memory->usable_bytes,
                    gib(memory->usable_bytes), 100.0 * walk->policy->headroom);
}

static enum answer may_exceed(struct walk *walk, struct finding *finding)
{
    const struct memory *memory = walk->memory;
    const struct memory_rank *rank;
    uint64_t most;

    if (!can_judge(walk))
        return NOT_APPLICABLE;
    rank = largest(memory, offsetof(struct memory_rank, peak_up_to_bytes));
    most = rank->peak_up_to_bytes + outside_torch(rank);
    if (most <= memory->usable_bytes)
        return HOLDS;
    return violated(walk, finding,
                    "pipeline stage %d may reach %.1f GiB of %.1f GiB with fragmentation, communication "
                    "buffers and uneven routing (expected %.1f GiB)",
                    rank->pp_rank, gib(most), gib(memory->usable_bytes), gib(rank->peak_bytes));
}

static const struct rule rows[] = {
    {
        .id = "memory-exceeds-device",
        .stage = STAGE_MEMORY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .check = exceeds_device,
        .what = "what is certainly allocated on every pipeline stage fits what a job can use of its GPU",
        .why = "torch.cuda.OutOfMemoryError, often only on one stage and minutes into the job",
        .fix = NULL,
    },
    {
        .id = "memory-near-limit",
        .stage = STAGE_MEMORY,
        .severity = SEVERITY_WARNING,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .needs = "memory-exceeds-device",
        .check = near_limit,
        .what = "the expected peak leaves the headroom that policy asks for (20 %)",
        .why = "runs below 80 % of the device have not been seen to run out of memory",
        .fix = NULL,
    },
    {
        .id = "memory-may-exceed",
        .stage = STAGE_MEMORY,
        .severity = SEVERITY_WARNING,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .needs = "memory-exceeds-device memory-near-limit",
        .check = may_exceed,
        .what = "the peak with fragmentation, communicators and uneven routing fits the device",
        .why = "these terms are not certain, so this never blocks",
        .fix = NULL,
    },
};

const struct rule_section memory_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
