/* Third part of validate_args: the script's defaults, data options, batch sizes. */
#include "rules/sections.h"
#include "rules/truth.h"

/* The pretraining scripts pass this one default. */
static void tokenizer_default(struct walk *walk)
{
    if (!walk->job->tokenizer_type)
        walk->job->tokenizer_type = "GPT2BPETokenizer";
}

static void split_default(struct walk *walk)
{
    if (walk->job->data_path.count >= 0 && !walk->job->split)
        walk->job->split = "969, 30, 1";
}

static void gbs_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->global_batch_size) && is_set(job->micro_batch_size) &&
        is_set(job->data_parallel_size))
        job->global_batch_size = job->micro_batch_size * job->data_parallel_size;
}

static void eval_batch_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->eval_global_batch_size))
        job->eval_global_batch_size = job->global_batch_size;
    if (!is_set(job->eval_micro_batch_size))
        job->eval_micro_batch_size = job->micro_batch_size;
}

static const struct rule rows[] = {
    { .id = "tokenizer-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = tokenizer_default,
      .what = "--tokenizer-type is GPT2BPETokenizer unless given",
      .why = "The pretraining scripts ask for it." },
    { .id = "split-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = split_default, .what = "--data-path without --split is split 969, 30, 1",
      .why = "An old default, kept with a warning." },
    { .id = "gbs-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = gbs_default,
      .what = "--global-batch-size is --micro-batch-size x DP unless given",
      .why = "One micro-batch a replica and step: a pipeline of PP > 1 then runs almost empty." },
    { .id = "eval-batch-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = eval_batch_default,
      .what = "evaluation uses the training batch sizes unless given its own",
      .why = "--eval-global-batch-size and --eval-micro-batch-size." },
};

const struct rule_section validate_batch_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
