#include "memory/memory.h"

#include <string.h>

#include "memory/activations.h"
#include "memory/assumptions.h"
#include "memory/layer.h"
#include "memory/missing.h"
#include "memory/replay.h"
#include "memory/static.h"

/* Peaks in order of how much they take for granted; the index is the certainty they trust. */
#define PREMISES 3

/* What the caching allocator has reserved over what is allocated in runs of fixed shapes: 2 to 9 %.
 */
#define FRAGMENTATION_PERCENT 9

/* By how much certain terms have been seen to add up to more than was recorded: tensors that one
 * version of a package frees a step earlier than another, and the allocator's rounding. */
#define DOUBT_PERCENT 1

struct estimate {
    const struct job *job;
    const struct facts *facts;
    struct arena *arena;
    struct memory *memory;
    struct shape shape;
    struct placement placement;
    struct schedule schedule;
    struct premise premise[PREMISES];
    struct profiles profiles[PREMISES];
};

static void add_missing(struct memory *memory, const char *what)
{
    if (what && memory->missing_count < (int)(sizeof(memory->missing) / sizeof(memory->missing[0])))
        memory->missing[memory->missing_count++] = what;
}

static struct schedule schedule_of(const struct job *job, const struct shape *shape)
{
    struct schedule schedule = {
        .pp = (int64_t)shape->pp,
        .vpp = (int64_t)shape->vpp,
        .microbatches = (int64_t)shape->num_microbatches,
        .group = (int64_t)shape->pp,
        .overlap_p2p = job->overlap_p2p_comm == 1,
        .combined = job->overlap_moe_expert_parallel_comm == 1,
    };

    if (job->microbatch_group_size_per_vp_stage > 0)
        schedule.group = job->microbatch_group_size_per_vp_stage;
    return schedule;
}

static void add_component(struct memory_rank *rank, const char *name, uint64_t bytes, bool outside)
{
    int i = 0;

    while (i < rank->component_count && strcmp(rank->component[i].name, name) != 0)
        i++;
    if (i == (int)(sizeof(rank->component) / sizeof(rank->component[0])))
        return;
    if (i == rank->component_count) {
        rank->component[i] = (struct memory_component) { .name = name, .outside_torch = outside };
        rank->component_count++;
    }
    rank->component[i].bytes += bytes;
}

static void add_static_components(const struct static_memory *held, enum static_when when,
                                  struct memory_rank *rank)
{
    for (int i = 0; i < held->term_count; i++) {
        const struct static_term *term = &held->term[i];

        if (term->certainty > LIKELY)
            continue;
        if (term->when == WHEN_OUTSIDE)
            add_component(rank, term->name, term->bytes, true);
        else if (term->when == WHEN_ALWAYS || term->when == when)
            add_component(rank, term->name, term->bytes, false);
    }
}

static const char *piece_name(const struct estimate *e, const struct peak_place *place)
{
    static const char *const ends[] = {
        [PIECE_EMBEDDING] = "embedding", [PIECE_HEAD] = "head", [PIECE_FINAL_NORM] = "final norm"
    };

    if (place->piece == PIECE_LAYER)
        return arena_printf(e->arena, "layer %lld, %s", (long long)place->layer, place->step);
    if (place->piece == PIECE_MTP)
        return arena_printf(e->arena, "MTP depth %lld, %s", (long long)place->layer, place->step);
    return place->step ? place->step : ends[place->piece];
}

static const char *peak_name(const struct estimate *e, const struct replayed *peak)
{
    return arena_printf(e->arena, "%s%s of micro-batch %lld, chunk %d, %s",
                        peak->place.recomputing ? "recomputation in " : "",
                        peak->event.backward ? "backward" : "forward",
                        (long long)peak->event.microbatch, peak->event.chunk,
                        piece_name(e, &peak->place));
}

static void replay_rank(struct estimate *e, int pp_rank, const struct events *events, int trust,
                        struct replayed *out)
{
    int64_t vpp = e->placement.vpp;
    const struct chunk **chunk = arena_alloc(e->arena, sizeof(*chunk) * (size_t)vpp);
    struct chunk_activations *activations =
        arena_alloc(e->arena, sizeof(*activations) * (size_t)vpp);
    const struct rank_chunks rank = { .pp_rank = pp_rank,
                                      .pp = e->placement.pp,
                                      .vpp = vpp,
                                      .chunk = chunk,
                                      .activations = activations,
                                      .boundary_bytes = residual_bytes(e->job, &e->shape) };

