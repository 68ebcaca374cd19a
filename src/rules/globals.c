/* What set_global_variables() settles after validation and before the configs: micro-batches a step
 * and the padded vocabulary. */
#include "rules/sections.h"
#include "rules/truth.h"

/* Ranks that split the global batch: the replicas and what GTP shards between them. 0: not known.
 */
static int64_t batch_ranks(const struct job *job)
{
    if (!is_set(job->data_parallel_size) || job->data_parallel_size < 1)
        return 0;
    return job->data_parallel_size * value_or(job->gtp_weight_remat_size, 1);
}

static int64_t samples_a_pass(const struct job *job)
{
    if (!is_set(job->micro_batch_size) || job->micro_batch_size < 1)
        return 0;
    return job->micro_batch_size * batch_ranks(job);
}

static void count_microbatches(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t pass = samples_a_pass(job);

    if (pass > 0 && is_set(job->global_batch_size))
        job->num_microbatches = job->global_batch_size / pass;
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

#define ALWAYS .since = RELEASE_0_8_0, .until = RELEASE_MAIN

static const struct rule rows[] = {
    { .id = "num-microbatches",
      .stage = STAGE_INIT,
      ALWAYS,
      .adjust = count_microbatches,
      .what = "micro-batches a step are the global batch divided by micro batch and data parallel "
              "size" },
    { .id = "vocab-padded",
      .stage = STAGE_INIT,
      ALWAYS,
      .adjust = pad_vocabulary,
      .what = "the vocabulary is padded to a multiple of --make-vocab-size-divisible-by times TP" },
};

const struct rule_section global_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
