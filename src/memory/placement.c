#include "memory/placement.h"

#include <string.h>

#include "megatron/layer_pattern.h"
#include "megatron/layout.h"

/* Decoder layers of one chunk. */
struct span {
    int64_t first, count;
};

static int64_t given(int64_t value)
{
    return value == NONE_INT ? 0 : value;
}

/* --decoder-first/last-pipeline-num-layers: what is left is spread evenly over the middle ranks;
 * every chunk of a rank holds the same number (transformer_block.py get_num_layers_to_build). */
static bool place_uneven(const struct job *job, const struct placement *at, int64_t r, int64_t v,
                         struct span *span)
{
    bool has_first = job->decoder_first_pipeline_num_layers != NONE_INT;
    bool has_last = job->decoder_last_pipeline_num_layers != NONE_INT;
    int64_t first = given(job->decoder_first_pipeline_num_layers);
    int64_t last = given(job->decoder_last_pipeline_num_layers);
    int64_t middle_ranks = at->pp - has_first - has_last;
    int64_t middle, each, of_rank;

    if (first < 0 || last < 0 || first > at->num_layers || last > at->num_layers - first)
        return false;
    middle = at->num_layers - first - last;
    each = middle_ranks > 0 ? middle / middle_ranks : 0;
    of_rank = has_last && r == at->pp - 1 ? last : has_first && r == 0 ? first : each;
    if ((middle_ranks > 0 && middle % middle_ranks) || of_rank % at->vpp)
        return false;
    span->count = of_rank / at->vpp;
    span->first = v * (first / at->vpp + middle / at->vpp + last / at->vpp);
    if (r > 0)
        span->first += first / at->vpp + (r - has_first) * (each / at->vpp);
    return true;
}

/* Even split; --account-for-embedding/loss-in-pipeline-split count the embedding and the loss as a
 * layer each, so the chunk that holds one has a decoder layer less. Releases up to 0.9 drop a
 * remainder. */
static bool place_even(const struct job *job, enum release release, const struct placement *at,
                       int64_t r, int64_t v, struct span *span)
{
    int64_t embedding = job->account_for_embedding_in_pipeline_split == 1;
    int64_t loss = job->account_for_loss_in_pipeline_split == 1;
    int64_t slots = at->num_layers + embedding + loss;
    int64_t each = slots / at->pp / at->vpp;

    if (release >= RELEASE_0_10_0 && slots % (at->pp * at->vpp))
        return false;
    span->count = each;
    span->first = v * (slots / at->vpp) + r * each;
    if (r == 0 && v == 0)
        span->count -= embedding;
    else
        span->first -= embedding;
    if (r == at->pp - 1 && v == at->vpp - 1)
        span->count -= loss;
    return true;
}

static bool is_uneven(const struct job *job)
{
    return job->decoder_first_pipeline_num_layers != NONE_INT ||
           job->decoder_last_pipeline_num_layers != NONE_INT;
}

/* A hybrid pattern's segments are stages; without '|' its layers are split as decoder layers are.
 */
static bool place_segment(const struct hybrid_pattern *pattern, const struct placement *at,
                          int64_t r, int64_t v, struct span *span)
{
    int64_t stage = v * at->pp + r;

    if (pattern->segments != at->pp * at->vpp)
        return false;
    span->first = 0;
    for (int64_t i = 0; i < stage; i++)
        span->first += hybrid_segment_layers(pattern, (int)i);
    span->count = hybrid_segment_layers(pattern, (int)stage);
    return true;
}

static bool place_layers(const struct job *job, enum release release, const struct layout *layout,
                         const struct hybrid_pattern *pattern, const struct placement *at,
                         int64_t r, int64_t v, struct span *span)
{
    int stage = (int)(v * at->pp + r);

    if (layout->stage_count) {
        span->count = layout_count(layout, stage, 't');
        span->first = layout_count_before(layout, stage, 't');
        return true;
    }
    if (pattern->segments > 1)
        return place_segment(pattern, at, r, v, span);
    if (is_uneven(job))
        return place_uneven(job, at, r, v, span);
    if (at->pp == 1) {
        *span = (struct span) { 0, at->num_layers };
        return true;
    }
    return place_even(job, release, at, r, v, span);
}

/* Layers between two that select share their selection: counted from 1, every
 * dsa_indexer_topk_freq-th after the offset selects (experimental_attention_variant/dsa.py
 * is_dsa_skip_topk_layer). */
