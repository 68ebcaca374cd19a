#include "advise/climb.h"

#include <string.h>

#include "advise/ladder.h"
#include "advise/mend.h"

enum { MEND_BUDGET = 24 };

static bool lighter(const struct outcome *a, const struct outcome *b)
{
    return a->at_least < b->at_least || (a->at_least == b->at_least && a->expected < b->expected);
}

bool climb_is_go(const struct climb *climb)
{
    return climb->outcome.fits && !climb->outcome.tight;
}

static bool no_rule_stops(const struct outcome *outcome)
{
    return !outcome->first || outcome->memory_stops;
}

/* The candidate as it is, or mended where a rule stops it; false when that cannot be. */
static bool try_candidate(const struct advisor *advisor, struct climb *candidate)
{
    candidate->outcome = trial(advisor, &candidate->plan, VERDICT_TO_FIRST_STOP);
    if (no_rule_stops(&candidate->outcome))
        return true;
    if (!mend(advisor, &candidate->plan, MEND_BUDGET, 1, &candidate->plan))
        return false;
    candidate->outcome = trial(advisor, &candidate->plan, VERDICT_TO_FIRST_STOP);
    return no_rule_stops(&candidate->outcome);
}

/* Tries every candidate of a rung: takes the first that reaches go, else the lightest one. */
static void climb_rung(const struct advisor *advisor, const struct rung *rung, struct climb *climb)
{
    struct arena scratch = ARENA_INIT;
    struct climb best = *climb;
    struct report report;

    trial_decide(advisor, &climb->plan, VERDICT_RULES, &scratch, &report);
    for (int n = 0; !climb_is_go(&best); n++) {
        struct climb candidate = *climb;

        if (!rung->propose(&report, n, &candidate.plan, advisor->arena))
            break;
        if (plan_same(&candidate.plan, &climb->plan) || !try_candidate(advisor, &candidate))
            continue;
        if (lighter(&candidate.outcome, &best.outcome))
            best = candidate;
    }
    *climb = best;
    arena_release(&scratch);
}

/* Does a job with this outcome go as well as the one the climb reached? Where that is tight nothing
 * is given away. */
static bool as_good(const struct outcome *outcome, const struct climb *climb)
{
    if (!outcome->fits)
        return false;
    return climb->outcome.tight ? outcome->expected <= climb->outcome.expected : !outcome->tight;
}

/* Drops every edit without which the job still goes; a dropped one may have been what others were
 * for. */
static void drop_unneeded(const struct advisor *advisor, struct climb *climb)
{
    bool dropped;

    do {
        dropped = false;
        for (int i = climb->plan.count - 1; i >= 0; i--) {
            struct climb without = *climb;

            if (climb->plan.edit[i].bound)
                continue;
            plan_drop(&without.plan, i);
            without.outcome = trial(advisor, &without.plan, VERDICT_TO_FIRST_STOP);
            if (!as_good(&without.outcome, climb))
                continue;
            *climb = without;
            dropped = true;
        }
    } while (dropped);
}

static bool drop_recompute(struct plan *plan)
{
    bool dropped = false;

    for (int i = plan->count - 1; i >= 0; i--) {
        if (strncmp(plan->edit[i].option, "--recompute-", 12) != 0)
            continue;
        plan_drop(plan, i);
        dropped = true;
    }
    return dropped;
}

/* What later rungs gave may leave less to recompute. */
static void recompute_less(const struct advisor *advisor, struct climb *climb)
{
    struct arena scratch = ARENA_INIT;
    struct climb without = *climb;
    struct report report;

    if (!drop_recompute(&without.plan))
        return;
    trial_decide(advisor, &without.plan, VERDICT_RULES, &scratch, &report);
    for (int n = 0;; n++) {
        struct climb candidate = without;

        if (!rungs[RUNG_RECOMPUTE].propose(&report, n, &candidate.plan, advisor->arena))
            break;
        candidate.outcome = trial(advisor, &candidate.plan, VERDICT_TO_FIRST_STOP);
        if (!as_good(&candidate.outcome, climb))
            continue;
        *climb = candidate;
        break;
    }
    arena_release(&scratch);
}

/* What is beyond the list is for jobs that do not fit otherwise, not for more headroom. */
static bool is_worth(const struct rung *rung, const struct climb *climb)
{
    return rung->beyond ? !climb->outcome.fits : !climb_is_go(climb);
}

static int climb_rungs(const struct advisor *advisor, unsigned skip, struct climb *climb)
{
    int last = -1;

    for (int r = 0; r < RUNG_COUNT; r++) {
        struct plan before = climb->plan;

        if (skip >> r & 1 || !is_worth(&rungs[r], climb))
            continue;
        climb_rung(advisor, &rungs[r], climb);
        if (!plan_same(&before, &climb->plan))
            last = r;
    }
    return last;
}

/* A second time where the first comes near: what helped nothing before can after the rungs above.
 */
int climb_all(const struct advisor *advisor, unsigned skip, struct climb *climb)
{
    int last = climb_rungs(advisor, skip, climb);

    if (!climb->outcome.fits && last >= 0 &&
        climb->outcome.at_least / 2 < advisor->report->memory.usable_bytes)
        climb_rungs(advisor, skip, climb);
    if (!climb->outcome.fits)
        return last;
    drop_unneeded(advisor, climb);
    recompute_less(advisor, climb);
    return last;
}
