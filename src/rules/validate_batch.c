/* Third part of validate_args: the script's defaults, data options, batch sizes. */
#include <inttypes.h>

#include "megatron/options.h"
#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static void set_default(struct job *job, const struct script_default *row)
{
    const char **value;

    if (row->dest == JOB_FIELD_COUNT)
        return;
    value = (const char **)((char *)job + job_fields[row->dest].offset);
    if (!*value)
        *value = row->value;
}

/* The script's args_defaults; one that is not Megatron's mostly does as the one it was made of. */
static void script_default_values(struct walk *walk)
{
    const char *script = walk->launch ? walk->launch->script : NULL;

    if (!script || !options_know_script(script, walk->release))
        script = script_has(walk, "bert") || script_has(walk, "t5") ? "pretrain_bert.py" : "pretrain_gpt.py";
    for (size_t i = 0; i < script_default_count; i++)
        if (script_defaults[i].releases >> walk->release & 1 &&
            options_is_script(script, script_defaults[i].script))
            set_default(walk->job, &script_defaults[i]);
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

static enum answer data_path_once(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->data_args_path)
        return NOT_APPLICABLE;
    if (job->data_path.count < 0)
        return HOLDS;
    return violated_at(walk, finding, 0,
                       "--data-path and --data-args-path both say where the data is");
}

static enum answer split_paths_once(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->per_split_data_args_path)
        return NOT_APPLICABLE;
    if (job->train_data_path.count < 0 && job->valid_data_path.count < 0 &&
        job->test_data_path.count < 0)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--per-split-data-args-path and data paths of single splits both "
                       "say where the data is");
}

/* int(x.strip()) of every part between commas. */
static bool are_integers(const char *text)
{
    for (;;) {
        size_t blanks = strspn(text, " \t");
        size_t digits;

        text += blanks;
        text += *text == '-' || *text == '+';
        digits = strspn(text, "0123456789_");
        if (digits == 0)
            return false;
        text += digits;
        text += strspn(text, " \t");
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static enum answer phase_transition(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->phase_transition_iterations || !*job->phase_transition_iterations)
        return NOT_APPLICABLE;
    if (!are_integers(job->phase_transition_iterations))
        return violated_at(walk, finding, 0,
                           "'--phase-transition-iterations %s' is not a list of integers",
                           job->phase_transition_iterations);
    if (walk->release < RELEASE_0_18_2 && job->rampup_batch_size.count >= 0)
        return violated_at(walk, finding, 1, "training in phases cannot ramp the batch up");
    return HOLDS;
}

static enum answer mbs_required(struct walk *walk, struct finding *finding)
{
    int64_t size = walk->job->micro_batch_size;

    if (!is_set(size))
        return violated_at(walk, finding, 0, "--micro-batch-size is not given and has no default");
    if (size > 0)
        return HOLDS;
    return violated_at(walk, finding, 1, "a micro batch of %" PRId64 " samples", size);
}

static enum answer step_schedule_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->step_batch_size_schedule)
        return NOT_APPLICABLE;
    if (!job_given(job, JOB_global_batch_size))
        return HOLDS;
    return violated(walk, finding,
                    "--global-batch-size %" PRId64 " contradicts "
                    "'--step-batch-size-schedule %s'",
                    job->global_batch_size, job->step_batch_size_schedule);
}

static enum answer gbs_positive(struct walk *walk, struct finding *finding)
{
    int64_t size = walk->job->global_batch_size;

    if (!is_set(size))
        return NOT_APPLICABLE;
    if (size > 0)
        return HOLDS;
    return violated(walk, finding, "a global batch of %" PRId64 " samples", size);
}

