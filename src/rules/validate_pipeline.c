/* Fifth part of validate_args: how layers divide into pipeline ranks and model chunks. */
#include <inttypes.h>

#include "megatron/layout.h"
#include "rules/nearest.h"
#include "rules/sections.h"
#include "rules/truth.h"

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

    if (walk_violated(walk, "vpp-one-knob") || walk_violated(walk, "vpp-n-uneven") ||
        walk_violated(walk, "hyb-no-vpp-flags")) {
        *chunks = NONE_INT;
        return;
    }
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

static enum answer vpp_one_knob(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int knobs = is_set(job->num_layers_per_virtual_pipeline_stage) +
                is_set(job->num_virtual_stages_per_pipeline_rank) +
                (job->pipeline_model_parallel_layout != NULL);

    if (knobs == 0)
        return NOT_APPLICABLE;
    if (knobs == 1)
        return HOLDS;
    return violated(walk, finding, "%d options say how many model chunks a pipeline rank holds",
                    knobs);
}

static bool wants_chunks(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->release >= RELEASE_0_13_0)
        return is_set(job->virtual_pipeline_model_parallel_size);
    return is_set(job->num_layers_per_virtual_pipeline_stage) ||
           is_set(job->num_virtual_stages_per_pipeline_rank);
}

/* Two ranks would send to and receive from each other in one batch. */
static enum answer vpp_pp_min(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t least = is_on(job->overlap_p2p_comm) ? 2 : 3;

    if (!wants_chunks(walk))
        return NOT_APPLICABLE;
    if (job->pipeline_model_parallel_size >= least)
        return HOLDS;
    if (least == 3 && job->pipeline_model_parallel_size == 2)
        finding_fix(walk, finding, "remove --no-overlap-p2p-communication");
    return violated_at(walk, finding, least == 3,
                       "model chunks%s need at least %" PRId64 " pipeline ranks, not %" PRId64,
                       least == 3 ? " without overlapped communication" : "", least,
                       job->pipeline_model_parallel_size);
}

static enum answer layout_grammar(struct walk *walk, struct finding *finding)
{
    const char *text = walk->job->pipeline_model_parallel_layout;
    struct layout layout;
    struct error err;

    if (!text)
        return NOT_APPLICABLE;
    if (layout_parse(text, walk->arena, &layout, &err) == 0)
        return HOLDS;
    return violated(walk, finding, "%s", err.text);
}

static enum answer layout_stages(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size;
    struct layout layout;

    if (!job->pipeline_model_parallel_layout || pp == 0)
        return NOT_APPLICABLE;
    layout_parse(job->pipeline_model_parallel_layout, walk->arena, &layout, NULL);
    if (floor_mod(layout.stage_count, pp) == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%d stages of the layout cannot be split over %" PRId64 " pipeline ranks",
                    layout.stage_count, pp);
}

/* Only --num-layers-per-virtual-pipeline-stage decides. */
static bool chunks_by_layers(const struct job *job)
{
    return is_set(job->num_layers_per_virtual_pipeline_stage) &&
           !is_set(job->num_virtual_stages_per_pipeline_rank) &&
           !job->pipeline_model_parallel_layout;
}

static enum answer vpp_n_uneven(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!chunks_by_layers(job))
        return NOT_APPLICABLE;
    if (!is_set(job->decoder_first_pipeline_num_layers) &&
        !is_set(job->decoder_last_pipeline_num_layers))
        return HOLDS;
    return violated(walk, finding,
                    "--num-layers-per-virtual-pipeline-stage cannot count chunks of "
                    "uneven stages");
}

static const char *counted_extra(const struct job *job)
{
    bool embedding = is_on(job->account_for_embedding_in_pipeline_split);
    bool loss = is_on(job->account_for_loss_in_pipeline_split);

    return embedding && loss ? " (embedding and loss counted)"
           : embedding       ? " (embedding counted)"
           : loss            ? " (loss counted)"
                             : "";
}

/* What a pipeline size must divide besides the layers; 'unknown' when any does. */
static int64_t ranks_for_pipelines(const struct job *job, int64_t unknown)
{
    int64_t others =
        job->tensor_model_parallel_size * job->context_parallel_size * job->gtp_weight_remat_size;

    if (!is_set(job->world_size) || others <= 0 || job->world_size % others != 0)
        return unknown;
    return job->world_size / others;
}

