#include "verdict/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/word_list.h"
#include "launch/trainer.h"
#include "megatron/options_file.h"

const char *const verdict_names[VERDICT_COUNT] = {
    [VERDICT_GO] = "go",
    [VERDICT_WARN] = "warn",
    [VERDICT_STOP] = "stop",
};

static struct walk walk_of(const struct request *request, struct arena *arena,
                           struct report *report)
{
    return (struct walk) { .arena = arena,
                           .facts = request->facts,
                           .launch = request->launch,
                           .release = report->release,
                           .parse = &report->parse,
                           .job = report->job,
                           .findings = &report->findings,
                           .memory = &report->memory,
                           .policy = request->policy };
}

/* The options that this trainer has besides its release's. */
static struct option_extra extra_options(const struct request *request, enum release release,
                                         struct arena *arena)
{
    const struct fact_str *text = &request->facts->script_options;
    struct option_extra extra =
        option_extra_of_script(request->launch->script, release, request->extra, arena);
    struct option_extra own;
    struct error err;

    if (!text->known ||
        options_text_read(arena_strdup(arena, text->value), "script_options", arena, &own, &err) < 0)
        return extra;
    return option_extra_with(&extra, &own, release, arena);
}

/* Parse and walk as one release does it. */
static void walk_release(const struct request *request, enum release release, struct arena *arena,
                         struct report *report)
{
    struct option_extra extra = extra_options(request, release, arena);
    struct walk walk;

    memset(&report->findings, 0, sizeof(report->findings));
    report->release = release;
    report->job = arena_alloc(arena, sizeof(*report->job));
    job_init(report->job);
    argparse_parse(request->launch->argc, request->launch->argv, release, &extra, arena,
                   report->job, &report->parse);
    walk = walk_of(request, arena, report);
    walk.memory = NULL;
    rules_walk(&walk);
}

static bool has_error(const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->item[i].severity == SEVERITY_ERROR)
            return true;
    return false;
}

/* A script of somebody's own may build another model than its options say, freeze it, or not train
 * at all: nothing is certain then, and memory only warns. */
static void allow_for_own_script(const struct launch *launch, struct arena *arena,
                                 struct memory *memory)
{
    if (launch_script_is_megatrons(launch) || !memory->rank_count)
        return;
    for (int i = 0; i < memory->rank_count; i++)
        memory->rank[i].peak_at_least_bytes = 0;
    if (memory->assumption_count <
        (int)(sizeof(memory->assumption) / sizeof(memory->assumption[0])))
        memory->assumption[memory->assumption_count++] =
            arena_printf(arena, "%s trains what its options say",
                         launch->script ? launch->script : "the script");
}

/* The estimate and the rules that need it; nothing where the shape of the job makes no sense. */
static void estimate(const struct request *request, struct arena *arena, struct report *report)
{
    struct walk walk = walk_of(request, arena, report);

    if (request->depth == VERDICT_RULES || walk_shape_violated(&walk) ||
        (request->depth == VERDICT_TO_FIRST_STOP && has_error(&report->findings)))
        return;
    memory_estimate(report->job, report->release, request->facts, arena, &report->memory);
    allow_for_own_script(request->launch, arena, &report->memory);
    rules_walk_memory(&walk);
    if (request->depth == VERDICT_WHOLE && !has_error(&report->findings))
        rules_walk_advice(&walk);
}

/* --- policy ---------------------------------------------------------------------------------- */

/* The severity that policy gives a rule; SEVERITY_COUNT is "ignore". */
static enum severity policy_severity(const struct policy *policy, const struct finding *finding)
{
    enum severity severity = finding->severity;

    for (size_t i = 0; i < policy->severity.count; i++)
        if (strcmp(policy->severity.item[i].rule, finding->id) == 0)
            severity = policy->severity.item[i].severity;
    return severity;
}

/* Was the rule's statement looked for in the trainer's tree, and not found? */
static bool is_gone(const struct request *request, const struct finding *finding)
{
    const struct fact_str *gone = &request->facts->places_gone;
    char place[128];

    if (!gone->known)
        return false;
    snprintf(place, sizeof(place), "%s%s%s", finding->id, finding->place ? "/" : "",
             finding->place ? finding->place : "");
    return word_list_has(gone->value, place);
}

/* In a tree that differs from the release, a rule we know may be gone; a script that writes to sys.argv may
 * start Megatron with other options. */
static bool holds_in_this_tree(const struct request *request, const struct finding *finding)
{
    const struct fact_str *changed = &request->facts->megatron_changed;
    const struct fact_str *parser = &request->facts->script_parser;
    const struct rule *rule;

    if (parser->known && word_list_has(parser->value, "changes-argv"))
        return finding->stage == STAGE_LAUNCH || finding->stage == STAGE_POLICY;
    if (!changed->known || !*changed->value)
        return true;
    if (is_gone(request, finding))
        return false;
    if (request->policy->modified_tree == TREE_ALL)
        return true;
    if (request->policy->modified_tree == TREE_NOTHING)
        return false;
    rule = rule_find(finding->id);
    return finding->stage == STAGE_LAUNCH || finding->stage == STAGE_MEMORY ||
           finding->stage == STAGE_POLICY || (rule && rule->shape);
}

