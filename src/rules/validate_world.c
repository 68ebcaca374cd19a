/* The head of validate_args: checkpoint options, then how the ranks divide into TP x PP x CP x DP.
 */
#include <inttypes.h>

#include "rules/heterogeneous.h"
#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void cut(int64_t *value, int64_t most)
{
    if (is_set(*value) && *value > most)
        *value = most;
    else if (is_set(*value) && *value < -most)
        *value = -most;
}

/* Python's integers do not overflow, ours do. What is cut could not run anyway, and primes keep it
 * from dividing anything by chance. */
static void cut_huge_sizes(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t *const ranks[] = {
        &job->tensor_model_parallel_size,
        &job->pipeline_model_parallel_size,
        &job->context_parallel_size,
        &job->expert_model_parallel_size,
        &job->expert_tensor_parallel_size,
        &job->tensor_parallel_num_weight_shards,
        &job->expert_tensor_parallel_num_weight_shards,
        &job->encoder_tensor_model_parallel_size,
        &job->encoder_pipeline_model_parallel_size,
        &job->grpo_group_size,
        &job->grpo_prompts_per_step,
        &job->grpo_iterations,
    };
    int64_t *const sizes[] = {
        &job->micro_batch_size,
        &job->global_batch_size,
        &job->eval_micro_batch_size,
        &job->eval_global_batch_size,
        &job->num_layers,
        &job->hidden_size,
        &job->ffn_hidden_size,
        &job->num_attention_heads,
        &job->num_query_groups,
        &job->kv_channels,
        &job->seq_length,
        &job->max_position_embeddings,
        &job->num_experts,
        &job->moe_ffn_hidden_size,
        &job->vocab_size,
        &job->make_vocab_size_divisible_by,
        &job->mamba_num_groups,
        &job->mamba_state_dim,
    };

    for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
        cut(ranks[i], 32749);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        cut(sizes[i], INT32_MAX);
}

static enum answer yaml_legacy(struct walk *walk, struct finding *finding)
{
    if (!walk->job->yaml_cfg)
        return NOT_APPLICABLE;
    if (!is_on(walk->job->use_legacy_models))
        return HOLDS;
    return violated(walk, finding, "legacy models cannot be configured by --yaml-cfg");
}

static enum answer yaml_unread(struct walk *walk, struct finding *finding)
{
    if (!walk->job->yaml_cfg)
        return NOT_APPLICABLE;
    return violated(walk, finding, "'%s' replaces every option: only the launch is checked",
                    walk->job->yaml_cfg);
}

static enum answer ckpt_convert(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->ckpt_convert_format)
        return NOT_APPLICABLE;
    if (job->ckpt_convert_save && job->load)
        return HOLDS;
    return violated_at(walk, finding, job->ckpt_convert_save != NULL,
                       "'--ckpt-convert-format %s' has no %s", job->ckpt_convert_format,
                       job->ckpt_convert_save ? "--load" : "--ckpt-convert-save");
}

static enum answer use_ckpt_args(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_checkpoint_args))
        return NOT_APPLICABLE;
    if (!job->load && !job->pretrained_checkpoint)
        return violated_at(walk, finding, 0,
                           "--use-checkpoint-args has no checkpoint to read: no --load");
    if (is_word(job->non_persistent_ckpt_type, "local"))
        return violated_at(walk, finding, 1,
                           "--use-checkpoint-args cannot read a local checkpoint");
    return HOLDS;
}

static enum answer np_ckpt_type(struct walk *walk, struct finding *finding)
{
    const char *type = walk->job->non_persistent_ckpt_type;

    if (!type)
        return NOT_APPLICABLE;
    if (is_word(type, "global") || (is_word(type, "local") && walk->release >= RELEASE_0_11_0))
        return HOLDS;
    return violated(walk, finding, "'--non-persistent-ckpt-type %s' is parsed but not supported",
                    type);
}

static enum answer legacy_ckpt(struct walk *walk, struct finding *finding)
{
    if (!is_on(walk->job->use_legacy_models))
        return NOT_APPLICABLE;
    if (is_word(walk->job->ckpt_format, "torch"))
        return HOLDS;
    return violated(walk, finding, "legacy models cannot write '--ckpt-format %s'",
                    walk->job->ckpt_format);
}

