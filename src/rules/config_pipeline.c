/* Fifth part of TransformerConfig: how layers are split over the pipeline - by a layout string, by
 * uneven first and last stages, or counting embedding and loss as layers. */
#include <inttypes.h>

#include "megatron/layout.h"
#include "rules/sections.h"
#include "rules/truth.h"

static bool uneven(const struct job *job)
{
    return is_set(job->decoder_first_pipeline_num_layers) ||
           is_set(job->decoder_last_pipeline_num_layers);
}

static bool accounted(const struct job *job)
{
    return is_on(job->account_for_embedding_in_pipeline_split) ||
           is_on(job->account_for_loss_in_pipeline_split);
}

static int64_t accounted_layers(const struct job *job)
{
    return job->num_layers + is_on(job->account_for_embedding_in_pipeline_split) +
           is_on(job->account_for_loss_in_pipeline_split);
}

static enum answer uneven_vs_account(struct walk *walk, struct finding *finding)
{
    if (!uneven(walk->job))
        return NOT_APPLICABLE;
    if (!accounted(walk->job))
        return HOLDS;
    return violated(walk, finding, "%s and %s split the pipeline in two ways",
                    is_set(walk->job->decoder_first_pipeline_num_layers)
                        ? "--decoder-first-pipeline-num-layers"
                        : "--decoder-last-pipeline-num-layers",
                    is_on(walk->job->account_for_embedding_in_pipeline_split)
                        ? "--account-for-embedding-in-pipeline-split"
                        : "--account-for-loss-in-pipeline-split");
}

static enum answer layout_conflict(struct walk *walk, struct finding *finding)
{
    if (!walk->job->pipeline_model_parallel_layout)
        return NOT_APPLICABLE;
    if (!uneven(walk->job) && !accounted(walk->job))
        return HOLDS;
    return violated(
        walk, finding,
        "--pipeline-model-parallel-layout already says what every stage "
        "holds, but %s is given too",
        is_set(walk->job->decoder_first_pipeline_num_layers) ? "--decoder-first-pipeline-num-layers"
        : is_set(walk->job->decoder_last_pipeline_num_layers) ? "--decoder-last-pipeline-num-layers"
        : is_on(walk->job->account_for_embedding_in_pipeline_split)
            ? "--account-for-embedding-in-pipeline-split"
            : "--account-for-loss-in-pipeline-split");
}

/* The layout of a job that has one which parses and fits PP. */
static bool layout_of(const struct walk *walk, struct layout *layout)
{
    const char *text = walk->job->pipeline_model_parallel_layout;
    int64_t pp = walk->job->pipeline_model_parallel_size;

    return text && pp >= 1 && layout_parse(text, walk->arena, layout, NULL) == 0 &&
           layout->stage_count % pp == 0;
}

static int64_t letters(const struct layout *layout, char letter)
{
    return layout_count_before(layout, layout->stage_count, letter);
}

static char first_letter(const struct layout *layout)
{
    for (int i = 0; i < layout->stage_count; i++)
        if (layout->stage[i][0] != '\0')
            return layout->stage[i][0];
    return '\0';
}

static char last_letter(const struct layout *layout)
{
    for (int i = layout->stage_count - 1; i >= 0; i--)
        if (*layout->stage[i])
            return layout->stage[i][strlen(layout->stage[i]) - 1];
    return '\0';
}

static enum answer layout_first(struct walk *walk, struct finding *finding)
{
    struct layout layout;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    if (first_letter(&layout) == 'E' && letters(&layout, 'E') == 1)
        return HOLDS;
    return violated_at(walk, finding, first_letter(&layout) == 'E',
                       "the layout '%s' has %" PRId64 " E (embedding), not one at its beginning",
                       walk->job->pipeline_model_parallel_layout, letters(&layout, 'E'));
}

static enum answer layout_last(struct walk *walk, struct finding *finding)
{
    struct layout layout;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    if (last_letter(&layout) == 'L' && letters(&layout, 'L') == 1)
        return HOLDS;
    return violated_at(walk, finding, last_letter(&layout) == 'L',
                       "the layout '%s' has %" PRId64 " L (loss), not one at its end",
                       walk->job->pipeline_model_parallel_layout, letters(&layout, 'L'));
}

