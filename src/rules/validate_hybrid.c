/* Fourth part of validate_args: hybrid layer patterns ("MM*-|MM*-/MM") and multi-token prediction.
 */
#include <inttypes.h>

#include "megatron/layer_pattern.h"
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

static enum answer hybrid_one_pattern(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->hybrid_override_pattern)
        return NOT_APPLICABLE;
    if (!job->hybrid_layer_pattern)
        return HOLDS;
    return violated(
        walk, finding,
        "--hybrid-override-pattern and --hybrid-layer-pattern say the same thing twice");
}

/* Latent attention symbols, which no pattern mixes with '*'. */
static const char *latent_symbols(enum release release)
{
    return release >= RELEASE_0_19_0 ? "+D" : release >= RELEASE_0_18_2 ? "D" : "";
}

static enum answer symbols_fit(struct walk *walk, struct finding *finding, const char *part,
                               int length, const char *pipe, int place)
{
    const char *latent = latent_symbols(walk->release);
    const char *known = arena_printf(walk->arena, "MG*-E%s%s", latent, pipe);
    const char *text = arena_strndup(walk->arena, part, (size_t)length);
    size_t good = strspn(text, known);

    if (text[good])
        return violated_at(walk, finding, place,
                           "'%c' is no layer in the hybrid pattern '%s'; %s knows %s", text[good],
                           text, release_name(walk->release), known);
    if (strchr(text, '*') && strpbrk(text, latent))
        return violated_at(walk, finding, place + 1,
                           "the hybrid pattern '%s' mixes plain and latent attention", text);
    return HOLDS;
}

static enum answer hybrid_symbols(struct walk *walk, struct finding *finding)
{
    struct hybrid_pattern pattern = hybrid_pattern_of(walk->job->hybrid_layer_pattern);

    if (!walk->job->hybrid_layer_pattern)
        return NOT_APPLICABLE;
    return symbols_fit(walk, finding, pattern.main_part, pattern.main_length, "|", 0);
}

/* What a pattern lays out itself cannot be asked for again. */
static enum answer hybrid_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct {
        bool given;
        const char *option;
    } row[] = {
        { is_set(job->num_layers_per_virtual_pipeline_stage),
          "--num-layers-per-virtual-pipeline-stage" },
        { is_set(job->num_virtual_stages_per_pipeline_rank),
          "--num-virtual-stages-per-pipeline-rank" },
        { job->pipeline_model_parallel_layout != NULL, "--pipeline-model-parallel-layout" },
        { is_on(job->account_for_embedding_in_pipeline_split),
          "--account-for-embedding-in-pipeline-split" },
        { is_on(job->account_for_loss_in_pipeline_split), "--account-for-loss-in-pipeline-split" },
    };

    if (!job->hybrid_layer_pattern)
        return NOT_APPLICABLE;
    for (int i = 0; i < (int)(sizeof(row) / sizeof(row[0])); i++) {
        if (!row[i].given)
            continue;
        finding_fix(walk, finding, "remove %s and put '|' between the segments of the pattern",
                    row[i].option);
        return violated_at(walk, finding, i,
                           "%s contradicts the hybrid pattern, which is its own layout",
                           row[i].option);
    }
    return HOLDS;
}

static enum answer hybrid_uneven(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->hybrid_layer_pattern || hybrid_pattern_of(job->hybrid_layer_pattern).segments == 1)
        return NOT_APPLICABLE;
    if (!is_set(job->decoder_first_pipeline_num_layers) &&
        !is_set(job->decoder_last_pipeline_num_layers))
        return HOLDS;
    return violated_at(walk, finding, !is_set(job->decoder_first_pipeline_num_layers),
                       "%s contradicts the segments of the hybrid pattern",
                       is_set(job->decoder_first_pipeline_num_layers)
                           ? "--decoder-first-pipeline-num-layers"
                           : "--decoder-last-pipeline-num-layers");
}

static enum answer hybrid_segments(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t pp = job->transformer_pipeline_model_parallel_size;
    int64_t segments;

    if (!job->hybrid_layer_pattern || pp == 0)
        return NOT_APPLICABLE;
    segments = hybrid_pattern_of(job->hybrid_layer_pattern).segments;
    if ((segments == 1 && pp > 1) || floor_mod(segments, pp) == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " segments of the hybrid pattern cannot be split over %" PRId64
                    " pipeline ranks",
                    segments, pp);
}

/* The parts behind the first '/': equal, and made of layers. All empty is no prediction at all. */
static enum answer hybrid_mtp_parts(struct walk *walk, struct finding *finding)
{
    const char *pattern = walk->job->hybrid_layer_pattern;
    const char *rest = pattern ? strchr(pattern, '/') : NULL;
    size_t first;

    if (!rest)
        return NOT_APPLICABLE;
    if (rest[strspn(rest, "/")] == '\0')
        return HOLDS;
    first = strcspn(rest + 1, "/");
    for (const char *part = rest; *part == '/'; part += 1 + strcspn(part + 1, "/"))
        if (strcspn(part + 1, "/") != first || strncmp(part + 1, rest + 1, first) != 0)
            return violated(walk, finding, "the prediction parts of the hybrid pattern '%s' differ",
                            pattern);
    return symbols_fit(walk, finding, rest + 1, (int)first, "", 1);
}

