/* Eighth part of validate_args: length of training, required sizes, shapes, schedules. */
#include <inttypes.h>

#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void dataloader_default(struct walk *walk)
{
    if (!walk->job->dataloader_type)
        walk->job->dataloader_type = "single";
}

static void fixed_seq_lengths(struct walk *walk)
{
    walk->job->variable_seq_lengths = 0;
}

static void encoder_layers(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_set(job->num_layers))
        job->encoder_num_layers = job->num_layers;
    else
        job->num_layers = job->encoder_num_layers;
}

/* Python computes int((4 * h * 2 / 3) / 64) * 64 in doubles and truncates. */
static void ffn_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_set(job->ffn_hidden_size) || !is_set(job->hidden_size))
        return;
    if (is_on(job->swiglu))
        job->ffn_hidden_size = (int64_t)((double)(4 * job->hidden_size * 2) / 3 / 64) * 64;
    else
        job->ffn_hidden_size = 4 * job->hidden_size;
}

static void kv_channels_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->kv_channels) && is_set(job->hidden_size) &&
        is_nonzero(job->num_attention_heads))
        job->kv_channels = floor_div(job->hidden_size, job->num_attention_heads);
}

static void inter_doc_mask(struct walk *walk)
{
    if (is_on(walk->job->dataloader_inter_document_masking))
        walk->job->create_attention_mask_in_dataloader = 0;
}

static void encoder_seq(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_set(job->seq_length))
        job->encoder_seq_length = job->seq_length;
    else
        job->seq_length = job->encoder_seq_length;
}

static enum answer builder_threads(struct walk *walk, struct finding *finding)
{
    int64_t threads = walk->job->num_dataset_builder_threads;

    if (!is_set(threads) || threads > 0)
        return HOLDS;
    return violated(walk, finding, "%" PRId64 " threads build no data set", threads);
}

/* --skip-train excuses the schedule since 0.17. */
static bool trains(const struct walk *walk)
{
    return walk->release < RELEASE_0_17_0 || !is_on(walk->job->skip_train);
}

/* An option that counts what the length of training does not. */
struct counter {
    bool given;
    const char *option;
};

static int first_given(const struct counter *row, int count)
{
    for (int i = 0; i < count; i++)
        if (row[i].given)
            return i;
    return -1;
}

static enum answer iters_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct counter row[] = {
        { is_set(job->train_samples), "--train-samples" },
        { is_set(job->lr_decay_samples), "--lr-decay-samples" },
        { job->lr_warmup_samples != 0, "--lr-warmup-samples" },
        { walk->release < RELEASE_0_18_2 && job->rampup_batch_size.count >= 0,
          "--rampup-batch-size" },
    };
    int guilty = first_given(row, 4);

    if (!is_nonzero(job->train_iters) || !trains(walk))
        return NOT_APPLICABLE;
    if (guilty >= 0)
        return violated_at(walk, finding, guilty,
                           "--train-iters %" PRId64 " counts iterations, %s "
                           "samples",
                           job->train_iters, row[guilty].option);
    if (is_none_float(job->lr_warmup_fraction) || job->lr_warmup_iters == 0)
        return HOLDS;
    return violated_at(walk, finding, walk->release < RELEASE_0_18_2 ? 4 : 3,
                       "--lr-warmup-fraction and --lr-warmup-iters are two lengths of one warm-up");
}

static enum answer samples_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct counter row[] = {
        { is_set(job->train_iters), "--train-iters" },
        { is_set(job->lr_decay_iters), "--lr-decay-iters" },
        { job->lr_warmup_iters != 0, "--lr-warmup-iters" },
    };
    int guilty = first_given(row, 3);
    int before = walk->release < RELEASE_0_18_2 ? 5 : 4; /* places of the iterations */

    if (!is_nonzero(job->train_samples) || !trains(walk))
        return NOT_APPLICABLE;
    if (guilty >= 0)
        return violated_at(walk, finding, before + guilty,
                           "--train-samples %" PRId64 " counts samples, "
                           "%s iterations",
                           job->train_samples, row[guilty].option);
    if (is_none_float(job->lr_warmup_fraction) || job->lr_warmup_samples == 0)
        return HOLDS;
    return violated_at(
        walk, finding, before + 3,
        "--lr-warmup-fraction and --lr-warmup-samples are two lengths of one warm-up");
}

/* What --use-checkpoint-args may still fill in is not missing. */
static enum answer required(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *missing = NULL;

    if (is_on(job->use_checkpoint_args) ||
        (!is_set(job->num_layers) && walk_violated(walk, "vpp-n-pp")))
        return NOT_APPLICABLE;
    if (is_set(job->num_layers) && is_set(job->encoder_num_layers))
        return violated_at(walk, finding, 0,
                           "--num-layers and --encoder-num-layers are one number");
    if (!is_set(job->num_layers) && !is_set(job->encoder_num_layers))
        missing = "--num-layers";
    else if (!is_set(job->hidden_size))
        missing = "--hidden-size";
    else if (!is_set(job->num_attention_heads))
        missing = "--num-attention-heads";
    else if (!is_set(job->max_position_embeddings))
        missing = "--max-position-embeddings";
    if (!missing)
        return HOLDS;
    finding_fix(walk, finding, "give %s", missing);
    return violated_at(walk, finding, is_word(missing, "--num-layers") ? 1 : 2,
                       "%s is not given and has no default", missing);
}

static enum answer heads_divide(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t heads = job->num_attention_heads;
    int64_t hidden = job->hidden_size;

    if (is_set(job->kv_channels) || !is_set(heads) || !is_set(hidden))
        return NOT_APPLICABLE;
    if (heads != 0 && floor_mod(hidden, heads) == 0)
        return HOLDS;
    if (heads > 0 && hidden > 0)
        finding_fix(walk, finding, "--num-attention-heads %" PRId64 ", or --kv-channels %" PRId64,
                    nearest_divisor(hidden, hidden, heads), hidden / heads);
    return violated(walk, finding,
                    "a hidden size of %" PRId64 " cannot be split into %" PRId64 " attention heads",
                    hidden, heads);
}

