#include "memory/activations.h"

#include <string.h>

#include "memory/ends.h"
#include "memory/layer.h"

/* Pieces of a chunk in order. Neighbours with the same 'group' > 0 are recomputed together. */
struct piece {
    enum piece_kind kind;
    int64_t layer;
    int64_t group;
    struct profile profile;
};

struct pieces {
    size_t count;
    struct piece *piece;
};

void profiles_init(struct profiles *profiles, const struct job *job, const struct shape *shape,
                   const struct premise *premise)
{
    memset(profiles, 0, sizeof(*profiles));
    profiles->job = job;
    profiles->shape = shape;
    profiles->premise = premise;
}

/* --first-last-layers-bf16 leaves the ends of the decoder out of fp8. */
static bool in_low_precision(const struct shape *s, int64_t number)
{
    return s->low_precision != PRECISION_FULL && number >= (int64_t)s->bf16_layers_first &&
           number < (int64_t)(s->num_layers - s->bf16_layers_last);
}

static const struct profile *profile_of_layer(struct profiles *p, struct layer layer, bool low)
{
    struct profile *profile = &p->layer[low][layer.mixer][layer.feed_forward];
    bool *made = &p->made[low][layer.mixer][layer.feed_forward];

    if (!*made)
        layer_profile(p->job, p->shape, p->premise, layer, low, profile);
    *made = true;
    return profile;
}

static struct piece *add_piece(struct pieces *pieces, enum piece_kind kind, int64_t layer)
{
    struct piece *piece = &pieces->piece[pieces->count++];

    piece->kind = kind;
    piece->layer = layer;
    piece->group = 0;
    return piece;
}

static bool recomputes_blocks(const struct job *job)
{
    return job->recompute_method && strcmp(job->recompute_method, "block") == 0;
}

int64_t recompute_group(const struct job *job, int64_t index)
{
    int64_t every = job->recompute_num_layers;

    if (!job->recompute_granularity || strcmp(job->recompute_granularity, "full") != 0)
        return 0;
    if (every < 0) /* None: Megatron refuses it */
        every = 1;
    if (recomputes_blocks(job))
        return index < every ? index + 1 : 0;
    return every > 0 ? index / every + 1 : 0;
}

bool recomputes_multi_token(const struct job *job, const struct shape *shape)
{
    return shape->release >= RELEASE_0_14_0 && !recomputes_blocks(job) &&
           recompute_group(job, 0) > 0;
}

static void list_layers(struct profiles *p, const struct chunk *chunk, struct pieces *pieces)
{
    for (int64_t i = 0; i < chunk->layer_count; i++) {
        struct piece *piece = add_piece(pieces, PIECE_LAYER, chunk->first_layer + i);

        piece->profile = *profile_of_layer(p, chunk->layer[i],
                                           in_low_precision(p->shape, chunk->first_layer + i));
        piece->group = recompute_group(p->job, i);
    }
}

static void list_multi_token(struct profiles *p, const struct chunk *chunk, struct pieces *pieces)
{
    int64_t last = chunk->layer_count;
    bool recomputed = recomputes_multi_token(p->job, p->shape);

    if (chunk->mtp_depths)
        final_norm_profile(p->job, p->shape, p->premise,
                           &add_piece(pieces, PIECE_FINAL_NORM, 0)->profile);
    for (int64_t depth = 0; depth < chunk->mtp_depths; depth++) {
        struct piece *input = add_piece(pieces, PIECE_MTP, depth);

        multi_token_input_profile(p->job, p->shape, p->premise, &input->profile);
        input->group = recomputed ? last + 1 + depth : 0;
        for (int64_t i = 0; i < chunk->mtp_layer_count; i++) {
            struct piece *piece = add_piece(pieces, PIECE_MTP, depth);

            piece->profile = *profile_of_layer(p, chunk->mtp_layer[i],
                                               p->shape->low_precision != PRECISION_FULL);
            piece->group = recomputed ? last + 1 + depth : 0;
        }
        final_norm_profile(p->job, p->shape, p->premise,
                           &add_piece(pieces, PIECE_MTP, depth)->profile);
    }
}