static enum answer layers_over_pp(struct walk *walk, struct finding *finding, int place)
{
    const struct job *job = walk->job;
    int64_t layers = layers_to_split(job);
    int64_t pp = job->transformer_pipeline_model_parallel_size;
    int64_t near;

    if (!is_set(layers) && is_on(job->use_checkpoint_args))
        return NOT_APPLICABLE;
    if (!is_set(layers))
        return violated_at(walk, finding, place, "--num-layers is not given, and has no default");
    if (pp == 0)
        return violated(walk, finding,
                        "--standalone-embedding-stage leaves no pipeline rank to the "
                        "layers");
    if (floor_mod(layers, pp) == 0)
        return HOLDS;
    near = nearest_divisor(layers, ranks_for_pipelines(job, layers), pp);
    if (near)
        finding_fix(walk, finding, "--pipeline-model-parallel-size %" PRId64 "%s", near,
                    walk->release >= RELEASE_0_11_0
                        ? ", or uneven stages by --decoder-first-pipeline-num-layers and "
                          "--decoder-last-pipeline-num-layers"
                        : "");
    return violated_at(walk, finding, place,
                       "%" PRId64 " layers%s cannot be split over %" PRId64 " pipeline ranks",
                       layers, counted_extra(job), pp);
}

static enum answer vpp_n_pp(struct walk *walk, struct finding *finding)
{
    int place = walk->release == RELEASE_0_10_0;

    return chunks_by_layers(walk->job) ? layers_over_pp(walk, finding, place) : NOT_APPLICABLE;
}

static enum answer vpp_n_divides(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t layers = layers_to_split(job);
    int64_t pp = job->transformer_pipeline_model_parallel_size;
    int64_t chunk = job->num_layers_per_virtual_pipeline_stage;

    if (!chunks_by_layers(job) || !is_set(layers) || pp == 0)
        return NOT_APPLICABLE;
    if (chunk != 0 && floor_mod(floor_div(layers, pp), chunk) == 0)
        return HOLDS;
    if (pp > 0 && layers > 0)
        finding_fix(walk, finding, "--num-layers-per-virtual-pipeline-stage %" PRId64,
                    nearest_divisor(layers / pp, layers / pp, chunk));
    return violated(walk, finding,
                    "%" PRId64 " layers a pipeline rank cannot be cut into chunks of %" PRId64,
                    floor_div(layers, pp), chunk);
}

/* Every stage gets the same number of layers unless told otherwise. */
static enum answer pp_divides_layers(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->num_layers) || is_set(job->decoder_first_pipeline_num_layers) ||
        is_set(job->decoder_last_pipeline_num_layers))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_11_0 &&
        (is_set(job->num_layers_per_virtual_pipeline_stage) ||
         is_set(job->num_virtual_stages_per_pipeline_rank) || job->pipeline_model_parallel_layout))
        return NOT_APPLICABLE;
    if (walk->release >= RELEASE_0_17_0 && job->hybrid_layer_pattern)
        return NOT_APPLICABLE;
    return layers_over_pp(walk, finding, 0);
}