static enum answer layout_count_t(struct walk *walk, struct finding *finding)
{
    struct layout layout;

    if (!layout_of(walk, &layout) || !is_set(walk->job->num_layers))
        return NOT_APPLICABLE;
    if (letters(&layout, 't') == walk->job->num_layers)
        return HOLDS;
    return violated(
        walk, finding, "the layout '%s' places %" PRId64 " layers, the model has %" PRId64,
        walk->job->pipeline_model_parallel_layout, letters(&layout, 't'), walk->job->num_layers);
}

static enum answer layout_count_m(struct walk *walk, struct finding *finding)
{
    int64_t wanted = value_or(walk->job->mtp_num_layers, 0);
    struct layout layout;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    if (walk->release == RELEASE_0_13_0 && letters(&layout, 'm') > 0)
        return violated_at(walk, finding, 0, "the layout '%s' places MTP layers, which 0.13 cannot",
                           walk->job->pipeline_model_parallel_layout);
    if (walk->release == RELEASE_0_13_0 || letters(&layout, 'm') == wanted)
        return HOLDS;
    finding_fix(walk, finding, "as many m in the layout as --mtp-num-layers (%" PRId64 ")", wanted);
    return violated_at(walk, finding, 1,
                       "the layout '%s' places %" PRId64 " MTP layers, the model has %" PRId64,
                       walk->job->pipeline_model_parallel_layout, letters(&layout, 'm'), wanted);
}

static enum answer layout_m_order(struct walk *walk, struct finding *finding)
{
    struct layout layout;
    bool seen = false;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    for (int i = 0; i < layout.stage_count; i++)
        for (const char *p = layout.stage[i]; *p; p++) {
            seen |= *p == 'm';
            if (seen && *p == 't')
                return violated(walk, finding,
                                "the layout '%s' has decoder layers after MTP layers",
                                walk->job->pipeline_model_parallel_layout);
        }
    return HOLDS;
}

static enum answer layout_m_lastvp(struct walk *walk, struct finding *finding)
{
    int64_t pp = walk->job->pipeline_model_parallel_size;
    struct layout layout;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    for (int i = 0; i < layout.stage_count - pp; i++)
        if (layout_count(&layout, i, 'm') > 0)
            return violated(walk, finding,
                            "the layout '%s' has MTP layers in chunk %" PRId64
                            " of a rank, not in its "
                            "last",
                            walk->job->pipeline_model_parallel_layout, i / pp);
    return HOLDS;
}

static enum answer layout_m_together(struct walk *walk, struct finding *finding)
{
    struct layout layout;
    int stage = -1;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    for (int i = 0; i < layout.stage_count; i++) {
        if (layout_count(&layout, i, 'm') == 0)
            continue;
        if (stage >= 0)
            return violated(walk, finding,
                            "the layout '%s' spreads MTP layers over stages %d and %d",
                            walk->job->pipeline_model_parallel_layout, stage, i);
        stage = i;
    }
    return HOLDS;
}

static enum answer layout_m_last_rank(struct walk *walk, struct finding *finding)
{
    struct layout layout;

    if (!layout_of(walk, &layout))
        return NOT_APPLICABLE;
    for (int i = 0; i < layout.stage_count - 1; i++)
        if (layout_count(&layout, i, 'm') > 0)
            return violated(walk, finding,
                            "the layout '%s' has MTP layers in stage %d, not in the last one",
                            walk->job->pipeline_model_parallel_layout, i);
    return HOLDS;
}

/* The edge's layers in a rank that is split into chunks. */
static enum answer edge_in_chunks(struct walk *walk, struct finding *finding, int64_t layers,
                                  const char *option)
{
    int64_t chunks = walk->job->virtual_pipeline_model_parallel_size;

    if (walk->job->pipeline_model_parallel_layout || !is_set(layers) || layers <= 0 ||
        !is_nonzero(chunks))
        return NOT_APPLICABLE;
    if (layers % chunks == 0)
        return HOLDS;
    finding_fix(walk, finding, "%s %" PRId64, option, (layers / chunks + 1) * chunks);
    return violated(walk, finding, "%s %" PRId64 " cannot be split into %" PRId64 " model chunks",
                    option, layers, chunks);
}