static void list_pieces(struct profiles *p, const struct chunk *chunk, struct arena *arena,
                        struct pieces *pieces)
{
    size_t most =
        (size_t)(chunk->layer_count + chunk->mtp_depths * (chunk->mtp_layer_count + 2) + 3);

    pieces->count = 0;
    pieces->piece = arena_alloc(arena, sizeof(*pieces->piece) * most);
    if (chunk->pre_process)
        embedding_profile(p->job, p->shape, p->premise,
                          &add_piece(pieces, PIECE_EMBEDDING, 0)->profile);
    list_layers(p, chunk, pieces);
    list_multi_token(p, chunk, pieces);
    if (chunk->post_process)
        head_profile(p->job, p->shape, p->premise, chunk,
                     &add_piece(pieces, PIECE_HEAD, 0)->profile);
    else if (chunk->final_norm && !chunk->mtp_depths)
        final_norm_profile(p->job, p->shape, p->premise,
                           &add_piece(pieces, PIECE_FINAL_NORM, 0)->profile);
}

static void consider(struct chunk_crest *crest, const struct held *below, const struct crest *above,
                     const struct piece *piece, bool recomputing)
{
    struct held held = *below;

    held_add(&held, &above->held);
    if (crest->place.step && held_total(&held) <= held_total(&crest->held))
        return;
    crest->held = held;
    crest->below = held_total(below);
    crest->place = (struct peak_place) {
        .piece = piece->kind, .layer = piece->layer, .step = above->at, .recomputing = recomputing
    };
}

static size_t group_end(const struct pieces *pieces, size_t first)
{
    size_t end = first + 1;

    if (pieces->piece[first].group)
        while (end < pieces->count && pieces->piece[end].group == pieces->piece[first].group)
            end++;
    return end;
}

/* The input that a recomputed group remembers; a depth of multi-token prediction has two. */
static struct held remembered(const struct profiles *p, const struct piece *first)
{
    uint64_t bytes = residual_bytes(p->job, p->shape) * (first->kind == PIECE_MTP ? 2 : 1);

    if (p->job->distribute_saved_activations == 1)
        bytes /= p->shape->tp;
    return (struct held) { .bytes[HOLDING_ACTIVATION] = (int64_t)bytes };
}

static struct held transient(uint64_t bytes)
{
    return (struct held) { .bytes[HOLDING_TRANSIENT] = (int64_t)bytes };
}

/* Forward without autograd; the first layer reads the remembered input itself. */
static void forward_light(const struct profiles *p, const struct pieces *pieces, size_t first,
                          size_t end, struct chunk_activations *out)
{
    const struct held kept = remembered(p, &pieces->piece[first]);
    struct held below = out->saved;

    for (size_t i = first; i < end; i++) {
        consider(&out->forward, &below, &pieces->piece[i].profile.light, &pieces->piece[i], false);
        if (i == first)
            held_add(&below, &kept);
    }
}

static void forward_pieces(const struct profiles *p, const struct pieces *pieces,
                           struct chunk_activations *out)
{
    size_t end;

    for (size_t i = 0; i < pieces->count; i = end) {
        const struct piece *piece = &pieces->piece[i];

        end = group_end(pieces, i);
        if (piece->group) {
            struct held kept = remembered(p, piece);

            forward_light(p, pieces, i, end, out);
            held_add(&out->saved, &kept);
        } else {
            consider(&out->forward, &out->saved, &piece->profile.forward, piece, false);
            held_add(&out->saved, &piece->profile.saved);
            if (piece->kind == PIECE_HEAD)
                held_add(&out->head, &piece->profile.saved);
        }
    }
}

/* The group's forward again, now with autograd, then its backward. The gradient of its output waits
 * meanwhile, and the output itself stays until the group is done (tensor_parallel/random.py,
 * CheckpointFunction.backward). 'below' is without the group's remembered input, which is the first
 * layer's own. */