static enum answer mtp_posemb(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *type = job->position_embedding_type;

    if (!is_nonzero(job->mtp_num_layers))
        return NOT_APPLICABLE;
    if (is_word(type, "rope") || is_word(type, "none"))
        return HOLDS;
    return violated(walk, finding, "multi-token prediction does not work with %s positions%s", type,
                    is_on(job->use_rotary_position_embeddings)
                        ? "; --use-rotary-position-embeddings is read too late"
                        : "");
}

static enum answer mtp_legacy(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->mtp_num_layers))
        return NOT_APPLICABLE;
    if (!is_on(job->use_legacy_models))
        return HOLDS;
    return violated(walk, finding, "legacy models have no multi-token prediction");
}

static const struct rule rows[] = {
    { .id = "hyb-override",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-override-pattern --hybrid-layer-pattern",
      .check = hybrid_one_pattern,
      .what = "--hybrid-override-pattern excludes --hybrid-layer-pattern",
      .why = "The first is the old name of the second.",
      .fix = "keep --hybrid-layer-pattern only" },
    { .id = "hybrid-pattern-alias",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = hybrid_alias,
      .what = "--hybrid-override-pattern is --hybrid-layer-pattern",
      .why = "The old name is kept for scripts of 0.16." },
    { .id = "hybrid-mtp-alias",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = hybrid_mtp_alias,
      .what = "--mtp-hybrid-override-pattern is appended to the pattern, once a depth",
      .why = "One pattern holds the main model and its prediction heads." },
    { .id = "hyb-symbols",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-layer-pattern --hybrid-override-pattern",
      .check = hybrid_symbols,
      .what = "a hybrid pattern holds layers this release knows",
      .why = "M Mamba, G gated delta net, * attention, - MLP, E experts, D and + latent "
             "attention.",
      .fix = "letters that the release knows" },
    { .id = "hyb-layers",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = hybrid_layers,
      .what = "--num-layers is the number of letters in --hybrid-layer-pattern",
      .why = "A given --num-layers is ignored with a warning." },
    { .id = "hyb-pipes-first-last",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-layer-pattern --decoder-first-pipeline-num-layers "
                 "--decoder-last-pipeline-num-layers",
      .shape = true,
      .check = hybrid_uneven,
      .what = "a pattern with '|' excludes uneven first and last stages",
      .why = "The segments say what every stage holds.",
      .fix = "remove the options, or every '|' of the pattern" },
    { .id = "hyb-no-vpp-flags",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-layer-pattern --num-layers-per-virtual-pipeline-stage "
                 "--num-virtual-stages-per-pipeline-rank --pipeline-model-parallel-layout "
                 "--account-for-embedding-in-pipeline-split "
                 "--account-for-loss-in-pipeline-split",
      .shape = true,
      .check = hybrid_alone,
      .what = "a hybrid pattern excludes other ways to lay out the pipeline",
      .why = "Segments between '|' are pipeline stages, several a rank are model chunks.",
      .fix = "put '|' between segments of the pattern instead" },
    { .id = "hyb-segments",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-layer-pattern --pipeline-model-parallel-size",
      .needs = "sizes-positive",
      .shape = true,
      .check = hybrid_segments,
      .what = "segments of a hybrid pattern are a multiple of PP",
      .why = "Each pipeline rank gets the same number of segments.",
      .fix = "a multiple of --pipeline-model-parallel-size segments" },
    { .id = "hyb-vpp",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = hybrid_vpp,
      .what = "model chunks a pipeline rank are the pattern's segments / PP",
      .why = "A pattern without '|' is cut when the model is built." },
    { .id = "hyb-mtp-parts",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--hybrid-layer-pattern --mtp-hybrid-override-pattern",
      .check = hybrid_mtp_parts,
      .what = "prediction parts of a hybrid pattern are equal and made of layers",
      .why = "Each '/' part is one depth of the same head.",
      .fix = "repeat one part behind every '/'" },
    { .id = "hyb-mtp-infer",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .adjust = hybrid_mtp,
      .what = "--mtp-num-layers is the number of '/' parts of the pattern",
      .why = "A given --mtp-num-layers is replaced." },
    { .id = "legacy-models-mtp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_0_17_0,
      .options = "--mtp-num-layers --use-legacy-models",
      .check = mtp_legacy,
      .what = "multi-token prediction excludes legacy models",
      .why = "Only Megatron-core models have the heads.",
      .fix = "remove --use-legacy-models" },
    { .id = "mtp-posemb",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--mtp-num-layers --position-embedding-type --use-rotary-position-embeddings",
      .check = mtp_posemb,
      .what = "multi-token prediction needs rope or no positions",
      .why = "Shifted tokens would need shifted learned positions.",
      .fix = "--position-embedding-type rope" },
    { .id = "mtp-hsm",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = mtp_hsm_off,
      .what = "--mtp-hsm is off with fewer than two MTP layers",
      .why = "There is nothing to mix." },
    { .id = "mla-symbol",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = hybrid_mla,
      .what = "a pattern with latent attention layers turns --multi-latent-attention on",
      .why = "'+' (since 0.19) and 'D' are latent attention." },
};

const struct rule_section validate_hybrid_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
