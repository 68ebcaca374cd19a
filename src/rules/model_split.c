/* Building the model: layers over pipeline ranks, matrices over tensor-parallel ranks. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static enum answer groups_divide_heads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t heads = job->num_attention_heads, groups = job->num_query_groups;

    if (!has_common_attention(walk) || !is_set(heads) || !is_nonzero(groups))
        return NOT_APPLICABLE;
    if (heads % groups == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " attention heads cannot be shared by %" PRId64 " query groups",
                    heads, groups);
}

static enum answer attention_width(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, d = job->kv_channels;
    int64_t queries, width;

    if (!has_common_attention(walk) || tp <= 1 || !is_set(d) || !is_set(job->num_query_groups) ||
        !is_set(job->num_attention_heads))
        return NOT_APPLICABLE;
    queries = job->num_attention_heads * d;
    width = queries * (is_on(job->attention_output_gate) ? 2 : 1) + 2 * job->num_query_groups * d;
    if (queries % tp == 0 && width % tp == 0)
        return HOLDS;
    return violated(walk, finding,
                    "attention's %" PRId64
                    " query, key and value channels cannot be split over TP = "
                    "%" PRId64,
                    width, tp);
}

static enum answer ffn_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ffn = job->ffn_hidden_size, tp = job->tensor_model_parallel_size;

    if (!has_dense_mlp(walk) || !is_set(ffn) || tp < 1)
        return NOT_APPLICABLE;
    if (ffn % tp == 0)
        return HOLDS;
    finding_fix(walk, finding, "--ffn-hidden-size %" PRId64, (ffn / tp + 1) * tp);
    return violated(walk, finding,
                    "an MLP of width %" PRId64 "%s cannot be split over TP = %" PRId64, ffn,
                    job_given(job, JOB_ffn_hidden_size) ? "" : " (by default)", tp);
}

static enum answer vocab_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->padded_vocab_size) || job->tensor_model_parallel_size < 1)
        return NOT_APPLICABLE;
    if (job->padded_vocab_size % job->tensor_model_parallel_size == 0)
        return HOLDS;
    return violated(walk, finding,
                    "a padded vocabulary of %" PRId64 " cannot be split over TP = %" PRId64,
                    job->padded_vocab_size, job->tensor_model_parallel_size);
}

static bool evenly_split(const struct job *job)
{
    return !job->pipeline_model_parallel_layout &&
           !is_set(job->decoder_first_pipeline_num_layers) &&
           !is_set(job->decoder_last_pipeline_num_layers);
}

static enum answer layers_vpp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t chunks = job->virtual_pipeline_model_parallel_size;
    int64_t pp = job->pipeline_model_parallel_size;

    if (!builds_standard_gpt(walk) || !evenly_split(job) || !is_nonzero(chunks) || pp <= 1 ||
        !is_set(job->num_layers) || is_on(job->account_for_embedding_in_pipeline_split) ||
        is_on(job->account_for_loss_in_pipeline_split))
        return NOT_APPLICABLE;
    if (job->num_layers % pp != 0)
        return violated_at(walk, finding, 0,
                           "%" PRId64 " layers cannot be split over PP = %" PRId64, job->num_layers,
                           pp);
    if (job->num_layers / pp % chunks == 0)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "the %" PRId64 " layers of a pipeline rank cannot be split into %" PRId64
                       " model chunks",
                       job->num_layers / pp, chunks);
}

static enum answer uneven_middle_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t first = job->decoder_first_pipeline_num_layers;
    int64_t last = job->decoder_last_pipeline_num_layers;
    int64_t ranks = job->pipeline_model_parallel_size - is_set(first) - is_set(last);
    int64_t layers = job->num_layers - value_or(first, 0) - value_or(last, 0);

    if (!builds_standard_gpt(walk) || evenly_split(job) || !is_set(job->num_layers) || ranks < 1)
        return NOT_APPLICABLE;
    if (layers % ranks == 0)
        return HOLDS;
    return violated_at(walk, finding, 20,
                       "the %" PRId64
                       " layers between first and last stage cannot be split over %" PRId64
                       " pipeline ranks",
                       layers, ranks);
}

static enum answer acct_pp_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t counted = is_on(job->account_for_embedding_in_pipeline_split) +
                      is_on(job->account_for_loss_in_pipeline_split);

    if (!counted || !is_set(job->num_layers) || job->pipeline_model_parallel_size < 1)
        return NOT_APPLICABLE;
    if ((job->num_layers + counted) % job->pipeline_model_parallel_size == 0)
        return HOLDS;
    return violated_at(walk, finding, 20,
                       "%" PRId64 " layers and %" PRId64
                       " counted for embedding and loss cannot be split "
                       "over PP = %" PRId64,
                       job->num_layers, counted, job->pipeline_model_parallel_size);
}

#define SPLIT "--num-layers --pipeline-model-parallel-size --num-virtual-stages-per-pipeline-rank "
#define HEADS "--num-attention-heads --num-query-groups --kv-channels --tensor-model-parallel-size"

static const struct rule rows[] = {
    { .id = "layers-vpp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = layers_vpp,
      .shape = true,
      .options = SPLIT "--num-layers-per-virtual-pipeline-stage",
      .needs = "pp-divides-layers vpp-n-pp vpp-n-divides vpp-pp-min",
      .what = "layers of a pipeline rank are a multiple of its model chunks",
      .why = "Every chunk has the same number of layers.",
      .fix = "another --num-virtual-stages-per-pipeline-rank" },
    { .id = "uneven-middle",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_10_0,
      .check = uneven_middle_old,
      .shape = true,
      .options = "--decoder-first-pipeline-num-layers --decoder-last-pipeline-num-layers",
      .what = "what first and last stage leave is a multiple of the ranks between them",
      .why = "It is split evenly over them.",
      .fix = "other first and last stages" },
    { .id = "acct-pp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_11_0,
      .check = acct_pp_old,
      .shape = true,
      .needs = "acct-pp uneven-vs-account pp-divides-layers",
      .options = "--account-for-embedding-in-pipeline-split --account-for-loss-in-pipeline-split",
      .what = "layers, embedding and loss counted, are a multiple of PP",
      .why = "The config of 0.11 divides otherwise than the model.",
      .fix = "another --num-layers or --pipeline-model-parallel-size" },
    { .id = "vocab-tp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = vocab_tp,
      .shape = true,
      .options = "--padded-vocab-size --tensor-model-parallel-size",
      .what = "--padded-vocab-size is a multiple of TP",
      .why = "Embedding and output layer are split over TP.",
      .fix = "drop --padded-vocab-size: the vocabulary is then padded as needed" },
    { .id = "gqa-divides-heads",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = groups_divide_heads,
      .shape = true,
      .options = "--num-attention-heads --num-query-groups",
      .needs = "gqa-tp gqa-tp-old",
      .what = "attention heads are a multiple of query groups",
      .why = "Each key-value head serves the same number of heads.",
      .fix = "a --num-query-groups that divides --num-attention-heads" },
    { .id = "attn-proj-tp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = attention_width,
      .shape = true,
      .options = HEADS,
      .needs = "tp-divides-heads gqa-tp gqa-tp-old gqa-divides-heads",
      .what = "attention's projections are a multiple of TP",
      .why = "With fewer query groups than TP their channels are split.",
      .fix = "a smaller --tensor-model-parallel-size" },
    { .id = "ffn-tp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = ffn_tp,
      .shape = true,
      .options = "--ffn-hidden-size --hidden-size --tensor-model-parallel-size",
      .needs = "tp-divides-heads",
      .what = "the width of an MLP is a multiple of TP",
      .why = "With SwiGLU the default is 8/3 of --hidden-size, rounded to 64.",
      .fix = "another --ffn-hidden-size" },
};

const struct rule_section model_split_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
