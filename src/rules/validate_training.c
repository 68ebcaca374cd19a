/* Seventh part of validate_args: length of training, required sizes, shapes, schedules. */
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

static void weight_decay_condition(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_word(job->no_weight_decay_cond_type, "apply_wd_to_qk_layernorm")) {
        job->apply_wd_to_qk_layernorm = 1;
        job->no_weight_decay_cond_type = NULL;
    }
}

static void weight_decay_constant(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_word(job->weight_decay_incr_style, "constant"))
        return;
    job->start_weight_decay = job->weight_decay;
    job->end_weight_decay = job->weight_decay;
}

static const struct rule rows[] = {
    { .id = "dataloader-type", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = dataloader_default,
      .what = "--dataloader-type is single unless given",
      .why = "Samples are read once, in order." },
    { .id = "fixed-seq-lengths", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = fixed_seq_lengths,
      .what = "sequence lengths do not vary between micro-batches",
      .why = "No option of the trainer switches it on." },
    { .id = "encoder-layers", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = encoder_layers,
      .what = "--num-layers and --encoder-num-layers are one number",
      .why = "Whichever is given sets both." },
    { .id = "ffn-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = ffn_default,
      .what = "--ffn-hidden-size is 4 x hidden, with --swiglu 8/3 x hidden down to a multiple of 64",
      .why = "It is not rounded to the tensor parallel size." },
    { .id = "kv-channels-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = kv_channels_default,
      .what = "--kv-channels is hidden / attention heads unless given",
      .why = "The width of one attention head." },
    { .id = "inter-doc-mask", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN, .adjust = inter_doc_mask,
      .what = "--dataloader-inter-document-masking leaves the attention mask to the kernels",
      .why = "create_attention_mask_in_dataloader is switched off." },
    { .id = "encoder-seq-length", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = encoder_seq,
      .what = "--seq-length and --encoder-seq-length are one number",
      .why = "Whichever is given sets both." },
    { .id = "wd-condition", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN, .adjust = weight_decay_condition,
      .what = "--no-weight-decay-cond-type is --apply-wd-to-qk-layernorm",
      .why = "The old option has this one value left." },
    { .id = "wd-constant", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = weight_decay_constant,
      .what = "a constant weight decay starts and ends at --weight-decay",
      .why = "--weight-decay-incr-style constant is the default." },
};

const struct rule_section validate_training_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
