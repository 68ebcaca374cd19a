#include "memory/replay.h"

#include <string.h>

#define CHUNKS_MAX 64

struct state {
    struct held saved; /* by micro-batches in flight */
    int64_t in_flight;
    int64_t last[CHUNKS_MAX];  /* micro-batch that each chunk ran forward last */
    bool retained[CHUNKS_MAX]; /* its backward is done: input and gradient wait for the next forward
                                */
    int64_t retained_count;
    int64_t backwards;
    struct event last_backward;
    bool first_received_done; /* backward of what was received last in the warm-up is done */
};

static bool receives_input(const struct rank_chunks *rank, int chunk)
{
    return !rank->chunk[chunk]->pre_process;
}

static bool receives_gradient(const struct rank_chunks *rank, int chunk)
{
    return !rank->chunk[chunk]->post_process;
}

/* 1F1B: during a forward the gradients received and sent by the last backward are still variables
 * of the schedule, and so is its input, held by the output's graph; during a backward the gradient
 * that the one before it sent. */
static int64_t plain_boundaries(const struct rank_chunks *rank, const struct state *state,
                                const struct event *event)
{
    if (!state->backwards)
        return 0;
    if (event->backward)
        return receives_input(rank, 0) ? 1 : 0;
    return (receives_input(rank, 0) ? 2 : 0) + (receives_gradient(rank, 0) ? 1 : 0);
}

/* Interleaved: the input of the next forward comes before the backward, the gradient of the next
 * backward before the forward; the gradient that the last backward sent is still a variable. The
 * model holds on to the last input of each chunk and its gradient, and so does the schedule to what
 * it received last in the warm-up. On the last stage, as many gradients as a group is larger than
 * the pipeline wait in a queue. */
static int64_t interleaved_boundaries(const struct schedule *schedule,
                                      const struct rank_chunks *rank, const struct state *state,
                                      const struct events *events, const struct event *event,
                                      const struct event *next)
{
    int64_t count = 2 * state->retained_count;
    int last = state->last_backward.chunk;
    bool steady = (size_t)(event - events->event) > events->warmup;

    if (steady && event->backward && !event[-1].backward &&
        receives_gradient(rank, event[-1].chunk))
        count++; /* an output is given back when the next forward begins */
    if (next && next->backward != event->backward &&
        (next->backward ? receives_gradient(rank, next->chunk) : receives_input(rank, next->chunk)))
        count++;
    if (state->backwards && receives_input(rank, last) &&
        !(state->retained[last] && state->last[last] == state->last_backward.microbatch))
        count++;
    if (state->first_received_done)
        count += 2;
    if (schedule->group > schedule->pp && rank->pp_rank == rank->pp - 1)
        count += schedule->group - schedule->pp;
    return count;
}

static void forward_done(const struct rank_chunks *rank, struct state *state,
                         const struct event *event)
{
    held_add(&state->saved, &rank->activations[event->chunk].saved);
    state->in_flight++;
    state->last[event->chunk] = event->microbatch;
}

static void backward_done(const struct rank_chunks *rank, struct state *state,
                          const struct event *event)
{
    state->backwards++;
    state->in_flight--;
    state->last_backward = *event;
    if (event->microbatch == state->last[event->chunk] && receives_input(rank, event->chunk)) {
        state->retained[event->chunk] = true;
        state->retained_count++;
    }
}

/* The forward whose input the last receive of the warm-up brought. */
static bool is_first_received(const struct schedule *schedule, const struct events *events,
                              const struct rank_chunks *rank, const struct event *event)
{
    const struct event *first = &events->event[events->warmup];

    return schedule->overlap_p2p && events->warmup < events->count && !first->backward &&
           receives_input(rank, first->chunk) && event->chunk == first->chunk &&
           event->microbatch == first->microbatch;
}

static void forward_begins(struct state *state, const struct event *event)
{
    if (!state->retained[event->chunk])
        return;
    state->retained[event->chunk] = false;
    state->retained_count--;
}

static void take_peak(struct replayed *out, const struct held *held, const struct state *state,
                      const struct event *event, const struct peak_place *place)
{
    if (out->place.step && held_total(held) <= held_total(&out->held))
        return;
    out->held = *held;
    out->event = *event;
    out->place = *place;
    out->in_flight = state->in_flight + (event->backward ? 0 : 1);
}

/* A forward and a backward in one pass over the layers: the backward's head goes first, the
 * forward's last, and in between what one layer saves another has freed. 'held' is without that
 * knowledge. */
static void combine(const struct events *events, const struct rank_chunks *rank,
                    const struct event *event, struct held *held)
{
    const struct event *end = events->event + events->count;
    size_t index = (size_t)(event - events->event);
    const struct chunk_activations *freed;
    int64_t layers, saved;

    if (index < events->warmup)
        return;
    if (event->backward && index > events->warmup && !event[-1].backward)
        held_subtract(held, &rank->activations[event[-1].chunk].saved);
    if (event->backward || event + 1 == end || !event[1].backward)
        return;
    freed = &rank->activations[event[1].chunk];
    layers = held_total(&freed->saved) - held_total(&freed->head);
    saved = rank->activations[event->chunk].forward.below;
    if (rank->activations[event->chunk].forward.place.piece == PIECE_HEAD || saved > layers)
        saved = layers;
    held_subtract(held, &freed->head);
    held->bytes[HOLDING_ACTIVATION] -= saved;
}

void replay(const struct schedule *schedule, const struct events *events,
            const struct rank_chunks *rank, struct replayed *out)
{
    struct state state = { 0 };

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < events->count; i++) {
        const struct event *event = &events->event[i];
        const struct event *next = i + 1 < events->count ? event + 1 : NULL;
        const struct chunk_activations *chunk = &rank->activations[event->chunk];
        const struct chunk_crest *crest = event->backward ? &chunk->backward : &chunk->forward;
        struct held held;
        int64_t boundaries;

        if (event->backward)
            held_subtract(&state.saved, &chunk->saved);
        else
            forward_begins(&state, event);
        boundaries = schedule->vpp > 1
                         ? interleaved_boundaries(schedule, rank, &state, events, event, next)
                     : schedule->pp > 1 ? plain_boundaries(rank, &state, event)
                                        : 0;
        held = state.saved;
        held_add(&held, &crest->held);
        held.bytes[HOLDING_TRANSIENT] += boundaries * (int64_t)rank->boundary_bytes;
        if (schedule->combined)
            combine(events, rank, event, &held);
        take_peak(out, &held, &state, event, &crest->place);
        if (event->backward && is_first_received(schedule, events, rank, event))
            state.first_received_done = true;
        if (event->backward)
            backward_done(rank, &state, event);
        else
            forward_done(rank, &state, event);
    }
}
