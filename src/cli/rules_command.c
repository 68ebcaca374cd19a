#include "cli/check.h"

#include <string.h>

#include "rules/rules.h"

static bool selected(const struct cli *cli, const struct rule *rule, enum release release)
{
    if (rule->adjust)
        return false;
    if (cli->stage && strcmp(cli->stage, stage_names[rule->stage]) != 0)
        return false;
    return release == RELEASE_UNKNOWN || (release >= rule->since && release <= rule->until);
}

static void list(const struct cli *cli, enum release release)
{
    for (size_t s = 0; s < rule_section_count; s++) {
        for (size_t i = 0; i < rule_sections[s]->count; i++) {
            const struct rule *rule = &rule_sections[s]->rows[i];

            if (selected(cli, rule, release))
                printf("%-9s %-7s %-28s %s\n", stage_names[rule->stage],
                       severity_names[rule->severity], rule->id, rule->what);
        }
    }
}

static void explain(const struct rule *rule)
{
    printf("%s (%s, stage %s)\n\n", rule->id, severity_names[rule->severity],
           stage_names[rule->stage]);
    printf("  what   %s\n", rule->what);
    if (rule->why)
        printf("  why    %s\n", rule->why);
    printf("  since  %s%s%s\n", release_name(rule->since),
           rule->until == RELEASE_MAIN ? "" : ", until ",
           rule->until == RELEASE_MAIN ? "" : release_name(rule->until));
    if (rule->options && *rule->options)
        printf("  reads  %s\n", rule->options);
    if (rule->fix)
        printf("  fix    %s\n", rule->fix);
    for (size_t i = place_row_count; i-- > 0;) {
        if (strcmp(place_rows[i].rule, rule->id) != 0)
            continue;
        printf("  place  %s %s:%d\n", release_name(place_rows[i].release), place_rows[i].path,
               place_rows[i].line);
    }
}

int rules_command(const struct cli *cli)
{
    enum release release = cli->megatron ? release_parse(cli->megatron) : RELEASE_UNKNOWN;
    const struct rule *rule;

    if (cli->megatron && release == RELEASE_UNKNOWN) {
        fprintf(stderr, "megatron-preflight: --megatron: no table for '%s'\n", cli->megatron);
        return 2;
    }
    if (cli->argc == 0) {
        list(cli, release);
        return 0;
    }
    rule = rule_find(cli->argv[0]);
    if (!rule) {
        fprintf(stderr, "megatron-preflight: no rule '%s'; 'megatron-preflight rules' lists them\n",
                cli->argv[0]);
        return 2;
    }
    explain(rule);
    return 0;
}

int version_command(void)
{
    printf("megatron-preflight %s\nMegatron-LM", VERSION);
    for (int r = 0; r < RELEASE_COUNT; r++)
        printf(" %s", release_names[r]);
    putchar('\n');
    return 0;
}