static enum answer eval_gbs_divisible(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t gtp = walk->release >= RELEASE_MAIN ? job->gtp_weight_remat_size : 1;
    int64_t batch = job->eval_global_batch_size;
    int64_t pass;
    const char *option = job_given(job, JOB_eval_global_batch_size) ? "--eval-global-batch-size"
                                                                    : "--global-batch-size";

    if (!is_set(batch) || !is_set(job->eval_micro_batch_size) || !is_set(job->data_parallel_size))
        return NOT_APPLICABLE;
    pass = job->eval_micro_batch_size * job->data_parallel_size * gtp;
    if (pass == 0)
        return violated(walk, finding, "an evaluation micro batch of %" PRId64 " samples",
                        job->eval_micro_batch_size);
    if (floor_mod(batch, pass) == 0)
        return HOLDS;
    if (pass > 0 && batch > pass)
        finding_fix(walk, finding, "%s %" PRId64 " or %" PRId64, option, batch / pass * pass,
                    round_up(batch, pass));
    else if (pass > 0)
        finding_fix(walk, finding, "%s %" PRId64, option, pass);
    return violated(walk, finding,
                    "an evaluation batch of %" PRId64 " cannot be split into micro-batch x DP = "
                    "%" PRId64 " x %" PRId64,
                    batch, job->eval_micro_batch_size, job->data_parallel_size * gtp);
}

static const struct rule rows[] = {
    { .id = "tokenizer-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = script_default_values,
      .what = "--tokenizer-type and its kin are what the script sets unless given",
      .why = "Each entry script has defaults of its own." },
    { .id = "split-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = split_default,
      .what = "--data-path without --split is split 969, 30, 1",
      .why = "An old default, kept with a warning." },
    { .id = "data-sources",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--data-path --data-args-path",
      .check = data_path_once,
      .what = "--data-path excludes --data-args-path",
      .why = "The second names a file that holds the first.",
      .fix = "keep one of the two" },
    { .id = "data-sources",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--per-split-data-args-path --train-data-path --valid-data-path "
                 "--test-data-path",
      .check = split_paths_once,
      .what = "data paths of splits are given once",
      .why = "--per-split-data-args-path names a file that holds them.",
      .fix = "keep one of the two" },
    { .id = "phase-transition",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--phase-transition-iterations --rampup-batch-size",
      .check = phase_transition,
      .what = "--phase-transition-iterations is a list of integers",
      .why = "Iterations at which the data blend changes; no batch ramp-up up to 0.17.",
      .fix = "integers separated by commas" },
    { .id = "mbs-required",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--micro-batch-size",
      .shape = true,
      .check = mbs_required,
      .what = "--micro-batch-size is given and above 0",
      .why = "Samples one replica runs at a time.",
      .fix = "--micro-batch-size 1" },
    { .id = "step-sched-xor-gbs",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--step-batch-size-schedule --global-batch-size",
      .shape = true,
      .check = step_schedule_alone,
      .what = "--step-batch-size-schedule excludes --global-batch-size",
      .why = "The schedule names every global batch.",
      .fix = "remove --global-batch-size" },
    { .id = "gbs-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = gbs_default,
      .what = "--global-batch-size is --micro-batch-size x DP unless given",
      .why = "One micro-batch a replica and step: a pipeline of PP > 1 then runs almost "
             "empty." },
    { .id = "gbs-positive",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--global-batch-size --micro-batch-size",
      .needs = "mbs-required sizes-positive world-divides-model",
      .shape = true,
      .check = gbs_positive,
      .what = "--global-batch-size is above 0",
      .why = "Samples of one step.",
      .fix = "a multiple of --micro-batch-size x DP" },
    { .id = "eval-batch-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = eval_batch_default,
      .what = "evaluation uses the training batch sizes unless given its own",
      .why = "--eval-global-batch-size and --eval-micro-batch-size." },
    { .id = "eval-gbs-divisible",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--eval-global-batch-size --global-batch-size --eval-micro-batch-size "
                 "--micro-batch-size",
      .needs = "world-divides-model sizes-positive mbs-required gbs-positive",
      .shape = true,
      .check = eval_gbs_divisible,
      .what = "the evaluation batch is a multiple of micro batch x DP",
      .why = "--decrease-batch-size-if-needed does not help: the given size is tested.",
      .fix = "a multiple of --micro-batch-size x DP" },
};

const struct rule_section validate_batch_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