/* Shards of one weight against the tensor parallel size they build on. */
static enum answer shards_fit(struct walk *walk, struct finding *finding, int64_t shards,
                              int64_t tp, const char *option)
{
    if (!is_set(shards) || tp == 0)
        return NOT_APPLICABLE;
    if (shards >= tp && floor_mod(shards, tp) == 0)
        return HOLDS;
    finding_fix(walk, finding, "%s %" PRId64, option, round_up(shards, tp));
    return violated_at(walk, finding, shards >= tp,
                       "%" PRId64 " shards of a weight are not a multiple of its %" PRId64
                       " tensor parallel ranks",
                       shards, tp);
}

static enum answer gtp_shards(struct walk *walk, struct finding *finding)
{
    return shards_fit(walk, finding, walk->job->tensor_parallel_num_weight_shards,
                      walk->job->tensor_model_parallel_size, "--tensor-parallel-num-weight-shards");
}

/* Up to 0.13 a T5 encoder can have ranks of its own. The places differ: 0.10 asks for all four
 * things, 0.9 not for the first, 0.11 and later not for the second. */
static enum answer encoder_parallel(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->encoder_tensor_model_parallel_size;
    int64_t pp = job->encoder_pipeline_model_parallel_size;
    int heads = walk->release == RELEASE_0_10_0 ? 2 : 1;

    if (walk->release >= RELEASE_0_10_0 && pp == 0 && job->num_experts == 0 &&
        tp != job->tensor_model_parallel_size)
        return violated(walk, finding,
                        "'--num-experts 0' makes the encoder share the decoder's first stage, with "
                        "%" PRId64 " instead of %" PRId64 " tensor parallel ranks",
                        tp, job->tensor_model_parallel_size);
    if (tp <= 0)
        return NOT_APPLICABLE;
    if (walk->release <= RELEASE_0_10_0 && pp <= 0)
        return violated_at(walk, finding, heads - 1,
                           "an encoder tensor parallel size of %" PRId64
                           " has no --encoder-pipeline-model-parallel-size",
                           tp);
    if (is_set(job->num_attention_heads) && floor_mod(job->num_attention_heads, tp) != 0)
        return violated_at(walk, finding, heads,
                           "%" PRId64 " attention heads cannot be split over %" PRId64
                           " encoder ranks",
                           job->num_attention_heads, tp);
    if (tp > job->tensor_model_parallel_size)
        return violated_at(walk, finding, heads + 1,
                           "the encoder's %" PRId64
                           " tensor parallel ranks exceed the decoder's %" PRId64,
                           tp, job->tensor_model_parallel_size);
    return HOLDS;
}

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

    if (job->encoder_pipeline_model_parallel_size > 0 &&
        job->encoder_tensor_model_parallel_size == 0)
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

/* Dividing by a size of 0 is the first thing that happens to it. */
static enum answer sizes_positive(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (model_parallel_ranks(job) != 0)
        return HOLDS;
    return violated(walk, finding,
                    "a parallel size is 0: TP x PP x CP = %" PRId64 " x %" PRId64 " x %" PRId64,
                    job->tensor_model_parallel_size, job->pipeline_model_parallel_size,
                    job->context_parallel_size);
}

/* A pipeline size near the wanted one that divides ranks and layers; 0: none but the wanted. */
static int64_t fitting_pp(const struct job *job)
{
    int64_t others =
        job->tensor_model_parallel_size * job->context_parallel_size * job->gtp_weight_remat_size;
    int64_t room;

    if (others <= 0 || job->world_size % others != 0)
        return 0;
    room = job->world_size / others;
    return nearest_divisor(room, is_set(job->num_layers) ? job->num_layers : room,
                           job->pipeline_model_parallel_size);
}

