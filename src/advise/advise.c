#include "advise/advise.h"

#include <string.h>

#include "advise/edits.h"
#include "advise/ladder.h"
#include "advise/repairs.h"

/* What a try came to; nothing of it lives in the try's arena. */
struct outcome {
    enum verdict verdict;
    int blocking;      /* errors that stop the job */
    const char *first; /* id of the first of them, or NULL */
    bool memory_stops; /* the first of them is of stage memory */
    bool tight;        /* memory warns */
    uint64_t at_least; /* largest of all pipeline ranks */
    uint64_t expected;
};

struct advisor {
    const struct request *request;
    const struct report *report; /* of the request as it is */
    bool for_memory;             /* not only rules have to be satisfied */
    struct arena *arena;
};

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct outcome outcome_of(const struct report *report)
{
    struct outcome outcome = { .verdict = report->verdict };

    for (int i = 0; i < report->memory.rank_count; i++) {
        outcome.at_least = greater(outcome.at_least, report->memory.rank[i].peak_at_least_bytes);
        outcome.expected = greater(outcome.expected, report->memory.rank[i].peak_bytes);
    }
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];

        if (finding->stage == STAGE_MEMORY && finding->severity != SEVERITY_NOTE)
            outcome.tight = true;
        if (!finding->blocks)
            continue;
        outcome.blocking++;
        if (!outcome.first) {
            outcome.first = finding->id;
            outcome.memory_stops = finding->stage == STAGE_MEMORY;
        }
    }
    return outcome;
}

/* One release stands for all while plans are tried; the winner is decided anew for all of them. */
static struct facts fixed_release(const struct facts *facts, enum release release)
{
    struct facts fixed = *facts;

    fixed.megatron = (struct fact_str) { .known = true, .value = release_name(release) };
    return fixed;
}

static void decide_plan(const struct advisor *advisor, const struct plan *plan, bool every_release,
                        struct arena *arena, struct report *report)
{
    enum release release = advisor->report->release;
    struct request request = plan_apply(plan, advisor->request, release, arena);
    struct facts *facts;

    request.errors_only = !every_release;
    if (!every_release) {
        facts = arena_alloc(arena, sizeof(*facts));
        *facts = fixed_release(request.facts, release);
        request.facts = facts;
    }
    verdict_decide(&request, arena, report);
}

static struct outcome try_plan(const struct advisor *advisor, const struct plan *plan)
{
    struct arena scratch = ARENA_INIT;
    struct report report;
    struct outcome outcome;

    decide_plan(advisor, plan, false, &scratch, &report);
    outcome = outcome_of(&report);
    arena_release(&scratch);
    return outcome;
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++)
        if (a->edit[i].target != b->edit[i].target || a->edit[i].remove != b->edit[i].remove ||
            strcmp(a->edit[i].option, b->edit[i].option) != 0 ||
            strcmp(a->edit[i].value ? a->edit[i].value : "",
                   b->edit[i].value ? b->edit[i].value : "") != 0)
            return false;
    return true;
}

/* --- rules -------------------------------------------------------------------------------------
 */

/* An option that no table has: the name it was meant to be, else without it. */
static bool repair_unknown(const struct report *report, int n, struct plan *plan)
{
    const struct argparse_unknown *unknown = report->parse.unknown;
    const char *word;

    if (!report->parse.unknown_count || n > 1)
        return false;
    word = report->launch->argv[unknown->index];
    if (word[0] != '-' || (n == 0 && !unknown->nearest))
        return n == 0;
    plan_remove(plan, EDIT_TRAINER, word);
    if (n == 0) {
        const char *next = unknown->index + 1 < report->launch->argc
                               ? report->launch->argv[unknown->index + 1]
                               : "-";

        plan_set(plan, EDIT_TRAINER, unknown->nearest, next[0] == '-' ? NULL : next);
    }
    return true;
}

/* Rules repaired on the way to a plan. */
struct repaired {
    int count;
    const char *rule[12];
};

static bool was_repaired(const struct repaired *repaired, const char *rule)
{
    for (int i = 0; i < repaired->count; i++)
        if (strcmp(repaired->rule[i], rule) == 0)
            return true;
    return false;
}

/* Better: the first error is gone, and what is first now stands further down the walk (rules that
 * had nothing to say before may find something now) or has not been met yet. */
static bool repairs_it(const struct outcome *before, const struct outcome *after,
                       const struct repaired *repaired)
{
    if (!after->first || rule_order(after->first) > rule_order(before->first))
        return true;
    return strcmp(after->first, before->first) != 0 && !was_repaired(repaired, after->first);
}

static bool repair(const struct advisor *advisor, const struct report *report,
                   const struct outcome *before, const struct repaired *repaired, struct plan *plan)
{
    enum { MOST_CANDIDATES = 24 };

    for (size_t r = 0; r < repair_count; r++) {
        if (strcmp(repairs[r].rule, before->first) != 0)
            continue;
        for (int n = 0; n < MOST_CANDIDATES; n++) {
            struct plan candidate = *plan;
            struct outcome after;

            if (!repair_try(&repairs[r], report, n, &candidate, advisor->arena))
                break;
            after = try_plan(advisor, &candidate);
            if (repairs_it(before, &after, repaired)) {
                *plan = candidate;
                return true;
            }
        }
    }
    for (int n = 0; report->parse.unknown_count && n < 2; n++) {
        struct plan candidate = *plan;
        struct outcome after;

        if (!repair_unknown(report, n, &candidate))
            break;
        after = try_plan(advisor, &candidate);
        if (repairs_it(before, &after, repaired) || after.blocking < before->blocking) {
            *plan = candidate;
            return true;
        }
    }
    return false;
}

