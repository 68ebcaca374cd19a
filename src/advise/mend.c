#include "advise/mend.h"

#include <stdlib.h>
#include <string.h>

#include "advise/edit_cost.h"
#include "advise/remedies.h"

static remedy *const sources[] = { remedy_of_word, remedy_of_table, remedy_of_text,
                                   remedy_of_conflict };
enum {
    SOURCE_COUNT = sizeof(sources) / sizeof(sources[0]),
    COST_OF_ERROR = 4,   /* of mending one more, about */
    MOST_DEAD_ENDS = 5,  /* at one rule: that it can be mended is no longer likely */
    MOST_EXTRA_COST = 3, /* of an alternative above the best */
    MOST_WAYS = 64       /* of one source for one finding */
};

struct node {
    struct plan plan;
    struct outcome outcome;
    int cost; /* so far and, about, to the end */
    int rank; /* sum of the places of the ways taken */
    bool open;
};

struct search {
    const struct advisor *advisor;
    const struct plan *start;
    int budget; /* trials left */
    size_t count, capacity;
    struct node *node;
    struct arena scratch; /* of the nodes */
    int dead_ends;
    const char *dead; /* the rule of the last of them, for which no way was left */
};

static bool is_known(const struct search *search, const struct plan *plan)
{
    for (size_t i = 0; i < search->count; i++)
        if (plan_same(&search->node[i].plan, plan))
            return true;
    return false;
}

static void add_node(struct search *search, const struct plan *plan, const struct outcome *outcome,
                     int rank)
{
    search->node = arena_grow(&search->scratch, search->node, &search->capacity, search->count + 1,
                              sizeof(*search->node));
    search->node[search->count++] =
        (struct node) { .plan = *plan,
                        .outcome = *outcome,
                        .cost = plan_cost(plan) + COST_OF_ERROR * outcome->blocking,
                        .rank = rank,
                        .open = true };
}

static bool precedes(const struct node *a, const struct node *b)
{
    if (a->cost != b->cost)
        return a->cost < b->cost;
    if (a->outcome.blocking != b->outcome.blocking)
        return a->outcome.blocking < b->outcome.blocking;
    return a->rank < b->rank;
}

static struct node *best_open(struct search *search)
{
    struct node *best = NULL;

    for (size_t i = 0; i < search->count; i++)
        if (search->node[i].open && (!best || precedes(&search->node[i], best)))
            best = &search->node[i];
    return best;
}

/* Something is different now: the rule is silent, says another thing, or others are. */
static bool moves_on(const struct outcome *before, const struct outcome *after)
{
    return !after->first || strcmp(after->first, before->first) != 0 ||
           after->said != before->said || after->blocking < before->blocking;
}

/* More ranks than the plan began with? */
static bool is_allowed(const struct advisor *advisor, const struct plan *start,
                       const struct plan *plan)
{
    for (int i = 0; i < plan->count && advisor->ranks_are_given; i++)
        if (plan->edit[i].target == EDIT_LAUNCHER && !plan_has(start, &plan->edit[i]))
            return false;
    return true;
}

static void try_way(struct search *search, const struct node *from, const struct plan *plan,
                    int rank)
{
    struct outcome after;

    if (is_known(search, plan) || !is_allowed(search->advisor, search->start, plan) ||
        search->budget-- <= 0)
        return;
    after = trial(search->advisor, plan, VERDICT_RULES);
    if (moves_on(&from->outcome, &after))
        add_node(search, plan, &after, from->rank + rank);
}

static void note_dead_end(struct search *search, const char *rule)
{
    if (!search->dead || strcmp(search->dead, rule) != 0)
        search->dead_ends = 0;
    search->dead = rule;
    search->dead_ends++;
}

/* A way may have taken its words from the trial's own argv, which goes. */
static void own_words(struct plan *plan, struct arena *arena)
{
    for (int i = 0; i < plan->count; i++) {
        plan->edit[i].option = arena_strdup(arena, plan->edit[i].option);
        if (plan->edit[i].value)
            plan->edit[i].value = arena_strdup(arena, plan->edit[i].value);
    }
}

