/* The head of validate_args: checkpoint options, then how the ranks divide into TP x PP x CP x DP. */
#include "rules/sections.h"
#include "rules/truth.h"

static void ckpt_convert_exits(struct walk *walk)
{
    if (walk->job->ckpt_convert_format)
        walk->job->exit_on_missing_checkpoint = 1;
}

static void dist_ckpt_from_format(struct walk *walk)
{
    walk->job->use_dist_ckpt = !is_word(walk->job->ckpt_format, "torch");
}

static void weight_shards(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size;

    job->gtp_weight_remat_size = 1;
    if (!is_set(job->tensor_parallel_num_weight_shards))
        job->tensor_parallel_num_weight_shards = tp;
    else if (tp > 0 && job->tensor_parallel_num_weight_shards >= tp)
        job->gtp_weight_remat_size = job->tensor_parallel_num_weight_shards / tp;
}

static void no_weight_shards(struct walk *walk)
{
    walk->job->gtp_weight_remat_size = 1;
    walk->job->expert_gtp_weight_remat_size = 1;
}

static void encoder_tp_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (job->encoder_pipeline_model_parallel_size > 0 && job->encoder_tensor_model_parallel_size == 0)
        job->encoder_tensor_model_parallel_size = job->tensor_model_parallel_size;
}

static void world_size(struct walk *walk)
{
    if (walk->launch->world.known)
        walk->job->world_size = walk->launch->world.value;
}

/* 0.8 shrinks sizes that are too large for the world instead of refusing them. */
static void clamp_tp(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_set(job->world_size) && job->tensor_model_parallel_size > job->world_size)
        job->tensor_model_parallel_size = job->world_size;
}

static void clamp_pp(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t room;

    if (!is_set(job->world_size) || job->tensor_model_parallel_size == 0)
        return;
    room = floor_div(job->world_size, job->tensor_model_parallel_size);
    if (job->pipeline_model_parallel_size > room)
        job->pipeline_model_parallel_size = room;
}

static void decoder_pp(struct walk *walk)
{
    struct job *job = walk->job;

    job->transformer_pipeline_model_parallel_size =
        job->pipeline_model_parallel_size - is_on(job->standalone_embedding_stage);
}

static int64_t model_parallel_ranks(const struct job *job)
{
    int64_t cp = job->context_parallel_size;
    int64_t encoder = value_or(job->encoder_tensor_model_parallel_size, 0) *
                      value_or(job->encoder_pipeline_model_parallel_size, 0) * cp;

    return encoder + job->tensor_model_parallel_size * job->pipeline_model_parallel_size * cp *
                         job->gtp_weight_remat_size;
}

static void data_parallel(struct walk *walk)
{
    int64_t ranks = model_parallel_ranks(walk->job);

    if (is_set(walk->job->world_size) && ranks != 0)
        walk->job->data_parallel_size = floor_div(walk->job->world_size, ranks);
}

static const struct rule rows[] = {
    { .id = "world-size", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = world_size, .what = "world_size is the number of ranks launched",
      .why = "Megatron reads WORLD_SIZE, which the launcher sets." },
    { .id = "ckpt-convert-exits", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = ckpt_convert_exits,
      .what = "--ckpt-convert-format turns --exit-on-missing-checkpoint on",
      .why = "A conversion without a checkpoint to convert has nothing to do." },
    { .id = "dist-ckpt-from-format", .stage = STAGE_VALIDATE, .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN, .adjust = dist_ckpt_from_format,
      .what = "distributed checkpoints are in use unless --ckpt-format is torch",
      .why = "--use-dist-ckpt itself is ignored since 0.9." },
    { .id = "weight-shards-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_0_18_2, .adjust = no_weight_shards,
      .what = "dense and expert weights are split over TP alone",
      .why = "Generalized tensor parallelism exists since 0.19." },
    { .id = "weight-shards-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN, .adjust = weight_shards,
      .what = "--tensor-parallel-num-weight-shards is TP unless given",
      .why = "Shards beyond TP take ranks from data parallelism." },
    { .id = "encoder-tp-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_9_0,
      .until = RELEASE_0_13_0, .adjust = encoder_tp_default,
      .what = "an encoder's tensor parallel size is the decoder's unless given",
      .why = "Only with --encoder-pipeline-model-parallel-size." },
    { .id = "tp-size-clamp", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_0_8_0, .adjust = clamp_tp,
      .what = "a tensor parallel size above the number of ranks becomes the number of ranks",
      .why = "Megatron 0.8 shrinks the size without a word." },
    { .id = "pp-size-clamp", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_0_8_0, .adjust = clamp_pp,
      .what = "a pipeline parallel size above ranks / TP becomes ranks / TP",
      .why = "Megatron 0.8 shrinks the size without a word." },
    { .id = "decoder-pp", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = decoder_pp,
      .what = "--standalone-embedding-stage takes one pipeline rank from the decoder layers",
      .why = "That rank holds the embedding alone (up to 0.10)." },
    { .id = "data-parallel-size", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = data_parallel,
      .what = "data_parallel_size is ranks / (TP x PP x CP)",
      .why = "Replicas share a batch; everything about batch sizes divides by it." },
};

const struct rule_section validate_world_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
