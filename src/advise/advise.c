#include "advise/advise.h"

#include <string.h>

#include "advise/climb.h"
#include "advise/mend.h"

enum { MOST_FIXES = sizeof(((struct fixes *)NULL)->item) / sizeof(struct fix) };

static bool goes_beyond(const struct plan *plan)
{
    static const char *const options[] = { "--tensor-model-parallel-size",
                                           "--context-parallel-size",
                                           "--decoder-first-pipeline-num-layers",
                                           "--decoder-last-pipeline-num-layers" };

    for (int i = 0; i < plan->count; i++) {
        if (plan->edit[i].target == EDIT_LAUNCHER)
            return true;
        for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++)
            if (strcmp(plan->edit[i].option, options[o]) == 0)
                return true;
    }
    return false;
}

static void add_change(struct fix *fix, const char *name, int64_t before, int64_t after)
{
    if (before == after || before <= 0 || after <= 0)
        return;
    fix->change[fix->change_count++] =
        (struct change) { .name = name, .before = before, .after = after };
}

static void add_env(struct fix *fix, struct arena *arena)
{
    const char **env = arena_alloc(arena, sizeof(fix->edit) / sizeof(fix->edit[0]) * sizeof(*env));

    for (int i = 0; i < fix->edit_count; i++) {
        const struct edit *edit = &fix->edit[i];

        if (edit->target != EDIT_ENVIRONMENT)
            continue;
        env[fix->env_count++] =
            edit->remove ? edit->option : arena_printf(arena, "%s=%s", edit->option, edit->value);
    }
    fix->env = env;
}

/* Decides the plan for good; false when it does not go after all. */
static bool fill_fix(const struct advisor *advisor, const struct plan *plan, struct fix *fix)
{
    struct report report;
    const struct job *before = advisor->report->job, *after;

    trial_decide(advisor, plan, VERDICT_WHOLE, advisor->arena, &report);
    if (!outcome_of(&report).fits)
        return false;
    after = report.job;
    memset(fix, 0, sizeof(*fix));
    fix->edit_count = plan->count;
    memcpy(fix->edit, plan->edit, sizeof(fix->edit));
    fix->argc = report.launch->argc;
    fix->argv = report.launch->argv;
    fix->world = report.launch->world.known ? report.launch->world.value : 0;
    fix->peak_bytes = outcome_of(&report).expected;
    fix->fits = true;
    fix->beyond_list = advisor->ranks_are_given && goes_beyond(plan);
    add_change(fix, "world_size", before->world_size, after->world_size);
    add_change(fix, "data_parallel_size", before->data_parallel_size, after->data_parallel_size);
    add_change(fix, "num_microbatches", before->num_microbatches, after->num_microbatches);
    add_change(fix, "global_batch_size", before->global_batch_size, after->global_batch_size);
    add_env(fix, advisor->arena);
    return true;
}

static bool is_offered(const struct fixes *fixes, const struct plan *plan)
{
    for (int i = 0; i < fixes->count; i++) {
        struct plan offered = { .count = fixes->item[i].edit_count };

        memcpy(offered.edit, fixes->item[i].edit, sizeof(offered.edit));
        if (plan_same(&offered, plan))
            return true;
    }
    return false;
}

static void offer(const struct advisor *advisor, const struct plan *plan, struct fixes *fixes)
{
    if (fixes->count < MOST_FIXES && plan->count && !is_offered(fixes, plan) &&
        fill_fix(advisor, plan, &fixes->item[fixes->count]))
        fixes->count++;
}

/* The first way up the ladder, and others that each leave out one of the rungs it took. */
static void offer_climbs(const struct advisor *advisor, const struct plan *start,
                         struct fixes *fixes, uint64_t *lightest)
{
    struct climb from = { .plan = *start, .outcome = trial(advisor, start, VERDICT_TO_FIRST_STOP) };
    struct climb first = from;
    int last = climb_all(advisor, 0, &first);

    *lightest = first.outcome.at_least;
    if (!first.outcome.fits)
        return;
    offer(advisor, &first.plan, fixes);
    for (int skip = last; skip >= 0 && fixes->count < MOST_FIXES; skip--) {
        struct climb other = from;

        climb_all(advisor, 1u << skip, &other);
        if (other.outcome.fits)
            offer(advisor, &other.plan, fixes);
    }
}

/* A job that no way fits on its ranks: the fewest it would take, doubling. */
static void offer_ranks(const struct advisor *advisor, const struct plan *start,
                        struct fixes *fixes, uint64_t lightest)
{
    enum { MOST_DOUBLINGS = 10 };
    const struct launch *launch = advisor->report->launch;
    uint64_t usable = advisor->report->memory.usable_bytes;

    for (int n = 1; n <= MOST_DOUBLINGS && !fixes->count; n++) {
        struct plan plan = *start;

        if (lightest >> n > usable) /* twice the ranks leave half of it at best */
            continue;
        if (!launch->world.known || launch->world.value > 1 << 20 ||
            !plan_set_ranks(&plan, launch, launch->world.value << n, advisor->arena))
            return;
        offer_climbs(advisor, &plan, fixes, &(uint64_t) { 0 });
    }
}

static void advise_on_memory(struct advisor *advisor, const struct plan *start, struct fixes *fixes)
{
    uint64_t lightest;

    advisor->ranks_are_given = true;
    offer_climbs(advisor, start, fixes, &lightest);
    if (!fixes->count)
        offer_ranks(advisor, start, fixes, lightest);
}

void advise(const struct request *request, const struct report *report, struct arena *arena,
            struct fixes *fixes)
{
    enum { MOST_TRIALS = 300, MOST_PLANS = 6 };
    struct trials trials = { .arena = ARENA_INIT };
    struct advisor advisor = {
        .request = request, .report = report, .trials = &trials, .arena = arena
    };
    struct plan start = { 0 }, plan[MOST_PLANS];
    int count = mend(&advisor, &start, MOST_TRIALS, MOST_PLANS, plan);

    memset(fixes, 0, sizeof(*fixes));
    for (int i = 0; i < count; i++)
        offer(&advisor, &plan[i], fixes);
    if (count && !fixes->count)
        advise_on_memory(&advisor, &plan[0], fixes);
    arena_release(&trials.arena);
}
