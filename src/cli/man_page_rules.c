/* megatron-preflight-rules(7), from the rows of src/rules. */
#include "cli/man_page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "rules/rules.h"

static const char *const stage_texts[STAGE_COUNT] = {
    [STAGE_LAUNCH] = "The launch against its allocation, and ranks against each other.",
    [STAGE_PARSE] = "Megatron's argument parser.",
    [STAGE_VALIDATE] = "Megatron's validation of its arguments.",
    [STAGE_CONFIG] = "Configuration objects made from the arguments.",
    [STAGE_INIT] = "Process groups, random seeds, optimizer and data parallel configuration.",
    [STAGE_MODEL] = "Construction of the model, the optimizer and the schedules.",
    [STAGE_DATA] = "Construction of the data sets.",
    [STAGE_STEP] = "The first training step.",
    [STAGE_EVAL] = "The first evaluation.",
    [STAGE_MEMORY] = "The estimate of every pipeline stage against the GPU.",
    [STAGE_POLICY] = "What the site's policy asks.",
    [STAGE_UNCHECKED] = "What Megatron takes without a word.",
};

static void put_sentence(const char *name, const char *text)
{
    if (!text || !*text)
        return;
    fputs(".br\n", stdout);
    printf("\\fI%s\\fR: ", name);
    man_text(text);
    putchar('\n');
}

static void put_releases(const struct rule *rule)
{
    if (rule->since == RELEASE_0_8_0 && rule->until == RELEASE_MAIN)
        return;
    printf(".br\n\\fIreleases\\fR: %s", release_name(rule->since));
    if (rule->until != rule->since)
        printf(" to %s", release_name(rule->until));
    putchar('\n');
}

static void put_rule(const struct rule *rule)
{
    fputs(".TP\n.BR ", stdout);
    man_text(rule->id);
    printf(" \" (%s)\"\n", severity_names[rule->severity]);
    man_sentence(rule->what);
    if (rule->why)
        man_sentence(rule->why);
    put_sentence("fix", rule->fix);
    put_releases(rule);
}

static void put_stage(enum stage stage)
{
    bool first = true;

    for (size_t s = 0; s < rule_section_count; s++) {
        for (size_t i = 0; i < rule_sections[s]->count; i++) {
            const struct rule *rule = &rule_sections[s]->rows[i];

            if (rule->stage != stage || !rule->check)
                continue;
            if (first) {
                printf(".SH STAGE ");
                for (const char *p = stage_names[stage]; *p; p++)
                    putchar(toupper((unsigned char)*p));
                putchar('\n');
                man_sentence(stage_texts[stage]);
            }
            first = false;
            put_rule(rule);
        }
    }
}

void man_page_rules(void)
{
    man_head("megatron-preflight-rules", 7);
    fputs(".SH NAME\nmegatron\\-preflight\\-rules \\- what megatron\\-preflight looks for\n"
          ".SH DESCRIPTION\n",
          stdout);
    man_sentence(
        "The rules by the stage of a run in which Megatron-LM would trip over them, in the "
        "order in which it executes them. An error stops the job, a warning and a note do not; the "
        "site's policy can change that rule by rule. Where no releases are named, all of them have "
        "the rule.");
    fputs(".PP\n.B megatron\\-preflight rules \\fIID\\fR\n", stdout);
    man_text("shows one of them with its places in Megatron's source and an example that fails and "
             "one that "
             "passes.\n");
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        put_stage((enum stage)stage);
    fputs(".SH SEE ALSO\n.BR megatron\\-preflight (1),\n.BR megatron\\-preflight\\-policy (5)\n", stdout);
}