static enum answer world_divides(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ranks = model_parallel_ranks(job);
    int64_t pp;

    if (!is_set(job->world_size) || ranks == 0)
        return NOT_APPLICABLE;
    if (floor_mod(job->world_size, ranks) == 0)
        return HOLDS;
    pp = fitting_pp(job);
    if (ranks > 0 && pp > 0)
        finding_fix(walk, finding,
                    "start %" PRId64 " ranks, or --pipeline-model-parallel-size %" PRId64,
                    round_up(job->world_size, ranks), pp);
    else if (ranks > 0)
        finding_fix(walk, finding, "start %" PRId64 " ranks", round_up(job->world_size, ranks));
    if (job->gtp_weight_remat_size > 1)
        return violated(walk, finding,
                        "%" PRId64
                        " ranks cannot be split into groups of weight shards x PP x CP = "
                        "%" PRId64 " x %" PRId64 " x %" PRId64 " = %" PRId64,
                        job->world_size, job->tensor_parallel_num_weight_shards,
                        job->pipeline_model_parallel_size, job->context_parallel_size, ranks);
    return violated_at(walk, finding,
                       walk->release == RELEASE_0_8_0 &&
                           floor_mod(job->world_size, job->tensor_model_parallel_size) == 0,
                       "%" PRId64 " ranks cannot be split into groups of TP x PP x CP = %" PRId64
                       " x %" PRId64 " x %" PRId64 " = %" PRId64,
                       job->world_size, job->tensor_model_parallel_size,
                       job->pipeline_model_parallel_size, job->context_parallel_size, ranks);
}

static enum answer attn_local_spec(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->attention_backend, "local"))
        return NOT_APPLICABLE;
    if (job->spec.count > 0 && strcmp(job->spec.item[0], "local") == 0)
        return HOLDS;
    return violated(walk, finding, "'--attention-backend local' works only with '--spec local'");
}

static void data_parallel(struct walk *walk)
{
    int64_t ranks = model_parallel_ranks(walk->job);

    if (is_set(walk->job->world_size) && ranks != 0)
        walk->job->data_parallel_size = floor_div(walk->job->world_size, ranks);
}

