#include "cli/rule_page.h"

#include <string.h>

#include "cli/rule_example.h"
#include "megatron/options.h"

static bool same_option(const char *word, size_t length, const char *option)
{
    const struct option_row *a, *b;

    if (strlen(option) == length && strncmp(word, option, length) == 0)
        return true;
    for (int r = 0; r < RELEASE_COUNT && word[0] == '-' && option[0] == '-'; r++) {
        a = option_find(word, length, (enum release)r);
        b = option_find(option, strlen(option), (enum release)r);
        if (a && b && a->dest == b->dest)
            return true;
    }
    return false;
}

static bool reads(const struct rule *rule, const char *option)
{
    size_t n;

    for (const char *p = rule->options; p && *p; p += n, p += strspn(p, " ")) {
        n = strcspn(p, " ");
        if (same_option(p, n, option))
            return true;
    }
    return false;
}

bool rule_selected(const struct rule *rule, const struct rule_filter *filter)
{
    if (!rule->check || (filter->stage >= 0 && rule->stage != (enum stage)filter->stage))
        return false;
    if (filter->release != RELEASE_UNKNOWN &&
        (filter->release < rule->since || filter->release > rule->until))
        return false;
    return !filter->option || reads(rule, filter->option);
}

/* The next selected row of that id after 'previous' (NULL: the first), or NULL. */
static const struct rule *next_row(const char *id, const struct rule *previous,
                                   const struct rule_filter *filter)
{
    bool passed = !previous;

    for (size_t s = 0; s < rule_section_count; s++) {
        for (size_t i = 0; i < rule_sections[s]->count; i++) {
            const struct rule *rule = &rule_sections[s]->rows[i];

            if (passed && strcmp(rule->id, id) == 0 && rule_selected(rule, filter))
                return rule;
            passed = passed || rule == previous;
        }
    }
    return NULL;
}

static bool is_place_of(const struct place_row *place, const char *id)
{
    size_t n = strlen(id);

    return strncmp(place->rule, id, n) == 0 && (!place->rule[n] || place->rule[n] == '/');
}

static bool in_release(enum release release, const struct rule_filter *filter)
{
    return filter->release == RELEASE_UNKNOWN || filter->release == release;
}

/* --- text ------------------------------------------------------------------------------------ */

static void put(const char *name, const char *text)
{
    if (text && *text)
        printf("  %-9s %s\n", name, text);
}

/* "@world" is ours: the words that decide the number of ranks. */
static const char *readable(const char *options, struct arena *arena)
{
    const char *world = options ? strstr(options, "@world") : NULL;

    if (!world)
        return options;
    return arena_printf(arena, "%.*sthe number of ranks%s%s", (int)(world - options), options,
                        world[strlen("@world")] ? "," : "", world + strlen("@world"));
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Rows that differ only in what they look at are one to a reader. */
static bool same_row(const struct rule *a, const struct rule *b)
{
    return a->since == b->since && a->until == b->until && a->severity == b->severity &&
           same_text(a->what, b->what) && same_text(a->why, b->why) && same_text(a->fix, b->fix) &&
           same_text(a->options, b->options) && same_text(a->needs, b->needs);
}

/* A second row of an id says only what is different about it. */
static void put_changed(const char *name, const char *text, const char *before)
{
    if (!before || !same_text(text, before))
        put(name, text);
}

static void put_row(const struct rule *rule, const struct rule *before)
{
    struct arena arena = ARENA_INIT;

    if (before && same_row(rule, before))
        return;
    printf("  %-9s %s", "releases", release_name(rule->since));
    if (rule->until != rule->since)
        printf(" to %s", release_name(rule->until));
    printf(": %s\n", severity_names[rule->severity]);
    put_changed("what", rule->what, before ? before->what : NULL);
    put_changed("why", rule->why, before ? before->why : NULL);
    put_changed("reads", readable(rule->options, &arena),
                before ? readable(before->options, &arena) : NULL);
    put_changed("after", rule->needs, before ? before->needs : NULL);
    put_changed("fix", rule->fix, before ? before->fix : NULL);
    arena_release(&arena);
}

/* One line a release, its files each with their lines. */
static void put_places(const char *id, const struct rule_filter *filter)
{
    const char *name = "place";

    for (int r = RELEASE_COUNT; r-- > 0;) {
        const char *path = NULL;

        for (size_t i = 0; i < place_row_count && in_release((enum release)r, filter); i++) {
            const struct place_row *place = &place_rows[i];

            if (place->release != (enum release)r || !is_place_of(place, id))
                continue;
            if (!path)
                printf("  %-9s %-7s ", name, release_name(place->release));
            if (path && strcmp(path, place->path) == 0)
                printf(", %d", place->line);
            else
                printf("%s%s:%d", path ? ", " : "", place->path, place->line);
            path = place->path;
            name = "";
        }
        if (path)
            putchar('\n');
    }
}

/* What the report says of the rule, else its verdict. */
static void put_answer(json_t *report, const char *id)
{
    json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(report, "findings"), i, finding)
    {
        const char *fix = json_string_value(json_object_get(finding, "fix"));

        if (strcmp(json_string_value(json_object_get(finding, "id")), id) != 0)
            continue;
        printf("            -> %s: %s: %s\n", json_string_value(json_object_get(report, "verdict")),
               json_string_value(json_object_get(finding, "severity")),
               json_string_value(json_object_get(finding, "message")));
        if (fix)
            printf("               fix: %s\n", fix);
        return;
    }
    printf("            -> %s\n", json_string_value(json_object_get(report, "verdict")));
}

