/* What set_global_variables() settles after validation and before the configs: micro-batches a
 * step, the tokenizer and the padded vocabulary. */
#include <inttypes.h>
#include <stdlib.h>

#include "megatron/options.h"
#include "rules/batch_schedule.h"
#include "rules/micro_batches.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static enum answer schedule_without_decrease(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!has_batch_schedule(walk))
        return NOT_APPLICABLE;
    return is_on(walk->job->decrease_batch_size_if_needed) ? VIOLATED : HOLDS;
}

static enum answer schedule_syntax(struct walk *walk, struct finding *finding)
{
    struct batch_schedule schedule;
    struct error err;

    if (!has_batch_schedule(walk))
        return NOT_APPLICABLE;
    if (batch_schedule_parse(walk->job->step_batch_size_schedule,
                             value_or(walk->job->seq_length, 0), walk->arena, &schedule, &err) == 0)
        return HOLDS;
    return violated(walk, finding, "--step-batch-size-schedule: %s", err.text);
}

/* The batch in force at the beginning; later ones are only looked at when their time comes. */
static enum answer schedule_divisible(struct walk *walk, struct finding *finding)
{
    struct batch_schedule schedule;
    int64_t pass = samples_a_pass(walk->job);

    if (!has_batch_schedule(walk) || pass == 0 ||
        batch_schedule_parse(walk->job->step_batch_size_schedule,
                             value_or(walk->job->seq_length, 0), walk->arena, &schedule, NULL) != 0)
        return NOT_APPLICABLE;
    if (schedule.step[0].batch % pass == 0)
        return HOLDS;
    return violated(walk, finding,
                    "the schedule's first batch of %" PRId64
                    " samples is not a multiple of %s = %" PRId64,
                    schedule.step[0].batch, batch_ranks_text(walk), pass);
}

static enum answer rampup_rules(struct walk *walk, struct finding *finding)
{
    const struct list *words = &walk->job->rampup_batch_size;
    int64_t start, increment, samples, batch = walk->job->global_batch_size;

    if (!has_rampup(walk))
        return NOT_APPLICABLE;
    if (words->count != 3)
        return violated_at(walk, finding, 0, "--rampup-batch-size takes three numbers, not %d",
                           words->count);
    start = strtoll(words->item[0], NULL, 10);
    increment = strtoll(words->item[1], NULL, 10);
    samples = strtoll(words->item[2], NULL, 10);
    if (start <= 0 || increment <= 0 || samples < 0)
        return violated_at(walk, finding, 1,
                           "--rampup-batch-size %s %s %s: start and increment are positive, "
                           "samples not negative",
                           words->item[0], words->item[1], words->item[2]);
    if (!is_set(batch))
        return NOT_APPLICABLE;
    if (batch < start)
        return violated_at(walk, finding, 2,
                           "--rampup-batch-size starts at %" PRId64
                           ", above the global batch of %" PRId64,
                           start, batch);
    if ((batch - start) % increment != 0)
        return violated_at(walk, finding, 3,
                           "the way from %" PRId64 " to the global batch of %" PRId64
                           " is not a multiple of the increment %" PRId64,
                           start, batch, increment);
    if (batch == start)
        return violated_at(walk, finding, 4,
                           "--rampup-batch-size starts at the global batch of %" PRId64
                           ", which leaves no step to ramp up",
                           batch);
    return HOLDS;
}

/* Without batch sizes of its own evaluation takes training's, and is looked at first. */
static bool evaluation_says_so(const struct walk *walk)
{
    return walk_violated(walk, "eval-gbs-divisible") &&
           !job_given(walk->job, JOB_eval_global_batch_size) &&
           !job_given(walk->job, JOB_eval_micro_batch_size);
}

static enum answer gbs_divisible(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t batch = job->global_batch_size, pass = samples_a_pass(job);

    if (has_batch_schedule(walk) || has_rampup(walk) || !is_set(batch) || pass == 0 ||
        is_on(job->decrease_batch_size_if_needed) || evaluation_says_so(walk))
        return NOT_APPLICABLE;
    if (floor_mod(batch, pass) == 0)
        return HOLDS;
    if (batch > pass)
        finding_fix(walk, finding, "--global-batch-size %" PRId64 " or %" PRId64,
                    batch / pass * pass, (batch / pass + 1) * pass);
    else
        finding_fix(walk, finding, "--global-batch-size %" PRId64 "%s", pass,
                    job->micro_batch_size > 1 ? ", or a smaller --micro-batch-size" : "");
    return violated(walk, finding,
                    "the global batch of %" PRId64 " samples is not a multiple of %s = %" PRId64,
                    batch, batch_ranks_text(walk), pass);
}

