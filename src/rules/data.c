/* Building the data sets. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static bool builds_data(const struct walk *walk)
{
    return trainer_kind(walk) != TRAINER_OTHER && !is_on(walk->job->perform_rl_step);
}

static enum answer eval_interval(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool needed = !is_on(job->full_validation) && !is_on(job->skip_train) &&
                  (is_nonzero(job->train_iters) || is_nonzero(job->train_samples));

    if (!builds_data(walk) || !needed)
        return NOT_APPLICABLE;
    if (is_nonzero(job->eval_interval))
        return HOLDS;
    if (is_set(job->eval_interval))
        return violated_at(walk, finding, 0,
                           "--eval-interval 0 divides by zero when the data sets are sized");
    finding->severity = severity_of_seen_trainer(walk);
    return violated_at(walk, finding, 1,
                       "--eval-interval is not given and has no default since 0.16: sizing the "
                       "data sets fails, even without evaluation");
}

static enum answer full_validation(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || !is_on(job->multiple_validation_sets))
        return NOT_APPLICABLE;
    return is_on(job->full_validation) || is_on(job->skip_train)
               ? HOLDS
               : violated(walk, finding,
                          "--multiple-validation-sets is given without --full-validation");
}

static bool splits_given(const struct job *job)
{
    return job->train_data_path.count >= 0 || job->valid_data_path.count >= 0 ||
           job->test_data_path.count >= 0 || job->per_split_data_args_path;
}

static enum answer split_per_set(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || !splits_given(job))
        return NOT_APPLICABLE;
    if (!job->split)
        return HOLDS;
    return violated(walk, finding,
                    "--split %s divides what separate data sets have already divided", job->split);
}

static enum answer data_required(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_data(walk) || walk->job->use_legacy_models == 1)
        return NOT_APPLICABLE;
    if (is_on(job->mock_data) || job->data_path.count >= 0 || job->data_args_path ||
        splits_given(job))
        return HOLDS;
    finding->severity = severity_of_seen_trainer(walk);
    return violated(walk, finding, "no data is given");
}

static enum answer fast_cache(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool fast = is_on(job->dataloader_fast_cache_load);
    bool defer = is_on(job->dataloader_defer_npy_index_mmap);

    if (!builds_data(walk) || (!fast && !defer))
        return NOT_APPLICABLE;
    if (!job->data_cache_path)
        return violated_at(walk, finding, 0, "%s needs --data-cache-path",
                           fast ? "--dataloader-fast-cache-load"
                                : "--dataloader-defer-npy-index-mmap");
    if (fast && (job->data_path.count >= 0 || job->data_args_path))
        return violated_at(walk, finding, 1,
                           "--dataloader-fast-cache-load does not work with --data-path");
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "eval-interval",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_15_0,
      .check = eval_interval,
      .options = "--eval-interval",
      .what = "--eval-interval is not 0",
      .why = "The number of evaluations is training's length divided by it.",
      .fix = "--eval-interval 1000" },
    { .id = "eval-interval",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = eval_interval,
      .options = "--eval-interval",
      .what = "--eval-interval is given, unless --full-validation",
      .why = "The number of evaluations is training's length divided by it; the default went with "
             "0.16.",
      .fix = "add --eval-interval 1000" },
    { .id = "full-val",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = full_validation,
      .options = "--multiple-validation-sets --full-validation",
      .what = "--multiple-validation-sets needs --full-validation",
      .why = "Partial evaluation counts samples of one set.",
      .fix = "add --full-validation" },
    { .id = "fast-cache",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = fast_cache,
      .options = "--dataloader-fast-cache-load --dataloader-defer-npy-index-mmap --data-cache-path "
                 "--data-path",
      .what = "fast loading of data indices needs --data-cache-path and separate data sets",
      .why = "It trusts what the cache holds.",
      .fix = "add --data-cache-path" },
    { .id = "split-perset",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = split_per_set,
      .options = "--split --train-data-path --valid-data-path --test-data-path",
      .what = "data given for each set excludes --split",
      .why = "There is nothing left to split.",
      .fix = "drop --split" },
    { .id = "data-required",
      .stage = STAGE_DATA,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = data_required,
      .options = "--data-path --mock-data",
      .what = "training data or --mock-data is given",
      .why = "Without any the real data set is built and fails.",
      .fix = "add --mock-data" },
};

const struct rule_section data_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