/* Tries every way of every source for the finding that stops the node. */
static void expand(struct search *search, const struct node *node)
{
    struct node from = *node; /* the nodes move as they grow */
    struct arena scratch = ARENA_INIT;
    struct report report;
    const struct finding *finding;
    size_t before = search->count;
    int rank = 0;

    trial_decide(search->advisor, &from.plan, VERDICT_RULES, &scratch, &report);
    finding = first_blocking(&report);
    for (int s = 0; finding && s < SOURCE_COUNT; s++) {
        for (int n = 0; n < MOST_WAYS && search->budget > 0; n++) {
            struct plan plan = from.plan;

            if (!sources[s](&report, finding, n, &plan, search->advisor->arena))
                break;
            own_words(&plan, search->advisor->arena);
            try_way(search, &from, &plan, ++rank);
        }
    }
    if (search->count == before)
        note_dead_end(search, from.outcome.first);
    arena_release(&scratch);
}

/* An edit that was a step on the way may not be needed at its end. */
static void drop_unneeded(struct search *search, struct plan *plan)
{
    for (int i = plan->count - 1; i >= 0 && plan->count > 1; i--) {
        struct plan without = *plan;

        if (plan->edit[i].bound || plan_has(search->start, &plan->edit[i]))
            continue;
        plan_drop(&without, i);
        if (!trial(search->advisor, &without, VERDICT_RULES).first)
            *plan = without;
    }
}

/* Do both edit the same options, if to other values? */
static bool same_options(const struct plan *a, const struct plan *b)
{
    for (int i = 0; i < a->count && a->count == b->count; i++)
        if (a->edit[i].target != b->edit[i].target || a->edit[i].remove != b->edit[i].remove ||
            strcmp(a->edit[i].option, b->edit[i].option) != 0)
            return false;
    return a->count == b->count;
}

/* Is the number in an edit of one option above (1) or below (-1) what the user gave it? 0: no
 * telling. */
static int side(const struct advisor *advisor, const struct plan *plan)
{
    const struct edit *edit = &plan->edit[0];
    const struct launch *launch = advisor->request->launch;
    const struct option_row *row =
        option_find(edit->option, strlen(edit->option), advisor->report->release);
    struct place place;
    long long before, after;

    if (plan->count != 1 || edit->target != EDIT_TRAINER || !edit->value || !row)
        return 0;
    place = advisor->report->job->place[row->dest];
    if (place.index < 0 || place.words != 2)
        return 0;
    before = strtoll(launch->argv[place.index + 1], NULL, 10);
    after = strtoll(edit->value, NULL, 10);
    return (after > before) - (after < before);
}

/* An alternative is another way, or the nearest value on the other side. */
static bool adds_nothing(const struct advisor *advisor, const struct plan *plan,
                         const struct plan *found, int count)
{
    for (int i = 0; i < count; i++) {
        if (plan_is_part(&found[i], plan))
            return true;
        if (same_options(&found[i], plan) && side(advisor, &found[i]) * side(advisor, plan) != -1)
            return true;
    }
    return false;
}

static int collect(struct search *search, int most, struct plan *found)
{
    struct node *node;
    int count = 0, limit = 0;

    while (count < most && search->dead_ends < MOST_DEAD_ENDS &&
           (node = best_open(search)) != NULL) {
        if (count && node->cost > limit)
            break;
        node->open = false;
        if (node->outcome.first) {
            expand(search, node);
            continue;
        }
        found[count] = node->plan;
        drop_unneeded(search, &found[count]);
        if (count == 0)
            limit = node->cost + MOST_EXTRA_COST;
        count += found[count].count <= found[0].count &&
                 !adds_nothing(search->advisor, &found[count], found, count);
    }
    return count;
}

int mend(const struct advisor *advisor, const struct plan *start, int budget, int most,
         struct plan *found)
{
    struct plan from = *start; /* it may be among those found */
    struct search search = {
        .advisor = advisor, .start = &from, .budget = budget, .scratch = ARENA_INIT
    };
    struct outcome outcome = trial(advisor, start, VERDICT_RULES);
    int count;

    add_node(&search, start, &outcome, 0);
    count = collect(&search, most, found);
    arena_release(&search.scratch);
    return count;
}