/* Applies policy to every finding; an error that may not block becomes a warning. */
static void apply_policy(const struct request *request, struct report *report)
{
    struct findings *findings = &report->findings;
    size_t kept = 0;

    for (size_t i = 0; i < findings->count; i++) {
        struct finding finding = findings->item[i];

        finding.severity = policy_severity(request->policy, &finding);
        if (finding.severity == SEVERITY_COUNT)
            continue;
        if (finding.severity == SEVERITY_ERROR && !holds_in_this_tree(request, &finding))
            finding.severity = SEVERITY_WARNING;
        finding.blocks = finding.severity == SEVERITY_ERROR &&
                         request->policy->mode == MODE_ENFORCE && !request->policy->let_go;
        findings->item[kept++] = finding;
    }
    findings->count = kept;
}

static enum verdict worst(const struct findings *findings)
{
    enum verdict verdict = VERDICT_GO;

    for (size_t i = 0; i < findings->count; i++) {
        if (findings->item[i].blocks)
            return VERDICT_STOP;
        if (findings->item[i].severity != SEVERITY_NOTE)
            verdict = VERDICT_WARN;
    }
    return verdict;
}

/* --- a release that is not known ---------------------------------------------------------------
 */

/* What every walked release said of one rule. */
struct opinion {
    const char *id;
    unsigned stops;         /* bit r: release r stops there */
    struct finding finding; /* the newest release's */
};

struct opinions {
    size_t count, capacity;
    struct opinion *item;
    bool all_stop;
    enum release newest_going; /* RELEASE_UNKNOWN: none */
};

static struct opinion *opinion_of(struct opinions *opinions, const char *id, struct arena *arena)
{
    for (size_t i = 0; i < opinions->count; i++)
        if (strcmp(opinions->item[i].id, id) == 0)
            return &opinions->item[i];
    opinions->item = arena_grow(arena, opinions->item, &opinions->capacity, opinions->count + 1,
                                sizeof(*opinions->item));
    opinions->item[opinions->count] = (struct opinion) { .id = id };
    return &opinions->item[opinions->count++];
}

static void collect(struct opinions *opinions, const struct report *report, struct arena *arena)
{
    bool stops = false;

    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];
        struct opinion *opinion;

        if (finding->severity != SEVERITY_ERROR)
            continue;
        stops = true;
        opinion = opinion_of(opinions, finding->id, arena);
        opinion->stops |= 1u << report->release;
        opinion->finding = *finding;
    }
    if (!stops)
        opinions->newest_going = report->release;
    opinions->all_stop = opinions->all_stop && stops;
}

static const char *release_list(unsigned releases, struct arena *arena)
{
    const char *text = "";

    for (int r = 0; r < RELEASE_COUNT; r++)
        if (releases >> r & 1)
            text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", release_names[r]);
    return text;
}

/* Some release starts this job: what would stop others is worth a note. */
static void note_opinions(const struct opinions *opinions, struct report *report,
                          struct arena *arena)
{
    for (size_t i = 0; i < opinions->count; i++) {
        const struct opinion *opinion = &opinions->item[i];
        struct finding *note = findings_add(&report->findings, arena);

        *note = opinion->finding;
        note->severity = SEVERITY_NOTE;
        note->message = arena_printf(arena, "%s (only in %s)", opinion->finding.message,
                                     release_list(opinion->stops, arena));
    }
}

static void drop_errors(struct findings *findings)
{
    size_t kept = 0;

    for (size_t i = 0; i < findings->count; i++)
        if (findings->item[i].severity != SEVERITY_ERROR)
            findings->item[kept++] = findings->item[i];
    findings->count = kept;
}

/* Every release is walked; the job shown is that of the newest one that starts it, else main's. */
static void walk_all_releases(const struct request *request, struct arena *arena,
                              struct report *report)
{
    struct opinions opinions = { .all_stop = true, .newest_going = RELEASE_UNKNOWN };

    for (int r = 0; r < RELEASE_COUNT; r++) {
        walk_release(request, (enum release)r, arena, report);
        apply_policy(request, report);
        collect(&opinions, report, arena);
    }
    if (opinions.all_stop)
        return;
    if (opinions.newest_going != report->release)
        walk_release(request, opinions.newest_going, arena, report);
    drop_errors(&report->findings);
    note_opinions(&opinions, report, arena);
}

/* --- the verdict -------------------------------------------------------------------------------
 */

static void say_cannot_know(struct report *report, const char *why, struct arena *arena)
{
    struct finding *note = findings_add(&report->findings, arena);

    *note = (struct finding) { .id = "launch-not-known",
                               .stage = STAGE_LAUNCH,
                               .severity = SEVERITY_NOTE,
                               .options = "",
                               .message = why };
    report->cannot_know = why;
    report->release = RELEASE_UNKNOWN;
}

void verdict_decide(const struct request *request, struct arena *arena, struct report *report)
{
    enum release release = facts_release(request->facts);

    memset(report, 0, sizeof(*report));
    report->id = request->id;
    report->mode = request->policy->mode;
    report->launch = request->launch;
    report->facts = request->facts;
    if (request->launch->cannot_know) {
        say_cannot_know(report, request->launch->cannot_know, arena);
        return;
    }
    if (release == RELEASE_UNKNOWN)
        walk_all_releases(request, arena, report);
    else
        walk_release(request, release, arena, report);
    estimate(request, arena, report);
    apply_policy(request, report);
    report->verdict = worst(&report->findings);
    if (report->verdict == VERDICT_STOP && request->want_fixes)
        advise(request, report, arena, &report->fixes);
}

int verdict_exit_status(const struct report *report, bool strict)
{
    if (report->error)
        return 2;
    if (report->verdict == VERDICT_STOP)
        return 1;
    return strict && report->cannot_know ? 3 : 0;
}