static enum answer microbatches_min(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t batch = job->global_batch_size, pass = samples_a_pass(job);

    if (has_batch_schedule(walk) || has_rampup(walk) || !is_set(batch) || pass == 0 ||
        evaluation_says_so(walk))
        return NOT_APPLICABLE;
    if (batch >= pass)
        return HOLDS;
    finding_fix(walk, finding, "--global-batch-size %" PRId64, pass);
    return violated(walk, finding,
                    "the global batch of %" PRId64
                    " samples is less than one micro-batch on every rank: "
                    "%s = %" PRId64,
                    batch, batch_ranks_text(walk), pass);
}

/* With a schedule the largest batch counts: the most micro-batches the job will ever have. */
static void count_microbatches(struct walk *walk)
{
    int64_t pass = samples_a_pass(walk->job);
    int64_t batch = largest_batch(walk);

    if (pass > 0 && is_set(batch))
        walk->job->num_microbatches = batch / pass;
}

/* What each tokenizer must be given; up to 0.16 a missing file is refused, later some are
 * downloaded. */
static const struct tokenizer {
    const char *type;
    enum release until;
    const char *option;
} tokenizers[] = {
    { "BertWordPieceLowerCase", RELEASE_0_16_0, "--vocab-file" },
    { "BertWordPieceCase", RELEASE_0_16_0, "--vocab-file" },
    { "GPT2BPETokenizer", RELEASE_0_16_0, "--vocab-file" },
    { "GPT2BPETokenizer", RELEASE_0_16_0, "--merge-file" },
    { "SentencePieceTokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "GPTSentencePieceTokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "HuggingFaceTokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "Llama2Tokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "Llama3Tokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "MistralTokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "TikTokenizer", RELEASE_MAIN, "--tokenizer-model" },
    { "TikTokenizer", RELEASE_0_16_0, "--tiktoken-pattern" },
    { "NullTokenizer", RELEASE_MAIN, "--vocab-size" },
    { "NullMultimodalTokenizer", RELEASE_MAIN, "--vocab-size" },
};

static bool tokenizer_has(const struct walk *walk, const char *option)
{
    const struct job *job = walk->job;

    if (strcmp(option, "--vocab-file") == 0)
        return job->vocab_file;
    if (strcmp(option, "--merge-file") == 0)
        return job->merge_file;
    if (strcmp(option, "--tiktoken-pattern") == 0)
        return job->tiktoken_pattern;
    if (strcmp(option, "--vocab-size") == 0)
        return walk->release >= RELEASE_0_17_0 ? is_nonzero(job->vocab_size)
                                               : is_set(job->vocab_size);
    return job->tokenizer_model || job->metadata_path || job->tokenizer_metadata;
}

/* A script that sets no tokenizer, and nobody else did. */
static enum answer no_tokenizer(struct walk *walk, struct finding *finding)
{
    const char *script = walk->launch ? walk->launch->script : NULL;

    if (!script || !options_know_script(script, walk->release))
        return NOT_APPLICABLE;
    finding->severity = severity_of_seen_trainer(walk);
    finding_fix(walk, finding, "add --tokenizer-type");
    return violated(walk, finding, "%s has no tokenizer of its own, and --tokenizer-type is not given",
                    script);
}

static enum answer tokenizer_files(struct walk *walk, struct finding *finding)
{
    const char *type = walk->job->tokenizer_type;

    if (!type)
        return no_tokenizer(walk, finding);

    for (size_t i = 0; i < sizeof(tokenizers) / sizeof(tokenizers[0]); i++) {
        const struct tokenizer *tokenizer = &tokenizers[i];

        if (!is_word(type, tokenizer->type) || walk->release > tokenizer->until ||
            tokenizer_has(walk, tokenizer->option))
            continue;
        finding->severity = severity_of_seen_trainer(walk);
        finding_fix(walk, finding, "add %s", tokenizer->option);
        return violated(walk, finding, "%s needs %s%s", type, tokenizer->option,
                        job_given(walk->job, JOB_tokenizer_type)
                            ? ""
                            : ", and is what the script takes without --tokenizer-type");
    }
    return HOLDS;
}

static int64_t padded(const struct job *job, int64_t vocabulary)
{
    int64_t multiple = value_or(job->make_vocab_size_divisible_by, 128) *
                       value_or(job->tensor_model_parallel_size, 1);

    return multiple > 0 ? (vocabulary + multiple - 1) / multiple * multiple : vocabulary;
}

/* Entries of the tokenizer, NONE_INT when only its files could tell. */
static int64_t tokenizer_entries(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->facts->vocab_size.known)
        return walk->facts->vocab_size.value;
    if (!is_word(job->tokenizer_type, "NullTokenizer") || !is_set(job->vocab_size))
        return NONE_INT;
    return job->vocab_size + (walk->release <= RELEASE_0_17_0);
}