static enum answer uneven_positive(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t first = job->decoder_first_pipeline_num_layers;
    int64_t last = job->decoder_last_pipeline_num_layers;

    if (job->pipeline_model_parallel_layout || !uneven(job))
        return NOT_APPLICABLE;
    if (is_set(first) && first <= 0)
        return violated_at(walk, finding, 0,
                           "--decoder-first-pipeline-num-layers %" PRId64 " is not positive",
                           first);
    if (is_set(last) && last <= 0)
        return violated_at(walk, finding, 1,
                           "--decoder-last-pipeline-num-layers %" PRId64 " is not positive", last);
    return HOLDS;
}

static enum answer uneven_first_vpp(struct walk *walk, struct finding *finding)
{
    return edge_in_chunks(walk, finding, walk->job->decoder_first_pipeline_num_layers,
                          "--decoder-first-pipeline-num-layers");
}

static enum answer uneven_last_vpp(struct walk *walk, struct finding *finding)
{
    return edge_in_chunks(walk, finding, walk->job->decoder_last_pipeline_num_layers,
                          "--decoder-last-pipeline-num-layers");
}

struct middle {
    int64_t layers;
    int64_t ranks;
};

/* What the uneven first and last stages leave; false when the job is not split that way. */
static bool middle_of(const struct job *job, struct middle *middle)
{
    if (job->pipeline_model_parallel_layout || !uneven(job) || !is_set(job->num_layers))
        return false;
    middle->layers = job->num_layers - value_or(job->decoder_first_pipeline_num_layers, 0) -
                     value_or(job->decoder_last_pipeline_num_layers, 0);
    middle->ranks = job->pipeline_model_parallel_size -
                    is_set(job->decoder_first_pipeline_num_layers) -
                    is_set(job->decoder_last_pipeline_num_layers);
    return true;
}

static enum answer uneven_middle_exists(struct walk *walk, struct finding *finding)
{
    struct middle middle;

    if (!middle_of(walk->job, &middle))
        return NOT_APPLICABLE;
    if ((middle.layers != 0) == (middle.ranks != 0))
        return HOLDS;
    return violated(walk, finding,
                    "first and last stage leave %" PRId64 " of %" PRId64 " layers for %" PRId64
                    " pipeline ranks between them",
                    middle.layers, walk->job->num_layers, middle.ranks);
}

static enum answer uneven_middle(struct walk *walk, struct finding *finding)
{
    struct middle middle;

    if (!middle_of(walk->job, &middle))
        return NOT_APPLICABLE;
    if (middle.ranks == 0 && walk->release >= RELEASE_0_13_0)
        return NOT_APPLICABLE;
    if (middle.ranks == 0)
        return violated_at(walk, finding, 0,
                           "first and last stage leave no pipeline rank between them, which "
                           "this release divides by");
    if (middle.layers % middle.ranks == 0)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "the %" PRId64
                       " layers between first and last stage cannot be split over %" PRId64
                       " pipeline ranks",
                       middle.layers, middle.ranks);
}

static enum answer uneven_middle_vpp(struct walk *walk, struct finding *finding)
{
    int64_t chunks = walk->job->virtual_pipeline_model_parallel_size;
    struct middle middle;
    int64_t each;

    if (!middle_of(walk->job, &middle) || middle.ranks == 0 || !is_nonzero(chunks))
        return NOT_APPLICABLE;
    each = floor_div(middle.layers, middle.ranks);
    if (each % chunks == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " layers of a middle pipeline rank cannot be split into %" PRId64
                    " model chunks",
                    each, chunks);
}

static bool split_by_account(const struct job *job)
{
    return accounted(job) && !job->pipeline_model_parallel_layout && is_set(job->num_layers) &&
           job->pipeline_model_parallel_size >= 1;
}

