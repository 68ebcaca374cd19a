/* Fourth part of validate_args: hybrid layer patterns, multi-token prediction, and how layers divide
 * into pipeline ranks and model chunks. */
#include "megatron/layer_pattern.h"
#include "megatron/layout.h"
#include "rules/sections.h"
#include "rules/truth.h"

static void hybrid_alias(struct walk *walk)
{
    if (walk->job->hybrid_override_pattern)
        walk->job->hybrid_layer_pattern = walk->job->hybrid_override_pattern;
}

/* --mtp-hybrid-override-pattern P with N depths is "/P" N times at the end of the pattern. */
static void hybrid_mtp_alias(struct walk *walk)
{
    struct job *job = walk->job;
    const char *pattern = job->hybrid_layer_pattern ? job->hybrid_layer_pattern : "";

    if (!job->mtp_hybrid_override_pattern || !is_set(job->mtp_num_layers) ||
        job->mtp_num_layers <= 0 || strchr(pattern, '/'))
        return;
    for (int64_t i = 0; i < job->mtp_num_layers && i < 1024; i++)
        pattern = arena_printf(walk->arena, "%s/%s", pattern, job->mtp_hybrid_override_pattern);
    job->hybrid_layer_pattern = pattern;
    job->mtp_hybrid_override_pattern = NULL;
}

static void hybrid_layers(struct walk *walk)
{
    if (walk->job->hybrid_layer_pattern)
        walk->job->num_layers = hybrid_pattern_of(walk->job->hybrid_layer_pattern).layers;
}

static void hybrid_vpp(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t pp = job->transformer_pipeline_model_parallel_size;
    int64_t segments;

    if (!job->hybrid_layer_pattern || pp <= 0)
        return;
    segments = hybrid_pattern_of(job->hybrid_layer_pattern).segments;
    job->virtual_pipeline_model_parallel_size =
        segments > pp && segments % pp == 0 ? segments / pp : NONE_INT;
}

static void hybrid_mtp(struct walk *walk)
{
    struct job *job = walk->job;
    struct hybrid_pattern pattern;

    if (!job->hybrid_layer_pattern || !strchr(job->hybrid_layer_pattern, '/'))
        return;
    pattern = hybrid_pattern_of(job->hybrid_layer_pattern);
    if (pattern.mtp_length > 0 && pattern.mtp_depths > 0)
        job->mtp_num_layers = pattern.mtp_depths;
}

static void mtp_hsm_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->mtp_hsm) && (!is_set(job->mtp_num_layers) || job->mtp_num_layers < 2))
        job->mtp_hsm = 0;
}

static void hybrid_mla(struct walk *walk)
{
    const char *symbols = walk->release >= RELEASE_0_19_0 ? "+D" : "D";

    if (walk->job->hybrid_layer_pattern && strpbrk(walk->job->hybrid_layer_pattern, symbols))
        walk->job->multi_latent_attention = 1;
}

static int64_t layers_to_split(const struct job *job)
{
    int64_t layers = is_set(job->num_layers) ? job->num_layers : job->decoder_num_layers;

    if (!is_set(layers))
        return NONE_INT;
    return layers + is_on(job->account_for_embedding_in_pipeline_split) +
           is_on(job->account_for_loss_in_pipeline_split);
}

/* Chunks by --num-layers-per-virtual-pipeline-stage; None where the division is not exact. */
static int64_t chunks_of_layers(const struct job *job)
{
    int64_t layers = layers_to_split(job);
    int64_t pp = job->transformer_pipeline_model_parallel_size;
    int64_t per_chunk = job->num_layers_per_virtual_pipeline_stage;

    if (!is_set(layers) || pp == 0 || per_chunk == 0 || floor_mod(layers, pp) != 0 ||
        floor_mod(floor_div(layers, pp), per_chunk) != 0)
        return NONE_INT;
    return floor_div(floor_div(layers, pp), per_chunk);
}