static void pad_vocabulary(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t entries;

    if (walk->facts->padded_vocab_size.known) {
        job->padded_vocab_size = walk->facts->padded_vocab_size.value;
        return;
    }
    if (job_given(job, JOB_padded_vocab_size))
        return;
    entries = job->pad_vocab_size == 0 ? job->vocab_size : tokenizer_entries(walk);
    if (is_set(entries))
        job->padded_vocab_size = padded(job, entries);
}

/* Only the configs that the hybrid model and, since 0.19, the GPT are built from ask. */
static bool has_model_config(const struct walk *walk)
{
    enum trainer_kind kind = trainer_kind(walk);

    return kind == TRAINER_HYBRID || (kind == TRAINER_GPT && walk->release >= RELEASE_0_19_0);
}

static enum answer vocab_known(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (job->pad_vocab_size != 0 || !has_model_config(walk))
        return NOT_APPLICABLE;
    return is_set(job->padded_vocab_size) || is_set(job->vocab_size) ? HOLDS : VIOLATED;
}

#define BATCH "--global-batch-size --micro-batch-size @world"

static const struct rule rows[] = {
    { .id = "step-sched-no-decrease",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = schedule_without_decrease,
      .options = "--step-batch-size-schedule --decrease-batch-size-if-needed",
      .what = "--step-batch-size-schedule excludes --decrease-batch-size-if-needed",
      .why = "A schedule's batches are taken as they are.",
      .fix = "drop --decrease-batch-size-if-needed" },
    { .id = "step-sched-syntax",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = schedule_syntax,
      .options = "--step-batch-size-schedule",
      .what = "--step-batch-size-schedule is a list of TOKENS:BATCH that begins at 0",
      .why = "Thresholds rise, batches are positive; K, M, B and T are powers of 1000.",
      .fix = "for example '0:768 250B:1536'" },
    { .id = "step-sched-divisible",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = schedule_divisible,
      .shape = true,
      .options = "--step-batch-size-schedule --micro-batch-size @world",
      .needs = "world-divides-model mbs-required step-sched-syntax",
      .what = "the batch in force is a multiple of the micro batch times data parallel size",
      .why = "Checked when training begins, for later batches when their time comes.",
      .fix = "a first batch that is a multiple" },
    { .id = "rampup-rules",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .check = rampup_rules,
      .shape = true,
      .options = "--rampup-batch-size --global-batch-size",
      .what = "--rampup-batch-size reaches the global batch in whole steps",
      .why = "START INCREMENT SAMPLES; ignored since 0.18.",
      .fix = "drop --rampup-batch-size" },
    { .id = "gbs-divisible",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = gbs_divisible,
      .shape = true,
      .options = BATCH,
      .needs = "world-divides-model mbs-required gbs-positive",
      .what = "the global batch is a multiple of the micro batch times data parallel size",
      .why = "Every rank takes the same number of micro-batches a step.",
      .fix = "another --global-batch-size, or --decrease-batch-size-if-needed" },
    { .id = "microbatches-min",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = microbatches_min,
      .shape = true,
      .options = BATCH,
      .needs = "world-divides-model mbs-required gbs-positive gbs-divisible",
      .what = "a step has at least one micro-batch",
      .why = "--decrease-batch-size-if-needed rounds down, at worst to none.",
      .fix = "a larger --global-batch-size" },
    { .id = "num-microbatches",
      .stage = STAGE_INIT,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = count_microbatches,
      .what =
          "micro-batches a step are the global batch divided by micro batch and data parallel size",
      .why = "Rounded down under --decrease-batch-size-if-needed." },
    { .id = "tokenizer-type",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tokenizer_files,
      .options = "--tokenizer-type",
      .what = "a tokenizer is given its files",
      .why = "GPT2BPETokenizer is the scripts' default; since 0.17 it downloads what it lacks.",
      .fix = "--tokenizer-type NullTokenizer --vocab-size N for runs without text" },
    { .id = "vocab-padded",
      .stage = STAGE_INIT,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = pad_vocabulary,
      .what = "the vocabulary is padded to a multiple of --make-vocab-size-divisible-by times TP",
      .why = "Embedding and output layer are split over TP." },
    { .id = "vocab-known",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = vocab_known,
      .options = "--no-pad-vocab-size --vocab-size --padded-vocab-size",
      .what = "--no-pad-vocab-size needs --vocab-size or --padded-vocab-size",
      .why = "The tokenizer then does not say how large the embedding is.",
      .fix = "add --vocab-size" },
};

const struct rule_section global_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