/* 0.11 without model chunks takes the embedding's and the loss's ranks away instead of counting
 * layers. */
static enum answer acct_pp_ranks(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ranks = job->pipeline_model_parallel_size -
                    is_on(job->account_for_embedding_in_pipeline_split) -
                    is_on(job->account_for_loss_in_pipeline_split);

    if (ranks != 0 && job->num_layers % ranks == 0)
        return HOLDS;
    return violated_at(walk, finding, ranks == 0,
                       "%" PRId64 " layers cannot be split over the %" PRId64
                       " pipeline ranks that "
                       "embedding and loss leave in this release",
                       job->num_layers, ranks);
}

static enum answer acct_pp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size;

    if (!split_by_account(job) || (uneven(job) && walk->release >= RELEASE_0_13_0))
        return NOT_APPLICABLE;
    if (walk->release == RELEASE_0_11_0 && !is_set(job->virtual_pipeline_model_parallel_size))
        return acct_pp_ranks(walk, finding);
    if (accounted_layers(job) % pp == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " layers and %" PRId64
                    " counted for embedding and loss cannot be split "
                    "over PP = %" PRId64,
                    job->num_layers, accounted_layers(job) - job->num_layers, pp);
}

static enum answer acct_vpp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t chunks = job->virtual_pipeline_model_parallel_size;
    int64_t each;

    if (!split_by_account(job) || uneven(job) || !is_nonzero(chunks))
        return NOT_APPLICABLE;
    each = accounted_layers(job) / job->pipeline_model_parallel_size;
    if (each % chunks == 0)
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64
                    " layers of a pipeline rank (embedding and loss counted) cannot be split "
                    "into %" PRId64 " model chunks",
                    each, chunks);
}

#define EDGES "--decoder-first-pipeline-num-layers --decoder-last-pipeline-num-layers "
#define ACCOUNT "--account-for-embedding-in-pipeline-split --account-for-loss-in-pipeline-split "
#define CHUNKS "--num-virtual-stages-per-pipeline-rank --num-layers-per-virtual-pipeline-stage "
#define LAYOUT_NEEDS "vpp-one-knob layout-grammar layout-stages layout-conflict"