static int64_t chunks_of_layout(struct walk *walk)
{
    struct layout layout;
    int64_t pp = walk->job->pipeline_model_parallel_size;

    if (layout_parse(walk->job->pipeline_model_parallel_layout, walk->arena, &layout, NULL) != 0 ||
        pp == 0 || floor_mod(layout.stage_count, pp) != 0)
        return NONE_INT;
    return floor_div(layout.stage_count, pp);
}

/* A single chunk is no interleaving; up to 0.13 only a layout knows that. */
static void vpp(struct walk *walk)
{
    struct job *job = walk->job;
    int64_t *chunks = &job->virtual_pipeline_model_parallel_size;
    bool one_is_off = walk->release >= RELEASE_0_14_0;

    if (job->pipeline_model_parallel_layout) {
        *chunks = chunks_of_layout(walk);
        one_is_off = true;
    } else if (is_set(job->num_virtual_stages_per_pipeline_rank)) {
        *chunks = job->num_virtual_stages_per_pipeline_rank;
    } else if (is_set(job->num_layers_per_virtual_pipeline_stage)) {
        *chunks = chunks_of_layers(job);
    } else {
        if (walk->release < RELEASE_0_17_0 || !job->hybrid_layer_pattern)
            *chunks = NONE_INT;
        return;
    }
    if (one_is_off && *chunks == 1)
        *chunks = NONE_INT;
}

static void no_p2p_overlap(struct walk *walk)
{
    if (is_set(walk->job->virtual_pipeline_model_parallel_size))
        return;
    walk->job->overlap_p2p_comm = 0;
    if (walk->release >= RELEASE_0_9_0)
        walk->job->align_param_gather = 0;
}

static const struct rule rows[] = {
    { .id = "hybrid-pattern-alias", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN, .adjust = hybrid_alias,
      .what = "--hybrid-override-pattern is --hybrid-layer-pattern",
      .why = "The old name is kept for scripts of 0.16." },
    { .id = "hybrid-mtp-alias", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN, .adjust = hybrid_mtp_alias,
      .what = "--mtp-hybrid-override-pattern is appended to the pattern, once a depth",
      .why = "One pattern holds the main model and its prediction heads." },
    { .id = "hybrid-layers", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN, .adjust = hybrid_layers,
      .what = "--num-layers is the number of letters in --hybrid-layer-pattern",
      .why = "A given --num-layers is ignored with a warning." },
    { .id = "hybrid-vpp", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0, .until = RELEASE_MAIN,
      .adjust = hybrid_vpp,
      .what = "model chunks a pipeline rank are the pattern's segments / PP",
      .why = "A pattern without '|' is cut when the model is built." },
    { .id = "hybrid-mtp-depths", .stage = STAGE_VALIDATE, .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN, .adjust = hybrid_mtp,
      .what = "--mtp-num-layers is the number of '/' parts of the pattern",
      .why = "A given --mtp-num-layers is replaced." },
    { .id = "mtp-hsm", .stage = STAGE_VALIDATE, .since = RELEASE_MAIN, .until = RELEASE_MAIN,
      .adjust = mtp_hsm_off, .what = "--mtp-hsm is off with fewer than two MTP layers",
      .why = "There is nothing to mix." },
    { .id = "hybrid-mla", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2, .until = RELEASE_MAIN,
      .adjust = hybrid_mla,
      .what = "a pattern with latent attention layers turns --multi-latent-attention on",
      .why = "'+' (since 0.19) and 'D' are latent attention." },
    { .id = "vpp", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0, .until = RELEASE_MAIN,
      .adjust = vpp, .what = "model chunks a pipeline rank, from layers, chunks or layout",
      .why = "One chunk is no interleaving (since 0.14; for a layout since 0.13)." },
    { .id = "novpp-no-overlap", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = no_p2p_overlap,
      .what = "without model chunks stages do not overlap their communication",
      .why = "overlap_p2p_comm and align_param_gather are switched off." },
};

const struct rule_section validate_pipeline_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
