#include "memory/schedule.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t schedule_warmup(const struct schedule *s, int64_t pp_rank)
{
    int64_t all = s->microbatches * s->vpp;
    int64_t behind = s->pp - pp_rank - 1;

    if (s->pp == 1) /* combined: one forward ahead (combined_1f1b.py) */
        return s->combined ? smaller(1, all) : 0;
    if (s->vpp == 1)
        return smaller(behind, all);
    return smaller(2 * behind + (s->vpp - 1) * s->group + (s->combined ? 1 : 0), all);
}

/* The k-th chunk forward: micro-batches go in groups through all chunks; the last group may be
 * smaller. Backward runs the same table with the chunks turned round. */
static struct event at(const struct schedule *s, int64_t k, bool backward)
{
    int64_t group = k / (s->group * s->vpp);
    int64_t first = group * s->group;
    int64_t size = smaller(s->group, s->microbatches - first);
    int64_t in_group = k - first * s->vpp;
    int chunk = (int)(in_group / size);

    return (struct event) { .backward = backward,
                            .microbatch = first + in_group % size,
                            .chunk = backward ? (int)s->vpp - 1 - chunk : chunk };
}

static void add(struct events *events, struct event event)
{
    events->event[events->count++] = event;
}

void schedule_events(const struct schedule *s, int64_t pp_rank, struct arena *arena,
                     struct events *events)
{
    int64_t all = s->microbatches * s->vpp;
    int64_t warmup = schedule_warmup(s, pp_rank);
    int64_t round = s->vpp == 1 ? 4 : 2 * s->group * s->vpp;
    int64_t steady = smaller(all - warmup, round);
    int64_t cooldown = all - warmup > round ? 0 : smaller(warmup, round);

    events->count = 0;
    events->warmup = (size_t)warmup;
    events->event =
        arena_alloc(arena, sizeof(*events->event) * (size_t)(warmup + 2 * steady + cooldown));
    for (int64_t k = 0; k < warmup; k++)
        add(events, at(s, k, false));
    for (int64_t k = 0; k < steady; k++) {
        add(events, at(s, warmup + k, false));
        add(events, at(s, k, true));
    }
    for (int64_t k = 0; k < cooldown; k++)
        add(events, at(s, steady + k, true));
}