    for (int64_t v = 0; v < vpp; v++) {
        chunk[v] = placement_chunk(&e->placement, pp_rank, v);
        chunk_activations_of(&e->profiles[trust], chunk[v], e->arena, &activations[v]);
    }
    replay(&e->schedule, events, &rank, out);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The peak of an iteration is in the schedule or in the optimizer step. */
static void name_peak(struct estimate *e, const struct static_memory *held,
                      const struct replayed *replayed, uint64_t in_schedule,
                      struct memory_rank *rank)
{
    if (held->step_peak_bytes > in_schedule && held->step_peak_bytes >= held->init_peak_bytes) {
        rank->peak_at = "optimizer step";
        add_static_components(held, WHEN_STEP, rank);
        return;
    }
    if (held->init_peak_bytes > in_schedule) {
        rank->peak_at = "building the model";
        add_component(rank, "building the model", held->init_peak_bytes, false);
        return;
    }
    rank->peak_at = peak_name(e, replayed);
    add_static_components(held, WHEN_ALWAYS, rank);
    add_component(rank, "activations", (uint64_t)replayed->held.bytes[HOLDING_ACTIVATION], false);
    add_component(rank, "logits", (uint64_t)replayed->held.bytes[HOLDING_LOGITS], false);
    add_component(rank, "transient", (uint64_t)replayed->held.bytes[HOLDING_TRANSIENT], false);
}

/* What CUDA graphs capture lives in pools that share memory between micro-batches: of that nothing
 * is certain. */
static uint64_t at_least(const struct estimate *e, const struct static_memory *held,
                         uint64_t replayed)
{
    uint64_t bytes = larger(static_sum(held, WHEN_STEP, CERTAIN), held->init_peak_bytes);

    if (!uses_cuda_graphs(e->job))
        bytes = larger(bytes, replayed);
    return bytes - bytes * DOUBT_PERCENT / 100;
}

static void estimate_rank(struct estimate *e, int pp_rank, struct memory_rank *rank)
{
    struct parameters parameters;
    struct static_memory held;
    struct events events;
    struct replayed replayed[PREMISES];
    uint64_t peak[PREMISES];

    memset(&held, 0, sizeof(held));
    static_memory_of(e->job, &e->shape, &e->premise[LIKELY], &e->placement, pp_rank, e->arena,
                     &held);
    add_missing(e->memory, pp_rank == 0 ? held.missing : NULL);
    schedule_events(&e->schedule, pp_rank, e->arena, &events);
    for (int i = 0; i < PREMISES; i++) {
        replay_rank(e, pp_rank, &events, i, &replayed[i]);
        peak[i] = static_sum(&held, WHEN_ALWAYS, (enum certainty)i) +
                  (uint64_t)held_total(&replayed[i].held);
    }
    parameters_of_rank(&e->shape, &e->placement, pp_rank, e->arena, &parameters);
    rank->pp_rank = pp_rank;
    rank->parameters = parameters.total;
    rank->parameters_expert = parameters.expert;
    rank->allocated_bytes = static_sum(&held, WHEN_AT_REST, LIKELY);
    rank->peak_at_least_bytes = at_least(e, &held, peak[CERTAIN]);
    rank->peak_bytes = larger(peak[LIKELY], larger(held.step_peak_bytes, held.init_peak_bytes));
    rank->peak_up_to_bytes = larger(peak[POSSIBLE], rank->peak_bytes);
    rank->peak_up_to_bytes += rank->peak_up_to_bytes * FRAGMENTATION_PERCENT / 100;
    name_peak(e, &held, &replayed[LIKELY], peak[LIKELY], rank);
}

/* What fp8 kernels keep changes with every Transformer Engine and has been held against few measured runs. */
static void only_static_is_certain(struct memory_rank *rank)
{
    if (rank->peak_at_least_bytes > rank->allocated_bytes)
        rank->peak_at_least_bytes = rank->allocated_bytes;
}

void memory_estimate(const struct job *job, enum release release, const struct facts *facts,
                     struct arena *arena, struct memory *memory)
{
    struct estimate e = { .job = job, .facts = facts, .arena = arena, .memory = memory };
    const char *why = NULL;

    memset(memory, 0, sizeof(*memory));
    if (facts->gpu_memory_bytes.known)
        memory->usable_bytes = (uint64_t)facts->gpu_memory_bytes.value;
    if (!shape_of(job, release, facts, &e.shape, &why) ||
        !placement_of(job, &e.shape, arena, &e.placement, &why)) {
        add_missing(memory, why);
        return;
    }
    add_missing(memory, e.placement.missing);
    assumptions_of(job, &e.shape, arena, memory);
    for (int i = 0; i < missing_count(); i++)
        add_missing(memory, missing_part(i, job, &e.shape));
    e.schedule = schedule_of(job, &e.shape);
    for (int i = 0; i < PREMISES; i++) {
        premise_of(job, &e.shape, facts, (enum certainty)i, &e.premise[i]);
        profiles_init(&e.profiles[i], job, &e.shape, &e.premise[i]);
    }
    assumptions_of_premise(job, &e.shape, &e.premise[LIKELY], arena, memory);
    memory->total_parameters = parameters_of_model(&e.shape, &e.placement, arena);
    memory->rank_count = (int)e.placement.pp;
    memory->rank = arena_alloc(arena, sizeof(*memory->rank) * (size_t)memory->rank_count);
    for (int r = 0; r < memory->rank_count; r++) {
        estimate_rank(&e, r, &memory->rank[r]);
        if (job->fp8)
            only_static_is_certain(&memory->rank[r]);
    }
    memory->modelled = memory->missing_count == 0;
}

const struct memory_rank *memory_largest_rank(const struct memory *memory)
{
    const struct memory_rank *most = &memory->rank[0];

    for (int i = 1; i < memory->rank_count; i++)
        if (memory->rank[i].peak_bytes > most->peak_bytes)
            most = &memory->rank[i];
    return most;
}

uint64_t memory_largest_peak(const struct memory *memory)
{
    return memory->rank_count ? memory_largest_rank(memory)->peak_bytes : 0;
}
