#include "advise/climb.h"

#include <string.h>

#include "advise/ladder.h"
#include "advise/mend.h"

enum { MEND_BUDGET = 24 };

static bool lighter(const struct outcome *a, const struct outcome *b)
{
    return a->at_least < b->at_least || (a->at_least == b->at_least && a->expected < b->expected);
}

static bool is_go(const struct outcome *outcome)
{
    return !outcome->first && !outcome->tight;
}

/* Tries every candidate of a rung: takes the first that reaches go, else the lightest one. */
static void climb_rung(const struct advisor *advisor, const struct rung *rung, struct climb *climb)
{
    struct arena scratch = ARENA_INIT;
    struct climb best = *climb;
    struct report report;

    trial_decide(advisor, &climb->plan, VERDICT_RULES, &scratch, &report);
    for (int n = 0; !is_go(&best.outcome); n++) {
        struct plan candidate = climb->plan;
        struct outcome after;

        if (!rung->propose(&report, n, &candidate, advisor->arena))
            break;
        if (plan_same(&candidate, &climb->plan))
            continue;
        if (!mend(advisor, &candidate, MEND_BUDGET, 1, &candidate))
            continue;
        after = trial(advisor, &candidate, VERDICT_TO_FIRST_STOP);
        if (!lighter(&after, &best.outcome))
            continue;
        best = (struct climb) { .plan = candidate, .outcome = after };
    }
    *climb = best;
    arena_release(&scratch);
}

/* Drops every edit without which the job still goes; a dropped one may have been what others were
 * for. */
static void drop_unneeded(const struct advisor *advisor, struct climb *climb)
{
    bool dropped;

    do {
        dropped = false;
        for (int i = climb->plan.count - 1; i >= 0; i--) {
            struct plan without = climb->plan;
            struct outcome outcome;

            plan_drop(&without, i);
            outcome = trial(advisor, &without, VERDICT_TO_FIRST_STOP);
            if (outcome.first || (outcome.tight && !climb->outcome.tight))
                continue;
            climb->plan = without;
            climb->outcome = outcome;
            dropped = true;
        }
    } while (dropped);
}

/* Climbs from 'start' leaving out the rungs of 'skip'. Returns the number of the last rung that was
 * needed, -1 when none was. */
static int climb_once(const struct advisor *advisor, unsigned skip, struct climb *climb)
{
    int last = -1;

    for (size_t r = 0; r < rung_count && !is_go(&climb->outcome); r++) {
        struct plan before = climb->plan;

        if (skip >> r & 1)
            continue;
        climb_rung(advisor, &rungs[r], climb);
        if (!plan_same(&before, &climb->plan))
            last = (int)r;
    }
    return last;
}

/* A second time where the first does not reach go: what helped nothing on few ranks can on more of
 * them. */
int climb_all(const struct advisor *advisor, unsigned skip, struct climb *climb)
{
    int last = climb_once(advisor, skip, climb);

    if (climb->outcome.first && last >= 0)
        climb_once(advisor, skip, climb);
    if (!climb->outcome.first)
        drop_unneeded(advisor, climb);
    return last;
}
