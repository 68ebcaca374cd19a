#include "cli/check.h"

#include <string.h>

#include "base/edit_distance.h"
#include "cli/guide_page.h"
#include "cli/rule_page.h"
#include "megatron/options.h"

static int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int usage(const char *fmt, ...)
{
    va_list ap;

    fputs("megatron-preflight: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return -1;
}

/* --- the filter ------------------------------------------------------------------------------ */

static int read_release(const struct cli *cli, struct rule_filter *filter)
{
    filter->release = cli->megatron ? release_parse(cli->megatron) : RELEASE_UNKNOWN;
    if (cli->megatron && filter->release == RELEASE_UNKNOWN)
        return usage("--megatron: no table for '%s'; known are 0.8.0 .. %s and main", cli->megatron,
                     release_names[RELEASE_COUNT - 2]);
    return 0;
}

static int read_stage(const struct cli *cli, struct rule_filter *filter)
{
    char names[256] = "";

    filter->stage = -1;
    if (!cli->stage)
        return 0;
    for (int s = 0; s < STAGE_COUNT; s++) {
        if (strcmp(cli->stage, stage_names[s]) == 0) {
            filter->stage = s;
            return 0;
        }
        strcat(strcat(names, s ? ", " : ""), stage_names[s]);
    }
    return usage("--stage: '%s' is none of %s", cli->stage, names);
}

static bool is_read(const char *option)
{
    struct rule_filter filter = { .release = RELEASE_UNKNOWN, .stage = -1, .option = option };

    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++)
            if (rule_selected(&rule_sections[s]->rows[i], &filter))
                return true;
    return false;
}

static int read_option(const struct cli *cli, struct rule_filter *filter)
{
    const char *nearest;

    filter->option = cli->option;
    if (!cli->option || is_read(cli->option))
        return 0;
    for (int r = RELEASE_COUNT; r-- > 0;)
        if (option_find(cli->option, strlen(cli->option), (enum release)r))
            return usage("no rule reads '%s'", cli->option);
    nearest = option_nearest(cli->option, RELEASE_MAIN);
    return usage("--option: no release has '%s'%s%s%s", cli->option,
                 nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* --- the list -------------------------------------------------------------------------------- */

static void list(const struct rule_filter *filter, json_t *array)
{
    for (size_t s = 0; s < rule_section_count; s++) {
        for (size_t i = 0; i < rule_sections[s]->count; i++) {
            const struct rule *rule = &rule_sections[s]->rows[i];

            if (!rule_selected(rule, filter))
                continue;
            if (array)
                json_array_append_new(array, rule_row_json(rule));
            else
                printf("%-9s %-7s %-28s %s\n", stage_names[rule->stage],
                       severity_names[rule->severity], rule->id, rule->what);
        }
    }
}

/* --- an id that is none ---------------------------------------------------------------------- */

enum { MOST_NEAR = 5 };

struct near {
    int count;
    struct {
        const char *id;
        size_t edits;
    } item[MOST_NEAR];
};

static void keep_nearest(struct near *near, const char *id, size_t edits)
{
    int at = near->count;

    for (int i = 0; i < near->count; i++)
        if (strcmp(near->item[i].id, id) == 0)
            return;
    while (at > 0 && near->item[at - 1].edits > edits)
        at--;
    if (at == MOST_NEAR)
        return;
    near->count += near->count < MOST_NEAR;
    for (int i = near->count - 1; i > at; i--)
        near->item[i] = near->item[i - 1];
    near->item[at].id = id;
    near->item[at].edits = edits;
}

/* An id that has the word in it is nearer than one that is spelled nearly so. */
static void compare(struct near *near, const char *id, const char *word)
{
    size_t length = strlen(word), limit = length / 2, edits;

    if (length > EDIT_DISTANCE_LONGEST)
        return;
    if (length > 2 && strstr(id, word)) {
        keep_nearest(near, id, 1);
        return;
    }
    edits = edit_distance(word, length, id, strlen(id), limit);
    if (edits <= limit)
        keep_nearest(near, id, edits);
}

static int no_rule(const char *word)
{
    struct rule_filter every = { .release = RELEASE_UNKNOWN, .stage = -1 };
    struct near near = { 0 };

    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++)
            if (rule_selected(&rule_sections[s]->rows[i], &every))
                compare(&near, rule_sections[s]->rows[i].id, word);
    fprintf(stderr, "megatron-preflight: no rule '%s'; ", word);
    for (int i = 0; i < near.count; i++)
        fprintf(stderr, "%s%s",
                i == 0               ? "did you mean "
                : i + 1 < near.count ? ", "
                                     : " or ",
                near.item[i].id);
    fputs(near.count ? "?\n" : "'megatron-preflight rules' lists them\n", stderr);
    return -1;
}

static bool has_row(const char *id, const struct rule_filter *filter)
{
    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++)
            if (strcmp(rule_sections[s]->rows[i].id, id) == 0 &&
                rule_selected(&rule_sections[s]->rows[i], filter))
                return true;
    return false;
}

/* An id is there, but not for this filter: a list that is empty would not say so. */
static int find_id(const char *id, const struct rule_filter *filter)
{
    struct rule_filter every = { .release = RELEASE_UNKNOWN, .stage = -1 };

    if (has_row(id, filter))
        return 0;
    if (!has_row(id, &every))
        return no_rule(id);
    return usage("rule '%s' is not one of the release, stage or option asked for", id);
}

static void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(json);
}

static int show(const struct cli *cli)
{
    bool json = cli->format && strcmp(cli->format, "json") == 0;
    const char *id = cli->argc ? cli->argv[0] : NULL;
    struct rule_filter filter;
    json_t *array;

    if (cli->format && !json && strcmp(cli->format, "text") != 0)
        return usage("--format: '%s' is neither text nor json", cli->format);
    if (id && guide_page_has(id)) {
        guide_page_print(id, json);
        return 0;
    }
    if (read_release(cli, &filter) < 0 || read_stage(cli, &filter) < 0 ||
        read_option(cli, &filter) < 0 || (id && find_id(id, &filter) < 0))
        return -1;
    if (!id) {
        array = json ? json_array() : NULL;
        list(&filter, array);
        if (array)
            print_json(array);
    } else if (json) {
        print_json(rule_page_json(id, &filter));
    } else {
        rule_page_print(id, &filter);
    }
    return 0;
}

int rules_command(const struct cli *cli)
{
    return show(cli) < 0 ? cli_subcommands[CLI_RULES].usage_status : 0;
}

int version_command(void)
{
    printf("megatron-preflight %s\nMegatron-LM", VERSION);
    for (int r = 0; r < RELEASE_COUNT; r++)
        printf(" %s", release_names[r]);
    putchar('\n');
    return 0;
}