static bool put_example(const char *id, bool fails)
{
    const struct rule_example *example = rule_example_find(id, fails);
    struct arena arena = ARENA_INIT;
    const char *line;
    json_t *report;
    bool uses_base;

    if (!example)
        return false;
    report = rule_example_report(example, &arena);
    line = rule_example_line(example, &arena);
    uses_base = strstr(line, "$BASE") != NULL;
    put(fails ? "fails" : "passes", example->what);
    printf("            $ %s\n", line);
    put_answer(report, id);
    json_decref(report);
    arena_release(&arena);
    return uses_base;
}

void rule_page_print(const char *id, const struct rule_filter *filter)
{
    const struct rule *before = NULL, *rule = next_row(id, NULL, filter);
    bool uses_base;

    printf("%s (stage %s)\n\n", id, stage_names[rule->stage]);
    for (; rule; before = rule, rule = next_row(id, rule, filter))
        put_row(rule, before);
    put_places(id, filter);
    uses_base = put_example(id, true);
    uses_base = put_example(id, false) || uses_base;
    if (uses_base)
        printf("\n$BASE is a small job that starts; to try the lines in bash:\nBASE=\"%s\"\n",
               rule_example_base);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *words_json(const char *words)
{
    json_t *array = json_array();
    size_t n;

    for (const char *p = words; p && *p; p += n, p += strspn(p, " ")) {
        n = strcspn(p, " ");
        if (*p != '@')
            json_array_append_new(array, json_stringn(p, n));
    }
    return array;
}

json_t *rule_row_json(const struct rule *rule)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:o, s:o}", "id", rule->id,
                     "stage", stage_names[rule->stage], "severity", severity_names[rule->severity],
                     "since", release_name(rule->since), "until", release_name(rule->until), "what",
                     rule->what, "why", rule->why, "fix", rule->fix, "options",
                     words_json(rule->options), "needs", words_json(rule->needs));
}

static json_t *places_json(const char *id, const struct rule_filter *filter)
{
    json_t *places = json_array();

    for (size_t i = 0; i < place_row_count; i++)
        if (in_release(place_rows[i].release, filter) && is_place_of(&place_rows[i], id))
            json_array_append_new(
                places, json_pack("{s:s, s:s, s:i}", "release", release_name(place_rows[i].release),
                                  "path", place_rows[i].path, "line", place_rows[i].line));
    return places;
}

static json_t *example_json(const char *id, bool fails)
{
    const struct rule_example *example = rule_example_find(id, fails);
    struct arena arena = ARENA_INIT;
    json_t *report, *json;

    if (!example)
        return json_null();
    report = rule_example_report(example, &arena);
    json =
        json_pack("{s:s, s:s, s:O, s:O}", "what", example->what, "command",
                  rule_example_line(example, &arena), "verdict", json_object_get(report, "verdict"),
                  "findings", json_object_get(report, "findings"));
    json_decref(report);
    arena_release(&arena);
    return json;
}

json_t *rule_page_json(const char *id, const struct rule_filter *filter)
{
    json_t *rows = json_array();

    for (const struct rule *rule = next_row(id, NULL, filter); rule;
         rule = next_row(id, rule, filter))
        json_array_append_new(rows, rule_row_json(rule));
    return json_pack("{s:s, s:o, s:o, s:{s:s, s:o, s:o}}", "id", id, "rows", rows, "places",
                     places_json(id, filter), "examples", "base", rule_example_base, "fails",
                     example_json(id, true), "passes", example_json(id, false));
}