static const struct rule rows[] = {
    { .id = "pp-divides-layers",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_0_10_0,
      .options = "--num-layers --pipeline-model-parallel-size "
                 "--account-for-embedding-in-pipeline-split "
                 "--account-for-loss-in-pipeline-split",
      .needs = "sizes-positive",
      .shape = true,
      .check = pp_divides_layers,
      .what = "layers are a multiple of the pipeline ranks",
      .why = "Without chunks, layout or uneven stages every rank holds the same number of "
             "layers.",
      .fix = "a --pipeline-model-parallel-size that divides the layers" },
    { .id = "vpp-one-knob",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers-per-virtual-pipeline-stage "
                 "--num-virtual-stages-per-pipeline-rank --pipeline-model-parallel-layout",
      .shape = true,
      .check = vpp_one_knob,
      .what = "model chunks are given one way",
      .why = "By layers a chunk, by chunks a rank (0.11), or by a layout (0.13).",
      .fix = "keep one of the options" },
    { .id = "vpp-pp-min",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_12_0,
      .options = "--pipeline-model-parallel-size --num-layers-per-virtual-pipeline-stage "
                 "--num-virtual-stages-per-pipeline-rank --pipeline-model-parallel-layout "
                 "--no-overlap-p2p-communication",
      .needs = "vpp-one-knob layout-grammar layout-stages",
      .shape = true,
      .check = vpp_pp_min,
      .what = "model chunks need two pipeline ranks, three without overlapped communication",
      .why = "Chunks interleave between ranks.",
      .fix = "more pipeline ranks, or no model chunks" },
    { .id = "layout-grammar",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .options = "--pipeline-model-parallel-layout",
      .needs = "vpp-one-knob",
      .shape = true,
      .check = layout_grammar,
      .what = "a layout holds only E, t, m, L and '|'",
      .why = "Commas are dropped and '(...)*n' and 'x*n' repeated first.",
      .fix = "letters E, t, m, L between '|', without blanks" },
    { .id = "layout-stages",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .options = "--pipeline-model-parallel-layout --pipeline-model-parallel-size",
      .needs = "vpp-one-knob layout-grammar sizes-positive",
      .shape = true,
      .check = layout_stages,
      .what = "stages of a layout are a multiple of PP",
      .why = "Stage i is chunk i / PP of pipeline rank i % PP.",
      .fix = "a multiple of --pipeline-model-parallel-size stages" },
    { .id = "vpp-n-uneven",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers-per-virtual-pipeline-stage --decoder-first-pipeline-num-layers "
                 "--decoder-last-pipeline-num-layers",
      .needs = "vpp-one-knob",
      .shape = true,
      .check = vpp_n_uneven,
      .what = "uneven stages count chunks, not layers a chunk",
      .why = "The number of chunks would differ between ranks.",
      .fix = "--num-virtual-stages-per-pipeline-rank instead" },
    { .id = "vpp-n-pp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers --pipeline-model-parallel-size "
                 "--num-layers-per-virtual-pipeline-stage",
      .needs = "sizes-positive pp-divides-layers vpp-one-knob vpp-n-uneven",
      .shape = true,
      .check = vpp_n_pp,
      .what = "with chunks by layers, layers are a multiple of the pipeline ranks",
      .why = "Every rank holds the same number of layers.",
      .fix = "a --pipeline-model-parallel-size that divides the layers" },
    { .id = "vpp-n-divides",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers-per-virtual-pipeline-stage --num-layers "
                 "--pipeline-model-parallel-size",
      .needs = "sizes-positive vpp-n-pp pp-divides-layers vpp-one-knob vpp-n-uneven",
      .shape = true,
      .check = vpp_n_divides,
      .what = "layers a pipeline rank are a multiple of layers a chunk",
      .why = "Every chunk holds the same number of layers.",
      .fix = "a divisor of the layers a pipeline rank holds" },
    { .id = "pp-divides-layers",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--num-layers --pipeline-model-parallel-size "
                 "--account-for-embedding-in-pipeline-split "
                 "--account-for-loss-in-pipeline-split",
      .needs = "sizes-positive",
      .shape = true,
      .check = pp_divides_layers,
      .what = "layers are a multiple of the pipeline ranks",
      .why = "Without chunks, layout or uneven stages every rank holds the same number of "
             "layers.",
      .fix = "a --pipeline-model-parallel-size that divides the layers" },
    { .id = "vpp",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = vpp,
      .what = "model chunks a pipeline rank, from layers, chunks or layout",
      .why = "One chunk is no interleaving (since 0.14; for a layout since 0.13)." },
    { .id = "vpp-pp-min",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .options = "--pipeline-model-parallel-size --num-layers-per-virtual-pipeline-stage "
                 "--num-virtual-stages-per-pipeline-rank --pipeline-model-parallel-layout "
                 "--no-overlap-p2p-communication",
      .needs = "vpp-one-knob layout-grammar layout-stages",
      .shape = true,
      .check = vpp_pp_min,
      .what = "model chunks need two pipeline ranks, three without overlapped communication",
      .why = "Chunks interleave between ranks.",
      .fix = "more pipeline ranks, or no model chunks" },
    { .id = "novpp-no-overlap",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = no_p2p_overlap,
      .what = "without model chunks stages do not overlap their communication",
      .why = "overlap_p2p_comm and align_param_gather are switched off." },
};

const struct rule_section validate_pipeline_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