/* Repairs rule after rule until none stops the job, or one cannot be repaired. */
static bool repair_all(const struct advisor *advisor, struct plan *plan, struct outcome *outcome)
{
    enum { MOST_REPAIRS = 10 };
    struct repaired repaired = { 0 };

    *outcome = try_plan(advisor, plan);
    for (int i = 0; i < MOST_REPAIRS && outcome->first && !outcome->memory_stops; i++) {
        struct arena scratch = ARENA_INIT;
        struct report report;
        bool better;

        decide_plan(advisor, plan, false, &scratch, &report);
        repaired.rule[repaired.count++] = outcome->first;
        better = repair(advisor, &report, outcome, &repaired, plan);
        arena_release(&scratch);
        if (!better)
            return false;
        *outcome = try_plan(advisor, plan);
    }
    return !outcome->first || outcome->memory_stops;
}

/* --- memory ------------------------------------------------------------------------------------
 */

struct climb {
    struct plan plan;
    struct outcome outcome;
};

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

    decide_plan(advisor, &climb->plan, false, &scratch, &report);
    for (int n = 0; !is_go(&best.outcome); n++) {
        struct plan candidate = climb->plan;
        struct outcome after;

        if (!rung->propose(&report, n, &candidate, advisor->arena))
            break;
        if (same_plan(&candidate, &climb->plan))
            continue;
        if (!repair_all(advisor, &candidate, &after) || !lighter(&after, &best.outcome))
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
            outcome = try_plan(advisor, &without);
            if (outcome.first || (outcome.tight && !climb->outcome.tight))
                continue;
            climb->plan = without;
            climb->outcome = outcome;
            dropped = true;
        }
    } while (dropped);
}

static bool goes_beyond(const struct plan *plan)
{
    static const char *const options[] = { "--tensor-model-parallel-size",
                                           "--context-parallel-size" };

    for (int i = 0; i < plan->count; i++) {
        if (plan->edit[i].target == EDIT_LAUNCHER)
            return true;
        for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++)
            if (strcmp(plan->edit[i].option, options[o]) == 0)
                return true;
    }
    return false;
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
        if (!same_plan(&before, &climb->plan))
            last = (int)r;
    }
    return last;
}

/* A second time where the first does not reach go: what helped nothing on few ranks can on more of them. */
static int climb_all(const struct advisor *advisor, unsigned skip, struct climb *climb)
{
    int last = climb_once(advisor, skip, climb);

    if (climb->outcome.first && last >= 0)
        climb_once(advisor, skip, climb);
    if (!climb->outcome.first)
        drop_unneeded(advisor, climb);
    return last;
}

/* --- the fix -----------------------------------------------------------------------------------
 */

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
static bool fill_fix(const struct advisor *advisor, const struct climb *climb, struct fix *fix)
{
    struct report report;
    const struct job *before = advisor->report->job, *after;

    decide_plan(advisor, &climb->plan, true, advisor->arena, &report);
    if (report.verdict == VERDICT_STOP)
        return false;
    after = report.job;
    memset(fix, 0, sizeof(*fix));
    fix->edit_count = climb->plan.count;
    memcpy(fix->edit, climb->plan.edit, sizeof(fix->edit));
    fix->argc = report.launch->argc;
    fix->argv = report.launch->argv;
    fix->world = report.launch->world.known ? report.launch->world.value : 0;
    fix->peak_bytes = outcome_of(&report).expected;
    fix->fits = true;
    fix->beyond_list = advisor->for_memory && goes_beyond(&climb->plan);
    add_change(fix, "data_parallel_size", before->data_parallel_size, after->data_parallel_size);
    add_change(fix, "num_microbatches", before->num_microbatches, after->num_microbatches);
    add_change(fix, "global_batch_size", before->global_batch_size, after->global_batch_size);
    add_env(fix, advisor->arena);
    return true;
}

static void add_fix(const struct advisor *advisor, const struct climb *climb, struct climb *found,
                    struct fixes *fixes)
{
    if (climb->outcome.first || !climb->plan.count ||
        fixes->count == (int)(sizeof(fixes->item) / sizeof(fixes->item[0])))
        return;
    for (int i = 0; i < fixes->count; i++)
        if (same_plan(&climb->plan, &found[i].plan))
            return;
    if (!fill_fix(advisor, climb, &fixes->item[fixes->count]))
        return;
    found[fixes->count++] = *climb;
}

void advise(const struct request *request, const struct report *report, struct arena *arena,
            struct fixes *fixes)
{
    struct advisor advisor = { .request = request, .report = report, .arena = arena };
    struct climb start = { .plan = { 0 } }, first, other;
    struct climb found[sizeof(fixes->item) / sizeof(fixes->item[0])];
    int last;

    memset(fixes, 0, sizeof(*fixes));
    if (!repair_all(&advisor, &start.plan, &start.outcome))
        return;
    if (!start.outcome.memory_stops) {
        add_fix(&advisor, &start, found, fixes);
        return;
    }
    advisor.for_memory = true;
    first = start;
    last = climb_all(&advisor, 0, &first);
    add_fix(&advisor, &first, found, fixes);
    for (int skip = last; skip >= 0 && fixes->count < 3; skip--) {
        other = start;
        climb_all(&advisor, 1u << skip, &other);
        add_fix(&advisor, &other, found, fixes);
    }
}
