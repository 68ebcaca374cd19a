#include "rules/micro_batches.h"

#include <inttypes.h>

#include <stdlib.h>

#include "rules/batch_schedule.h"
#include "rules/truth.h"

/* Ranks that split the global batch: the replicas and what GTP shards between them. 0: not known.
 */
static int64_t batch_ranks(const struct job *job)
{
    if (!is_set(job->data_parallel_size) || job->data_parallel_size < 1)
        return 0;
    return job->data_parallel_size * value_or(job->gtp_weight_remat_size, 1);
}

int64_t samples_a_pass(const struct job *job)
{
    if (!is_set(job->micro_batch_size) || job->micro_batch_size < 1)
        return 0;
    return job->micro_batch_size * batch_ranks(job);
}

int64_t samples_an_evaluation_pass(const struct job *job)
{
    if (!is_set(job->eval_micro_batch_size))
        return samples_a_pass(job);
    return job->eval_micro_batch_size < 1 ? 0 : job->eval_micro_batch_size * batch_ranks(job);
}

bool has_batch_schedule(const struct walk *walk)
{
    return walk->release >= RELEASE_0_18_2 && walk->job->step_batch_size_schedule;
}

bool has_rampup(const struct walk *walk)
{
    return walk->release <= RELEASE_0_17_0 && walk->job->rampup_batch_size.count >= 0;
}

static bool schedule_of(const struct walk *walk, struct batch_schedule *schedule)
{
    return batch_schedule_parse(walk->job->step_batch_size_schedule,
                                value_or(walk->job->seq_length, 0), walk->arena, schedule,
                                NULL) == 0;
}

int64_t first_batch(const struct walk *walk)
{
    struct batch_schedule schedule;

    if (has_batch_schedule(walk))
        return schedule_of(walk, &schedule) ? schedule.step[0].batch : NONE_INT;
    if (has_rampup(walk) && walk->job->rampup_batch_size.count == 3)
        return strtoll(walk->job->rampup_batch_size.item[0], NULL, 10);
    return walk->job->global_batch_size;
}

int64_t largest_batch(const struct walk *walk)
{
    struct batch_schedule schedule;
    int64_t largest = 0;

    if (!has_batch_schedule(walk))
        return walk->job->global_batch_size;
    if (!schedule_of(walk, &schedule))
        return NONE_INT;
    for (int i = 0; i < schedule.count; i++)
        if (schedule.step[i].batch > largest)
            largest = schedule.step[i].batch;
    return largest;
}

const char *batch_ranks_text(struct walk *walk)
{
    const struct job *job = walk->job;

    if (value_or(job->gtp_weight_remat_size, 1) == 1)
        return arena_printf(walk->arena, "micro batch x DP = %" PRId64 " x %" PRId64,
                            job->micro_batch_size, job->data_parallel_size);
    return arena_printf(walk->arena,
                        "micro batch x DP x GTP = %" PRId64 " x %" PRId64 " x %" PRId64,
                        job->micro_batch_size, job->data_parallel_size, job->gtp_weight_remat_size);
}