static bool selects(const struct job *job, int64_t number)
{
    int64_t every = job->dsa_indexer_topk_freq > 1 ? job->dsa_indexer_topk_freq : 1;
    int64_t offset = job->dsa_indexer_skip_topk_offset > 1 ? job->dsa_indexer_skip_topk_offset : 1;

    return number + 1 <= offset || (number + 1 - offset) % every == 0;
}

static struct layer gpt_layer(const struct job *job, const struct shape *shape, int64_t number)
{
    struct layer layer = { .mixer = MIXER_ATTENTION, .feed_forward = FEED_FORWARD_DENSE };
    const char *variant = job->experimental_attention_variant;

    if (shape->multi_latent_attention)
        layer.mixer = MIXER_MLA;
    if (variant && strcmp(variant, "dsa") == 0)
        layer.indexer = selects(job, number);
    else if (variant && layer_is_linear_attention(job, number))
        layer.mixer = MIXER_GDN;
    if (layer_is_moe(job, number))
        layer.feed_forward = FEED_FORWARD_MOE;
    return layer;
}

/* Symbols of megatron/core/models/hybrid/hybrid_layer_allocation.py. */
static const struct {
    char symbol;
    struct layer layer;
} hybrid_symbols[] = {
    { 'M', { MIXER_MAMBA, FEED_FORWARD_NONE, false } },
    { '*', { MIXER_ATTENTION, FEED_FORWARD_NONE, false } },
    { '+', { MIXER_MLA, FEED_FORWARD_NONE, false } },
    { 'D', { MIXER_MLA, FEED_FORWARD_NONE, true } },
    { 'G', { MIXER_GDN, FEED_FORWARD_NONE, false } },
    { '-', { MIXER_NONE, FEED_FORWARD_DENSE, false } },
    { 'E', { MIXER_NONE, FEED_FORWARD_MOE, false } },
};

static bool hybrid_layer(char symbol, struct layer *layer)
{
    for (size_t i = 0; i < sizeof(hybrid_symbols) / sizeof(hybrid_symbols[0]); i++) {
        if (hybrid_symbols[i].symbol == symbol) {
            *layer = hybrid_symbols[i].layer;
            return true;
        }
    }
    return false;
}

static struct layer *hybrid_layers(const char *part, int length, int64_t count, struct arena *arena,
                                   const char **missing)
{
    struct layer *layers = arena_alloc(arena, (size_t)(count ? count : 1) * sizeof(*layers));
    int64_t n = 0;

    for (int i = 0; i < length && n < count; i++) {
        if (part[i] == '|')
            continue;
        if (!hybrid_layer(part[i], &layers[n++]))
            *missing = "hybrid layers other than M G D * + - E";
    }
    return layers;
}

static void list_layers(const struct job *job, const struct shape *shape,
                        const struct hybrid_pattern *pattern, struct arena *arena,
                        struct placement *placement)
{
    struct layer *layers;

    if (shape->model == MODEL_HYBRID) {
        placement->layer = hybrid_layers(pattern->main_part, pattern->main_length,
                                         placement->num_layers, arena, &placement->missing);
        return;
    }
    if (shape->num_experts && job->moe_layer_freq.kind == FREQ_UNKNOWN)
        placement->missing = "which layers have experts";
    layers = arena_alloc(arena, (size_t)placement->num_layers * sizeof(*layers));
    for (int64_t i = 0; i < placement->num_layers; i++)
        layers[i] = gpt_layer(job, shape, i);
    placement->layer = layers;
}

/* The inner layer of an MTP depth is of the kind of the model's last decoder layer; up to 0.15 of
 * the chunk's last, or with experts where the chunk has none; its attention is never an
 * experimental one (gpt_layer_specs.py get_gpt_mtp_block_spec and its callers). */
static struct layer mtp_kind(const struct shape *shape, const struct placement *placement,
                             const struct chunk *chunk)
{
    struct layer kind = placement->layer[shape->num_layers - 1];

    if (shape->release < RELEASE_0_16_0 && chunk->layer_count)
        kind = chunk->layer[chunk->layer_count - 1];
    else if (shape->release < RELEASE_0_16_0 && shape->num_experts)
        kind.feed_forward = FEED_FORWARD_MOE;
    kind.mixer = shape->multi_latent_attention ? MIXER_MLA : MIXER_ATTENTION;
    kind.indexer = false;
    return kind;
}

/* MTP depths: where the layout says 'm', otherwise on the last stage. */
static void place_mtp(const struct shape *shape, const struct layout *layout,
                      const struct hybrid_pattern *pattern, const struct placement *placement,
                      struct arena *arena, const char **missing, struct chunk *chunk)
{
    bool here = chunk->post_process;