static enum answer cp_seq(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t parts = 2 * job->context_parallel_size;

    if (!is_set(job->seq_length) || job->context_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (floor_mod(job->seq_length, parts) == 0)
        return HOLDS;
    finding_fix(walk, finding, "--seq-length %" PRId64, round_up(job->seq_length, parts));
    return violated(walk, finding,
                    "a sequence of %" PRId64 " cannot be cut into 2 x CP = 2 x %" PRId64 " parts",
                    job->seq_length, job->context_parallel_size);
}

static enum answer seq_required(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_set(job->seq_length) && is_set(job->encoder_seq_length))
        return violated_at(walk, finding, 0,
                           "--seq-length and --encoder-seq-length are one number");
    if (is_set(job->seq_length) || is_set(job->encoder_seq_length) ||
        is_on(job->use_checkpoint_args))
        return HOLDS;
    return violated_at(walk, finding, 1, "--seq-length is not given and has no default");
}

static enum answer positions_suffice(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t positions = job->max_position_embeddings;
    int64_t longest = job->seq_length;

    if (is_set(job->decoder_seq_length) && job->decoder_seq_length > longest)
        longest = job->decoder_seq_length;
    if (!is_set(positions) || !is_set(longest))
        return NOT_APPLICABLE;
    if (positions >= longest)
        return HOLDS;
    finding_fix(walk, finding, "--max-position-embeddings %" PRId64, longest);
    return violated_at(walk, finding, longest != job->seq_length,
                       "--max-position-embeddings %" PRId64
                       " is shorter than a sequence of %" PRId64,
                       positions, longest);
}

static const struct rule rows[] = {
    { .id = "dataloader-type",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = dataloader_default,
      .what = "--dataloader-type is single unless given",
      .why = "Samples are read once, in order." },
    { .id = "builder-threads",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--num-dataset-builder-threads",
      .check = builder_threads,
      .what = "--num-dataset-builder-threads is above 0",
      .why = "Data sets are built by these threads.",
      .fix = "--num-dataset-builder-threads 1" },
    { .id = "fixed-seq-lengths",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = fixed_seq_lengths,
      .what = "sequence lengths do not vary between micro-batches",
      .why = "No option of the trainer switches it on." },
    { .id = "iters-xor-samples",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--train-iters --train-samples --lr-decay-samples --lr-warmup-samples "
                 "--rampup-batch-size --lr-warmup-fraction --lr-warmup-iters",
      .check = iters_alone,
      .what = "training by iterations uses no option that counts samples",
      .why = "One of the two lengths decides the schedule.",
      .fix = "keep options of one kind" },
    { .id = "iters-xor-samples",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--train-samples --train-iters --lr-decay-iters --lr-warmup-iters "
                 "--lr-warmup-fraction --lr-warmup-samples",
      .check = samples_alone,
      .what = "training by samples uses no option that counts iterations",
      .why = "One of the two lengths decides the schedule.",
      .fix = "keep options of one kind" },
    { .id = "required-model-args",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers --encoder-num-layers --hidden-size --num-attention-heads "
                 "--max-position-embeddings",
      .check = required,
      .what = "layers, hidden size, attention heads and positions are given",
      .why = "They have no defaults.",
      .fix = "give the missing option" },
    { .id = "encoder-layers",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = encoder_layers,
      .what = "--num-layers and --encoder-num-layers are one number",
      .why = "Whichever is given sets both." },
    { .id = "ffn-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = ffn_default,
      .what = "--ffn-hidden-size is 4 x hidden, with --swiglu 8/3 x hidden down to a "
              "multiple of 64",
      .why = "It is not rounded to the tensor parallel size." },
    { .id = "heads-divide-hidden",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--hidden-size --num-attention-heads --kv-channels",
      .shape = true,
      .check = heads_divide,
      .what = "the hidden size is a multiple of the attention heads",
      .why = "Unless --kv-channels says how wide a head is.",
      .fix = "--kv-channels WIDTH" },
    { .id = "kv-channels-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = kv_channels_default,
      .what = "--kv-channels is hidden / attention heads unless given",
      .why = "The width of one attention head." },
    { .id = "cp-seq",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--seq-length --context-parallel-size",
      .needs = "sizes-positive",
      .shape = true,
      .check = cp_seq,
      .what = "the sequence is a multiple of 2 x CP",
      .why = "Each rank holds one part from either end, to balance causal attention.",
      .fix = "a --seq-length that is a multiple of 2 x CP" },
    { .id = "inter-doc-mask",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .adjust = inter_doc_mask,
      .what = "--dataloader-inter-document-masking leaves the attention mask to the kernels",
      .why = "create_attention_mask_in_dataloader is switched off." },
    { .id = "seq-required",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--seq-length --encoder-seq-length",
      .check = seq_required,
      .what = "--seq-length is given, and once",
      .why = "--encoder-seq-length is its other name.",
      .fix = "--seq-length LENGTH" },
    { .id = "encoder-seq-length",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = encoder_seq,
      .what = "--seq-length and --encoder-seq-length are one number",
      .why = "Whichever is given sets both." },
    { .id = "maxpos-ge-seq",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--max-position-embeddings --seq-length --decoder-seq-length",
      .check = positions_suffice,
      .what = "positions suffice for the sequence",
      .why = "Also with rope, which has no table of positions.",
      .fix = "--max-position-embeddings of at least --seq-length" },
};

const struct rule_section validate_training_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
