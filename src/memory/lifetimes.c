#include "memory/lifetimes.h"

#include <assert.h>
#include <string.h>

int64_t held_total(const struct held *held)
{
    int64_t sum = 0;

    for (int i = 0; i < HOLDING_COUNT; i++)
        sum += held->bytes[i];
    return sum;
}

void held_add(struct held *to, const struct held *more)
{
    for (int i = 0; i < HOLDING_COUNT; i++)
        to->bytes[i] += more->bytes[i];
}

void held_subtract(struct held *from, const struct held *less)
{
    for (int i = 0; i < HOLDING_COUNT; i++)
        from->bytes[i] -= less->bytes[i];
}

void lifetimes_init(struct lifetimes *l, const char *const *step_names, int first_backward,
                    const struct premise *premise)
{
    memset(l, 0, sizeof(*l));
    l->step_names = step_names;
    l->forward_steps = first_backward;
    while (step_names[l->steps])
        l->steps++;
    assert(l->steps <= STEPS_MAX && first_backward <= l->steps);
    l->trust = premise->trust;
    l->whole_segments = premise->whole_segments;
}

void lifetimes_recompute(struct lifetimes *l, int first, int last, int again)
{
    assert(l->recomputed_count < (int)(sizeof(l->recomputed) / sizeof(l->recomputed[0])));
    l->recomputed[l->recomputed_count++] =
        (struct recomputed) { .first = first, .last = last, .again = again };
}

static int64_t rounded(const struct lifetimes *l, uint64_t bytes)
{
    const uint64_t MIB = 1u << 20;
    uint64_t segment = (bytes + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);

    if (l->whole_segments && bytes >= 10 * MIB && segment - bytes <= MIB)
        return (int64_t)segment;
    return (int64_t)((bytes + 511) / 512 * 512);
}

static void live(struct lifetimes *l, enum holding as, int64_t bytes, int from, int to)
{
    assert(0 <= from && from <= to && to < l->steps);
    assert((from < l->forward_steps) == (to < l->forward_steps));
    l->change[from].bytes[as] += bytes;
    l->change[to + 1].bytes[as] -= bytes;
}

static struct recomputed *recomputed_at(struct lifetimes *l, int step)
{
    for (int i = 0; i < l->recomputed_count; i++)
        if (l->recomputed[i].first <= step && step <= l->recomputed[i].last)
            return &l->recomputed[i];
    return NULL;
}

static void pass(struct lifetimes *l, enum holding as, int64_t bytes, int from, int to)
{
    struct recomputed *again = recomputed_at(l, from);

    live(l, as, bytes, from, to);
    if (from >= l->forward_steps)
        return;
    l->light[from] += bytes;
    l->light[to + 1] -= bytes;
    if (again) {
        again->replay[from] += bytes;
        if (to < again->last)
            again->replay[to + 1] -= bytes;
    }
}

static void save(struct lifetimes *l, enum holding as, int64_t bytes, int from, int last_use,
                 int to)
{
    struct recomputed *again = recomputed_at(l, from);

    assert(from <= last_use && last_use < l->forward_steps && to >= l->forward_steps);
    l->light[from] += bytes;
    l->light[last_use + 1] -= bytes;
    if (again) {
        live(l, HOLDING_TRANSIENT, bytes, from, last_use);
        live(l, HOLDING_TRANSIENT, bytes, again->again, to < again->again ? again->again : to);
        again->saved += bytes;
        again->replay[from] += bytes;
        return;
    }
    live(l, as, bytes, from, l->forward_steps - 1);
    live(l, as, bytes, l->forward_steps, to);
    l->saved.bytes[as] += bytes;
}

void passing(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from, int to)
{
    if (certainty <= l->trust)
        pass(l, HOLDING_TRANSIENT, rounded(l, bytes), from, to);
}

void output_gradient(struct lifetimes *l, uint64_t bytes, int to)
{
    l->output_gradient = rounded(l, bytes);
    l->output_gradient_dies = to + 1;
    pass(l, HOLDING_TRANSIENT, rounded(l, bytes), l->forward_steps, to);
}

void saved(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from, int last_use,
           int to)
{
    if (certainty <= l->trust)
        save(l, HOLDING_ACTIVATION, rounded(l, bytes), from, last_use, to);
}

void passing_logits(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from, int to)
{
    if (certainty <= l->trust)
        pass(l, HOLDING_LOGITS, rounded(l, bytes), from, to);
}

void saved_logits(struct lifetimes *l, enum certainty certainty, uint64_t bytes, int from,
                  int last_use, int to)
{
    if (certainty <= l->trust)
        save(l, HOLDING_LOGITS, rounded(l, bytes), from, last_use, to);
}

/* What lives above the re-made tensors while they are made again. */
static int64_t replay_extra(const struct recomputed *again)
{
    int64_t now = 0, most = 0;

    for (int i = again->first; i <= again->last; i++) {
        now += again->replay[i];
        if (now > most)
            most = now;
    }
    return most > again->saved ? most - again->saved : 0;
}

static void take_crest(struct crest *crest, const struct held *now, const char *at)
{
    if (crest->at && held_total(now) <= held_total(&crest->held))
        return;
    crest->held = *now;
    crest->at = at;
}

/* 'now' with what re-making tensors at this step needs. */
static struct held with_replay(const struct lifetimes *l, struct held now, int step)
{
    for (int r = 0; r < l->recomputed_count; r++)
        if (l->recomputed[r].again == step)
            now.bytes[HOLDING_TRANSIENT] += replay_extra(&l->recomputed[r]);
    return now;
}

void lifetimes_profile(const struct lifetimes *l, struct profile *profile)
{
    struct held now = { 0 };
    int64_t light = 0;

    memset(profile, 0, sizeof(*profile));
    profile->saved = l->saved;
    for (int i = 0; i < l->steps; i++) {
        struct held above;

        held_add(&now, &l->change[i]);
        above = with_replay(l, now, i);
        take_crest(i < l->forward_steps ? &profile->forward : &profile->backward, &above,
                   l->step_names[i]);
        if (i >= l->forward_steps) {
            if (i >= l->output_gradient_dies)
                above.bytes[HOLDING_TRANSIENT] += l->output_gradient;
            take_crest(&profile->received, &above, l->step_names[i]);
            continue;
        }
        light += l->light[i];
        take_crest(&profile->light, &(struct held) { .bytes[HOLDING_TRANSIENT] = light },
                   l->step_names[i]);
    }
}