static const struct rule rows[] = {
    { .id = "huge-sizes",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = cut_huge_sizes,
      .what = "sizes beyond any machine are cut to 32749 ranks and 2147483647",
      .why = "Larger ones would overflow what is computed from them." },
    { .id = "legacy-models-yaml",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--yaml-cfg --use-legacy-models",
      .check = yaml_legacy,
      .what = "--yaml-cfg excludes legacy models",
      .why = "The file describes Megatron-core configs.",
      .fix = "remove --use-legacy-models" },
    { .id = "yaml-unread",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--yaml-cfg",
      .check = yaml_unread,
      .what = "options stand on the command line, where they can be checked",
      .why = "Megatron replaces all arguments by those of the --yaml-cfg file.",
      .fix = "give the options on the command line" },
    { .id = "world-size",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = world_size,
      .what = "world_size is the number of ranks launched",
      .why = "Megatron reads WORLD_SIZE, which the launcher sets." },
    { .id = "use-ckpt-args",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--use-checkpoint-args --non-persistent-ckpt-type",
      .check = use_ckpt_args,
      .what = "--use-checkpoint-args needs a global checkpoint to read",
      .why = "Sizes of the model come from the checkpoint, before anything is validated.",
      .fix = "--load DIRECTORY, or remove --use-checkpoint-args" },
    { .id = "ckpt-convert",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_17_0,
      .options = "--ckpt-convert-format --ckpt-convert-save --load",
      .check = ckpt_convert,
      .what = "--ckpt-convert-format needs --ckpt-convert-save and --load",
      .why = "A conversion reads one checkpoint and writes another.",
      .fix = "add --load DIRECTORY --ckpt-convert-save DIRECTORY" },
    { .id = "ckpt-convert",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--ckpt-convert-format --ckpt-convert-save --load",
      .check = ckpt_convert,
      .what = "--ckpt-convert-format needs --ckpt-convert-save and --load",
      .why = "A conversion reads one checkpoint and writes another.",
      .fix = "add --load DIRECTORY --ckpt-convert-save DIRECTORY" },
    { .id = "ckpt-convert-exits",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .adjust = ckpt_convert_exits,
      .what = "--ckpt-convert-format turns --exit-on-missing-checkpoint on",
      .why = "A conversion without a checkpoint to convert has nothing to do." },
    { .id = "np-ckpt-type",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .options = "--non-persistent-ckpt-type",
      .check = np_ckpt_type,
      .what = "--non-persistent-ckpt-type is global or local",
      .why = "argparse knows in_memory, the checkpoint code does not; local since 0.11.",
      .fix = "--non-persistent-ckpt-type global" },
    { .id = "hetero-config",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--heterogeneous-layers-config-encoded-json --num-layers --hidden-size "
                 "--num-attention-heads --num-query-groups --rotary-base",
      .check = heterogeneous_agrees,
      .what = "options repeat what a heterogeneous configuration says",
      .why = "Megatron compares fourteen values and builds the blocks from the "
             "configuration.",
      .fix = "the values of the configuration, with --swiglu --normalization RMSNorm "
             "--group-query-attention --use-rope-scaling --use-rotary-position-embeddings" },
    { .id = "legacy-models-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_17_0,
      .options = "--use-legacy-models --ckpt-format",
      .check = legacy_ckpt,
      .what = "--use-legacy-models needs --ckpt-format torch",
      .why = "Legacy models cannot describe their shards.",
      .fix = "--ckpt-format torch, or remove --use-legacy-models" },
    { .id = "dist-ckpt-from-format",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .adjust = dist_ckpt_from_format,
      .what = "distributed checkpoints are in use unless --ckpt-format is torch",
      .why = "--use-dist-ckpt itself is ignored since 0.9." },
    { .id = "gtp-shards-min",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "--tensor-parallel-num-weight-shards --tensor-model-parallel-size",
      .shape = true,
      .check = gtp_shards,
      .what = "--tensor-parallel-num-weight-shards is a multiple of TP",
      .why = "Each tensor parallel rank's part of a weight is cut into equal shards.",
      .fix = "a multiple of --tensor-model-parallel-size" },
    { .id = "weight-shards-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_18_2,
      .adjust = no_weight_shards,
      .what = "dense and expert weights are split over TP alone",
      .why = "Generalized tensor parallelism exists since 0.19." },
    { .id = "weight-shards-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .adjust = weight_shards,
      .what = "--tensor-parallel-num-weight-shards is TP unless given",
      .why = "Shards beyond TP take ranks from data parallelism." },
    { .id = "encoder-parallel",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_13_0,
      .options = "--encoder-tensor-model-parallel-size --encoder-pipeline-model-parallel-size "
                 "--num-experts",
      .shape = true,
      .check = encoder_parallel,
      .what = "an encoder's parallel sizes agree with the decoder's",
      .why = "A T5 encoder may have ranks of its own; never more tensor parallel than the decoder.",
      .fix = "remove the encoder's parallel sizes" },
    { .id = "encoder-tp-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_13_0,
      .adjust = encoder_tp_default,
      .what = "an encoder's tensor parallel size is the decoder's unless given",
      .why = "Only with --encoder-pipeline-model-parallel-size." },
    { .id = "tp-size-clamp",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_8_0,
      .adjust = clamp_tp,
      .what = "a tensor parallel size above the number of ranks becomes the number of ranks",
      .why = "Megatron 0.8 shrinks the size without a word." },
    { .id = "pp-size-clamp",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_8_0,
      .adjust = clamp_pp,
      .what = "a pipeline parallel size above ranks / TP becomes ranks / TP",
      .why = "Megatron 0.8 shrinks the size without a word." },
    { .id = "sizes-positive",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--tensor-model-parallel-size --pipeline-model-parallel-size "
                 "--context-parallel-size",
      .shape = true,
      .check = sizes_positive,
      .what = "no parallel size is 0",
      .why = "The number of ranks is divided by their product (ZeroDivisionError).",
      .fix = "every parallel size is at least 1" },
    { .id = "world-divides-model",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world --tensor-model-parallel-size --pipeline-model-parallel-size "
                 "--context-parallel-size --tensor-parallel-num-weight-shards",
      .needs = "gtp-shards-min sizes-positive",
      .shape = true,
      .check = world_divides,
      .what = "the number of ranks is a multiple of TP x PP x CP",
      .why = "Ranks form equal replicas of the model; experts do not count here.",
      .fix = "start a multiple of TP x PP x CP ranks" },
    { .id = "attn-local-spec",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--attention-backend --spec",
      .check = attn_local_spec,
      .what = "--attention-backend local needs --spec local",
      .why = "The local attention exists only in the local layer specification.",
      .fix = "--spec local, or another --attention-backend" },
    { .id = "decoder-pp",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = decoder_pp,
      .what = "--standalone-embedding-stage takes one pipeline rank from the decoder layers",
      .why = "That rank holds the embedding alone (up to 0.10)." },
    { .id = "data-parallel-size",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = data_parallel,
      .what = "data_parallel_size is ranks / (TP x PP x CP)",
      .why = "Replicas share a batch; everything about batch sizes divides by it." },
};

const struct rule_section validate_world_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
