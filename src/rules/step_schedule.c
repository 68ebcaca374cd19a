/* The pipeline schedule of the first step and of the first evaluation. */
#include <inttypes.h>
#include <stdlib.h>

#include "rules/micro_batches.h"
#include "rules/sections.h"
#include "rules/truth.h"

/* A pipeline in model chunks wants groups of micro-batches that keep all its ranks busy. */
static enum answer interleave(struct walk *walk, struct finding *finding, int64_t micro_batches,
                              const char *whose)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size;
    int64_t group = value_or(job->microbatch_group_size_per_vp_stage, pp);

    if (group < pp)
        return violated_at(walk, finding, 0,
                           "groups of %" PRId64 " micro-batches do not fill PP = %" PRId64
                           " interleaved pipeline ranks",
                           group, pp);
    if (group <= micro_batches)
        return HOLDS;
    finding_fix(walk, finding, "%s of %" PRId64 " or more, or no model chunks",
                strcmp(whose, "a step") == 0 ? "--global-batch-size" : "--eval-global-batch-size",
                group * (strcmp(whose, "a step") == 0 ? samples_a_pass(job)
                                                      : samples_an_evaluation_pass(job)));
    return violated_at(walk, finding, 1,
                       "%s has %" PRId64 " micro-batches, but interleaving over PP = %" PRId64
                       " wants at "
                       "least %" PRId64,
                       whose, micro_batches, pp, group);
}

static bool interleaved(const struct job *job)
{
    return is_set(job->virtual_pipeline_model_parallel_size) &&
           job->pipeline_model_parallel_size > 1;
}

/* Micro-batches of the first step, 0: not known. */
static int64_t first_micro_batches(const struct walk *walk)
{
    int64_t pass = samples_a_pass(walk->job), batch = first_batch(walk);

    return pass > 0 && is_set(batch) ? batch / pass : 0;
}

static enum answer interleave_group(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    return interleave(walk, finding, micro_batches, "a step");
}

static enum answer remainder_of(struct walk *walk, struct finding *finding, int64_t micro_batches,
                                const char *whose)
{
    int64_t pp = walk->job->pipeline_model_parallel_size;
    int64_t group = value_or(walk->job->microbatch_group_size_per_vp_stage, pp);
    int64_t rest;

    if (group < 1)
        return NOT_APPLICABLE;
    rest = micro_batches % group;
    if (rest == 0 || rest >= pp)
        return HOLDS;
    finding_fix(walk, finding, "%" PRId64 " or %" PRId64 " micro-batches", micro_batches - rest,
                micro_batches - rest + group);
    return violated(walk, finding,
                    "the %" PRId64 " micro-batches of %s leave a last group of %" PRId64
                    ", fewer than PP = %" PRId64,
                    micro_batches, whose, rest, pp);
}

static enum answer interleave_remainder(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    return remainder_of(walk, finding, micro_batches, "a step");
}

static enum answer interleave_old(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = first_micro_batches(walk);
    int64_t pp = walk->job->pipeline_model_parallel_size;

    if (!interleaved(walk->job) || micro_batches == 0)
        return NOT_APPLICABLE;
    if (micro_batches % pp == 0)
        return HOLDS;
    return violated(walk, finding,
                    "the %" PRId64 " micro-batches of a step are not a multiple of PP = %" PRId64,
                    micro_batches, pp);
}

static enum answer rampup_divisible(struct walk *walk, struct finding *finding)
{
    const struct list *words = &walk->job->rampup_batch_size;
    int64_t pass = samples_a_pass(walk->job);
    int64_t start, increment;

    if (!has_rampup(walk) || words->count != 3 || pass == 0 ||
        !is_set(walk->job->global_batch_size) || is_on(walk->job->decrease_batch_size_if_needed))
        return NOT_APPLICABLE;
    start = strtoll(words->item[0], NULL, 10);
    increment = strtoll(words->item[1], NULL, 10);
    if (start % pass == 0 && increment % pass == 0)
        return HOLDS;
    return violated(walk, finding,
                    "ramping up from %" PRId64 " by %" PRId64
                    " meets batches that are not multiples of %s "
                    "= %" PRId64,
                    start, increment, batch_ranks_text(walk), pass);
}

