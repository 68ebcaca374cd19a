#include "rules/rules.h"

#include <stdio.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/sections.h"

const struct rule *rule_find(const char *id)
{
    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++)
            if (strcmp(rule_sections[s]->rows[i].id, id) == 0)
                return &rule_sections[s]->rows[i];
    return NULL;
}

int rule_order(const char *id)
{
    int order = 0;

    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++, order++)
            if (strcmp(rule_sections[s]->rows[i].id, id) == 0)
                return order;
    return -1;
}

bool walk_violated(const struct walk *walk, const char *id)
{
    for (size_t i = 0; i < walk->findings->count; i++)
        if (walk->findings->item[i].id[0] == id[0] && strcmp(walk->findings->item[i].id, id) == 0)
            return true;
    return false;
}

/* The next blank-separated word of *list into 'word'; false at the end. */
static bool next_word(const char **list, char *word, size_t size)
{
    size_t n;

    *list += strspn(*list, " ");
    n = strcspn(*list, " ");
    if (n == 0 || n >= size)
        return false;
    memcpy(word, *list, n);
    word[n] = '\0';
    *list += n;
    return true;
}

static bool needs_violated(const struct walk *walk, const char *needs)
{
    char id[64];

    if (!walk->findings->count)
        return false;
    while (needs && next_word(&needs, id, sizeof(id)))
        if (walk_violated(walk, id))
            return true;
    return false;
}

static void add_where(struct finding *finding, struct where where)
{
    if (finding->where_count < (int)(sizeof(finding->where) / sizeof(finding->where[0])))
        finding->where[finding->where_count++] = where;
}

static void point_at_option(const struct walk *walk, struct finding *finding, const char *name)
{
    const struct option_row *row = option_find(name, strlen(name), walk->release);
    struct place place;

    if (!row)
        return;
    place = walk->job->place[row->dest];
    if (place.index >= 0)
        add_where(finding,
                  (struct where) {
                      .in = WHERE_ARGV, .index = place.index, .words = place.words, .name = name });
}

static void point_at(const struct walk *walk, struct finding *finding)
{
    const char *options = finding->options;
    char word[96];

    while (options && next_word(&options, word, sizeof(word))) {
        if (word[0] == '-')
            point_at_option(walk, finding, arena_strdup(walk->arena, word));
        else if (word[0] == '$')
            add_where(finding, (struct where) { .in = WHERE_ENV,
                                                .name = arena_strdup(walk->arena, word + 1) });
        else if (strcmp(word, "@world") == 0)
            for (int i = 0; i < 4 && walk->launch->world_place[i].words; i++)
                add_where(finding, (struct where) { .in = WHERE_COMMAND,
                                                    .index = walk->launch->world_place[i].index,
                                                    .words = walk->launch->world_place[i].words });
    }
}

static const char *source_of(const struct walk *walk, const struct finding *finding)
{
    const char *id = finding->place
                         ? arena_printf(walk->arena, "%s/%s", finding->id, finding->place)
                         : finding->id;

    for (size_t i = 0; i < place_row_count; i++)
        if (place_rows[i].release == walk->release && strcmp(place_rows[i].rule, id) == 0)
            return arena_printf(walk->arena, "%s %s:%d", release_name(walk->release),
                                place_rows[i].path, place_rows[i].line);
    return NULL;
}

/* Could a word meant for one of these options not be parsed? Then that has been said already. */
static bool options_spoiled(const struct walk *walk, const char *options)
{
    char word[96];

    while (options && next_word(&options, word, sizeof(word))) {
        const struct option_row *row = option_find(word, strlen(word), walk->release);

        if (row && parse_spoiled(walk, row->dest))
            return true;
    }
    return false;
}

static void check(struct walk *walk, const struct rule *rule)
{
    struct finding finding = { .id = rule->id,
                               .stage = rule->stage,
                               .severity = rule->severity,
                               .options = rule->options,
                               .fix = rule->fix };

    if (walk_violated(walk, rule->id) || needs_violated(walk, rule->needs) ||
        rule->check(walk, &finding) != VIOLATED)
        return;
    if (options_spoiled(walk, rule->options))
        return;
    if (!finding.message)
        finding.message = rule->what;
    if (!finding.where_count)
        point_at(walk, &finding);
    if (!finding.source)
        finding.source = source_of(walk, &finding);
    *findings_add(walk->findings, walk->arena) = finding;
}

/* With --yaml-cfg all values are in that file: what stands on the command line is only launched and
 * parsed. */
static bool is_reached(const struct walk *walk, const struct rule *rule)
{
    if (walk->release < rule->since || walk->release > rule->until)
        return false;
    return !walk->job->yaml_cfg || rule->stage <= STAGE_PARSE || rule->stage > STAGE_EVAL;
}

static void walk_section(struct walk *walk, const struct rule_section *section)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct rule *rule = &section->rows[i];

        if (!is_reached(walk, rule))
            continue;
        if (rule->adjust)
            rule->adjust(walk);
        else
            check(walk, rule);
    }
}

void rules_walk(struct walk *walk)
{
    for (size_t s = 0; s < rule_section_count; s++)
        if (rule_sections[s] != &memory_rules && rule_sections[s] != &advice_rules)
            walk_section(walk, rule_sections[s]);
}

void rules_walk_memory(struct walk *walk)
{
    walk_section(walk, &memory_rules);
}

void rules_walk_advice(struct walk *walk)
{
    walk_section(walk, &advice_rules);
}

bool walk_shape_violated(const struct walk *walk)
{
    for (size_t i = 0; i < walk->findings->count; i++) {
        const struct finding *finding = &walk->findings->item[i];
        const struct rule *rule = rule_find(finding->id);

        if (finding->severity == SEVERITY_ERROR && rule &&
            (rule->shape || rule->stage == STAGE_PARSE))
            return true;
    }
    return false;
}

enum answer violated_at(struct walk *walk, struct finding *finding, int place, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    finding->message = arena_vprintf(walk->arena, fmt, ap);
    va_end(ap);
    if (place)
        finding->place = arena_printf(walk->arena, "%d", place);
    return VIOLATED;
}

enum answer violated(struct walk *walk, struct finding *finding, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    finding->message = arena_vprintf(walk->arena, fmt, ap);
    va_end(ap);
    return VIOLATED;
}

const char *variable_shown(const struct walk *walk, const char *name)
{
    const char *value = environment_get(&walk->facts->environment, name);

    return !value ? "not set" : *value ? value : "empty";
}

enum severity severity_of_seen_trainer(const struct walk *walk)
{
    return walk->facts->megatron_tree.known ? SEVERITY_ERROR : SEVERITY_WARNING;
}

void finding_fix(struct walk *walk, struct finding *finding, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    finding->fix = arena_vprintf(walk->arena, fmt, ap);
    va_end(ap);
}