static void backward_group(const struct profiles *p, const struct pieces *pieces, size_t first,
                           size_t end, const struct held *below, struct chunk_activations *out)
{
    struct held now = *below;
    struct held waiting = transient(residual_bytes(p->job, p->shape));

    held_add(&now, &waiting);
    for (size_t i = first; i < end; i++) {
        consider(&out->backward, &now, &pieces->piece[i].profile.forward, &pieces->piece[i], true);
        held_add(&now, &pieces->piece[i].profile.saved);
    }
    for (size_t i = end; i-- > first;) {
        held_subtract(&now, &pieces->piece[i].profile.saved);
        consider(&out->backward, &now, &pieces->piece[i].profile.backward, &pieces->piece[i], true);
    }
}

/* In multi-token prediction the output layer's gradients of all depths wait for theirs. */
static struct held waiting_gradients(const struct profiles *p)
{
    return p->premise->trust >= LIKELY
               ? transient(hidden_sharded_bytes(p->shape) * (p->shape->mtp_num_layers + 1))
               : transient(0);
}

/* What the schedule received from the next stage stays its variable during the whole backward:
 * behind the last piece it is one tensor more. */
static struct held received_gradient(const struct profiles *p, const struct chunk *chunk)
{
    return transient(chunk->post_process ? 0 : residual_bytes(p->job, p->shape));
}

static void backward_pieces(const struct profiles *p, const struct chunk *chunk,
                            const struct pieces *pieces, struct chunk_activations *out)
{
    struct held received = received_gradient(p, chunk);
    struct held waiting = waiting_gradients(p);
    struct held below = out->saved, now;
    size_t first;

    for (size_t end = pieces->count; end > 0; end = first) {
        const struct piece *piece;
        struct held kept;
        bool top = end == pieces->count;

        first = end - 1;
        while (first > 0 && pieces->piece[first].group &&
               pieces->piece[first - 1].group == pieces->piece[first].group)
            first--;
        piece = &pieces->piece[first];
        kept = remembered(p, piece);
        held_subtract(&below, piece->group ? &kept : &piece->profile.saved);
        now = below;
        if (!top)
            held_add(&now, &received);
        if (piece->kind == PIECE_MTP && !piece->group)
            held_add(&now, &waiting);
        if (piece->group)
            backward_group(p, pieces, first, end, &now, out);
        else
            consider(&out->backward, &now,
                     top ? &piece->profile.received : &piece->profile.backward, piece, false);
    }
}

/* The attention mask that the data loader makes, a byte for every pair of positions: there while a
 * chunk that reads data runs forward, whole before it is cut for context parallelism, and kept by
 * what is recomputed with it (pretrain_gpt.py, get_batch; tensor_parallel/random.py,
 * CheckpointFunction). */
static uint64_t mask_bytes(const struct profiles *p, const struct chunk *chunk)
{
    const struct shape *s = p->shape;

    if (p->job->create_attention_mask_in_dataloader != 1 ||
        !(chunk->pre_process || chunk->post_process))
        return 0;
    return s->micro_batch_size * s->seq_length * s->seq_length;
}

static void add_mask(const struct profiles *p, const struct pieces *pieces,
                     const struct chunk *chunk, struct chunk_activations *out)
{
    uint64_t whole = mask_bytes(p, chunk);
    struct held part = transient(whole / p->shape->cp);
    const struct crest cutting = { .held = transient(whole + whole / p->shape->cp), .at = "batch" };
    const struct held nothing = { 0 };
    bool kept = recomputes(p->job, "core_attn") && chunk->layer_count > 0;

    if (!whole)
        return;
    for (size_t i = 0; i < pieces->count; i++)
        kept = kept || pieces->piece[i].group > 0;
    held_add(&out->forward.held, &part);
    if (p->shape->cp > 1)
        consider(&out->forward, &nothing, &cutting, &pieces->piece[0], false);
    if (!kept)
        return;
    held_add(&out->saved, &part);
    held_add(&out->backward.held, &part);
}

void chunk_activations_of(struct profiles *profiles, const struct chunk *chunk, struct arena *arena,
                          struct chunk_activations *out)
{
    struct pieces pieces;

    memset(out, 0, sizeof(*out));
    list_pieces(profiles, chunk, arena, &pieces);
    forward_pieces(profiles, &pieces, out);
    backward_pieces(profiles, chunk, &pieces, out);
    add_mask(profiles, &pieces, chunk, out);
}