/* Micro-batches of an evaluation step, 0: none or not known. */
static int64_t evaluation_micro_batches(const struct walk *walk)
{
    const struct job *job = walk->job;
    int64_t pass = samples_an_evaluation_pass(job);
    int64_t batch = value_or(job->eval_global_batch_size, job->global_batch_size);

    if (!interleaved(job) || pass == 0 || !is_set(batch) ||
        (!is_on(job->full_validation) && job->eval_iters == 0))
        return 0;
    return batch / pass;
}

static enum answer evaluation_group(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = evaluation_micro_batches(walk);

    return micro_batches ? interleave(walk, finding, micro_batches, "an evaluation step")
                         : NOT_APPLICABLE;
}

static enum answer evaluation_remainder(struct walk *walk, struct finding *finding)
{
    int64_t micro_batches = evaluation_micro_batches(walk);

    return micro_batches ? remainder_of(walk, finding, micro_batches, "an evaluation step")
                         : NOT_APPLICABLE;
}

#define CHUNKS                                                                                     \
    "--num-virtual-stages-per-pipeline-rank --num-layers-per-virtual-pipeline-stage "              \
    "--pipeline-model-parallel-layout --pipeline-model-parallel-size "
#define GROUP "--microbatch-group-size-per-virtual-pipeline-stage "
#define GRID                                                                                       \
    "world-divides-model eval-gbs-divisible gbs-divisible microbatches-min mbs-required "          \
    "vpp-one-knob vpp-n-uneven vpp-n-pp vpp-n-divides layout-stages layout-grammar "               \
    "hyb-no-vpp-flags hyb-segments "

static const struct rule rows[] = {
    { .id = "rampup-divisible",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .check = rampup_divisible,
      .shape = true,
      .options = "--rampup-batch-size --micro-batch-size @world",
      .needs = "rampup-rules world-divides-model mbs-required",
      .what = "every batch of a ramp-up is a multiple of the micro batch times data parallel size",
      .why = "Checked at each step of training.",
      .fix = "--decrease-batch-size-if-needed, or multiples for start and increment" },
    { .id = "interleave-m-pp",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_9_0,
      .check = interleave_old,
      .shape = true,
      .options = CHUNKS "--global-batch-size",
      .needs = GRID,
      .what = "with model chunks the micro-batches of a step are a multiple of PP",
      .why = "The interleaved schedule works on groups of PP.",
      .fix = "another --global-batch-size" },
    { .id = "interleave-group",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = interleave_group,
      .shape = true,
      .options = CHUNKS GROUP "--global-batch-size --micro-batch-size",
      .needs = GRID "vpp-pp-min",
      .what = "PP <= micro-batches a group <= micro-batches a step, with model chunks",
      .why = "A group is PP micro-batches unless told otherwise.",
      .fix = "a larger --global-batch-size, or no model chunks" },
    { .id = "interleave-remainder",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = interleave_remainder,
      .shape = true,
      .options = CHUNKS GROUP "--global-batch-size --micro-batch-size",
      .needs = GRID "vpp-pp-min interleave-group",
      .what = "the last group of micro-batches is full or has at least PP of them",
      .why = "Fewer would leave ranks waiting for each other.",
      .fix = "another --global-batch-size" },
};

static const struct rule evaluation_rows[] = {
    { .id = "interleave-group",
      .stage = STAGE_EVAL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = evaluation_group,
      .shape = true,
      .options = CHUNKS GROUP "--eval-global-batch-size --eval-micro-batch-size",
      .needs = GRID "vpp-pp-min interleave-group",
      .what = "evaluation has enough micro-batches to fill the pipeline",
      .why = "It runs the schedule of training with its own batch.",
      .fix = "a larger --eval-global-batch-size" },
    { .id = "interleave-remainder",
      .stage = STAGE_EVAL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = evaluation_remainder,
      .shape = true,
      .options = CHUNKS GROUP "--eval-global-batch-size --eval-micro-batch-size",
      .needs = GRID "vpp-pp-min interleave-group interleave-remainder",
      .what = "the last group of evaluation's micro-batches is full or has at least PP of them",
      .why = "It runs the schedule of training with its own batch.",
      .fix = "another --eval-global-batch-size" },
};

const struct rule_section schedule_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
const struct rule_section evaluation_rules = { evaluation_rows, sizeof(evaluation_rows) /
                                                                    sizeof(evaluation_rows[0]) };