static const struct rule rows[] = {
    { .id = "uneven-vs-account",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_vs_account,
      .shape = true,
      .options = EDGES ACCOUNT,
      .what =
          "--decoder-first/last-pipeline-num-layers exclude --account-for-...-in-pipeline-split",
      .why = "Each is a way of its own to lighten the first and last stage.",
      .fix = "keep one of the two ways" },
    { .id = "layout-conflict",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = layout_conflict,
      .shape = true,
      .options = "--pipeline-model-parallel-layout " EDGES ACCOUNT,
      .needs = "uneven-vs-account",
      .what = "--pipeline-model-parallel-layout excludes other ways to split the pipeline",
      .why = "It names what every stage holds.",
      .fix = "drop the other options" },
    { .id = "layout-first-E",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = layout_first,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS,
      .what = "a layout begins with its only E",
      .why = "The embedding comes first.",
      .fix = "one E as the first letter" },
    { .id = "layout-last-L",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = layout_last,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS,
      .what = "a layout ends with its only L",
      .why = "The loss comes last.",
      .fix = "one L as the last letter" },
    { .id = "layout-count-t",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = layout_count_t,
      .shape = true,
      .options = "--pipeline-model-parallel-layout --num-layers",
      .needs = LAYOUT_NEEDS,
      .what = "a layout has as many t as the model has layers",
      .why = "Every decoder layer has its place.",
      .fix = "as many t as --num-layers" },
    { .id = "layout-count-m",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = layout_count_m,
      .shape = true,
      .options = "--pipeline-model-parallel-layout --mtp-num-layers",
      .needs = LAYOUT_NEEDS,
      .what = "a layout has as many m as --mtp-num-layers (0.13: none)",
      .why = "Every MTP layer has its place.",
      .fix = "no m in the layout" },
    { .id = "layout-m-order",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = layout_m_order,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS " layout-count-m",
      .what = "no t follows an m in a layout",
      .why = "MTP layers read the decoder's last output.",
      .fix = "all m after the last t" },
    { .id = "layout-m-lastvp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = layout_m_lastvp,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS " layout-count-m layout-m-order",
      .what = "m stands in the last model chunk of its pipeline rank",
      .why = "Earlier chunks have no place for it.",
      .fix = "m in one of the last PP stages" },
    { .id = "layout-m-together",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = layout_m_together,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS " layout-count-m layout-m-order layout-m-lastvp",
      .what = "all m of a layout stand in one stage",
      .why = "The depths run one after the other.",
      .fix = "all m in one stage" },
    { .id = "layout-m-last-rank",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_0_15_0,
      .check = layout_m_last_rank,
      .shape = true,
      .options = "--pipeline-model-parallel-layout",
      .needs = LAYOUT_NEEDS " layout-count-m layout-m-order layout-m-lastvp layout-m-together",
      .what = "m stands in the last stage in 0.15",
      .why = "MTP layers apart from the loss came with 0.16.",
      .fix = "m in the last stage" },
    { .id = "uneven-positive",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_positive,
      .shape = true,
      .options = EDGES,
      .what = "--decoder-first/last-pipeline-num-layers are positive",
      .why = "A stage without layers is only possible with a layout.",
      .fix = "1 or more" },
    { .id = "uneven-first-vpp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_first_vpp,
      .shape = true,
      .options = "--decoder-first-pipeline-num-layers " CHUNKS,
      .what = "--decoder-first-pipeline-num-layers is a multiple of the model chunks",
      .why = "The first rank splits its layers evenly over its chunks.",
      .fix = "a multiple of the model chunks" },
    { .id = "uneven-last-vpp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_last_vpp,
      .shape = true,
      .options = "--decoder-last-pipeline-num-layers " CHUNKS,
      .what = "--decoder-last-pipeline-num-layers is a multiple of the model chunks",
      .why = "The last rank splits its layers evenly over its chunks.",
      .fix = "a multiple of the model chunks" },
    { .id = "uneven-middle-exists",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = uneven_middle_exists,
      .shape = true,
      .options = EDGES "--pipeline-model-parallel-size --num-layers",
      .needs = "uneven-positive",
      .what = "first and last stage leave both layers and ranks, or neither",
      .why = "What they leave is split evenly over the ranks between them.",
      .fix = "sizes that leave layers for the ranks between, or a layout" },
    { .id = "uneven-middle",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_middle,
      .shape = true,
      .options = EDGES "--pipeline-model-parallel-size --num-layers",
      .needs = "uneven-positive uneven-middle-exists",
      .what = "what first and last stage leave is a multiple of the ranks between them",
      .why = "It is split evenly over them.",
      .fix = "other --decoder-first/last-pipeline-num-layers, or a layout" },
    { .id = "uneven-middle-vpp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = uneven_middle_vpp,
      .shape = true,
      .options = EDGES CHUNKS,
      .needs = "uneven-positive uneven-middle-exists uneven-middle",
      .what = "the layers of a middle rank are a multiple of the model chunks",
      .why = "Each rank splits its layers evenly over its chunks.",
      .fix = "fewer model chunks, or other first and last stages" },
    { .id = "acct-pp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = acct_pp,
      .shape = true,
      .options = ACCOUNT "--num-layers --pipeline-model-parallel-size",
      .needs = "uneven-vs-account pp-divides-layers vpp-n-pp",
      .what = "layers, embedding and loss counted, are a multiple of PP",
      .why = "Stages get the same number of them.",
      .fix = "drop or add one of the --account-for options, or another --num-layers" },
    { .id = "acct-vpp",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = acct_vpp,
      .shape = true,
      .options = ACCOUNT CHUNKS,
      .needs = "uneven-vs-account acct-pp pp-divides-layers vpp-n-pp",
      .what = "layers of a rank, embedding and loss counted, are a multiple of its model chunks",
      .why = "Each rank splits them evenly over its chunks.",
      .fix = "fewer model chunks" },
};

const struct rule_section config_pipeline_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