    if (!shape->mtp_num_layers)
        return;
    if (layout->stage_count)
        here = layout_count(layout, chunk->vp * (int)placement->pp + chunk->pp_rank, 'm') > 0;
    if (!here)
        return;
    chunk->mtp_depths = (int64_t)shape->mtp_num_layers;
    chunk->mtp_count = shape->mtp_use_repeated_layer ? 1 : chunk->mtp_depths;
    if (shape->model == MODEL_HYBRID) {
        chunk->mtp_layer_count = pattern->mtp_length;
        chunk->mtp_layer = hybrid_layers(pattern->mtp_part, pattern->mtp_length,
                                         pattern->mtp_length, arena, missing);
        return;
    }
    chunk->mtp_layer_count = 1;
    struct layer *inner = arena_alloc(arena, sizeof(*inner));
    *inner = mtp_kind(shape, placement, chunk);
    chunk->mtp_layer = inner;
}

/* The final norm follows the last decoder layer when there are MTP depths (since 0.16), otherwise
 * it sits on the stage that makes the logits (transformer_block.py). */
static bool has_final_norm(const struct shape *shape, const struct chunk *chunk)
{
    if (!shape->mtp_num_layers || shape->release < RELEASE_0_16_0 || shape->model == MODEL_HYBRID)
        return chunk->post_process;
    return chunk->layer_count &&
           chunk->first_layer + chunk->layer_count == (int64_t)shape->num_layers;
}

/* Embedding, its copies and the output weight (gpt_model.py, language_module.py
 * setup_embeddings_and_output_layer). A hybrid model makes an output layer for MTP too. */
static void place_ends(const struct shape *shape, struct chunk *chunk)
{
    bool output = chunk->post_process || (shape->model == MODEL_HYBRID && chunk->mtp_count);

    chunk->embedding = chunk->pre_process || chunk->mtp_count;
    chunk->embedding_copy = chunk->embedding && !chunk->pre_process;
    chunk->output_weight = output && !(shape->tied && chunk->pre_process);
    chunk->output_copy = chunk->output_weight && shape->tied;
    chunk->final_norm = has_final_norm(shape, chunk);
}

static bool read_layout(const struct job *job, const struct placement *at, struct arena *arena,
                        struct layout *layout, const char **why)
{
    struct error err;

    *layout = (struct layout) { 0 };
    if (!job->pipeline_model_parallel_layout)
        return true;
    if (layout_parse(job->pipeline_model_parallel_layout, arena, layout, &err) == 0 &&
        layout->stage_count == at->pp * at->vpp)
        return true;
    *why = "pipeline_model_parallel_layout";
    return false;
}

bool placement_of(const struct job *job, const struct shape *shape, struct arena *arena,
                  struct placement *placement, const char **why)
{
    const char *text =
        job->hybrid_layer_pattern ? job->hybrid_layer_pattern : job->hybrid_override_pattern;
    struct hybrid_pattern pattern = hybrid_pattern_of(text);
    struct layout layout;

    *placement = (struct placement) { .pp = (int64_t)shape->pp,
                                      .vpp = (int64_t)shape->vpp,
                                      .num_layers = (int64_t)shape->num_layers };
    if (!read_layout(job, placement, arena, &layout, why))
        return false;
    list_layers(job, shape, &pattern, arena, placement);
    placement->chunk = arena_alloc(arena, (size_t)(shape->pp * shape->vpp) * sizeof(struct chunk));
    for (int64_t r = 0; r < placement->pp; r++) {
        for (int64_t v = 0; v < placement->vpp; v++) {
            struct chunk *chunk = &placement->chunk[r * placement->vpp + v];
            struct span span;

            if (!place_layers(job, shape->release, &layout, &pattern, placement, r, v, &span) ||
                span.first < 0 || span.count < 0 ||
                span.first + span.count > placement->num_layers) {
                *why = "num_layers";
                return false;
            }
            chunk->pp_rank = (int)r;
            chunk->vp = (int)v;
            chunk->pre_process = r == 0 && v == 0;
            chunk->post_process = r == placement->pp - 1 && v == placement->vpp - 1;
            chunk->first_layer = span.first;
            chunk->layer_count = span.count;
            chunk->layer = placement->layer + span.first;
            place_mtp(shape, &layout, &pattern, placement, arena, &placement->missing, chunk);
            place_ends(shape, chunk);
        }
    }
    return true;
}

const struct chunk *placement_chunk(const struct placement *placement, int64_t pp_rank, int64_t vp)
{
    return &placement->chunk[pp_rank * placement->vpp + vp];
}
