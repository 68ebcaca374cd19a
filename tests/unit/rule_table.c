/* Every row of every rule table says what the header asks of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "megatron/options.h"
#include "rules/examples.h"
#include "rules/nearest.h"
#include "rules/rules.h"

static int faults;

static void fault(const struct rule *rule, const char *what, const char *word)
{
    print_error("rule %s: %s%s%s\n", rule->id, what, word ? " " : "", word ? word : "");
    faults++;
}

static void for_each_rule(void (*look)(const struct rule *))
{
    faults = 0;
    for (size_t s = 0; s < rule_section_count; s++)
        for (size_t i = 0; i < rule_sections[s]->count; i++)
            look(&rule_sections[s]->rows[i]);
    assert_int_equal(faults, 0);
}

/* Calls 'look' with every blank-separated word. */
static void for_each_word(const struct rule *rule, const char *list,
                          void (*look)(const struct rule *, const char *))
{
    char word[128];

    while (list && *(list += strspn(list, " "))) {
        size_t length = strcspn(list, " ");

        snprintf(word, sizeof(word), "%.*s", (int)length, list);
        look(rule, word);
        list += length;
    }
}

/* What is wrong with a launch, any word, a policy's list or memory is not one option's fault. */
static bool names_options(enum stage stage)
{
    return stage != STAGE_LAUNCH && stage != STAGE_PARSE && stage != STAGE_POLICY &&
           stage != STAGE_MEMORY;
}

static void look_complete(const struct rule *rule)
{
    if (!rule->id || !*rule->id || strpbrk(rule->id, " 	/_"))
        fault(rule, "its id is not words joined by hyphens", NULL);
    if (!rule->check == !rule->adjust)
        fault(rule, "it wants exactly one of check and adjust", NULL);
    if (rule->since > rule->until)
        fault(rule, "since is after until", NULL);
    if (!rule->what || !*rule->what)
        fault(rule, "it does not say what", NULL);
    if (!rule->check)
        return;
    if (!rule->why || !*rule->why)
        fault(rule, "it does not say why", NULL);
    if (names_options(rule->stage) && (!rule->options || !*rule->options))
        fault(rule, "it points at nothing", NULL);
    if (rule->stage != STAGE_MEMORY && (!rule->fix || !*rule->fix))
        fault(rule, "it has no fix", NULL);
}

static void look_need(const struct rule *rule, const char *id)
{
    if (!rule_find(id))
        fault(rule, "it needs a rule that is not there:", id);
}

static void look_needs(const struct rule *rule)
{
    for_each_word(rule, rule->needs, look_need);
}

/* Rows of one id share their list, so that a release need not have all of it. */
static bool is_known(const char *option)
{
    for (int release = 0; release < RELEASE_COUNT; release++)
        if (option_find(option, strlen(option), (enum release)release))
            return true;
    return false;
}

/* The launch's own words and a script's are no options of Megatron's. */
static void look_option(const struct rule *rule, const char *word)
{
    if (word[0] == '$' || word[0] == '@' || rule->stage == STAGE_LAUNCH)
        return;
    if (word[0] != '-')
        fault(rule, "it points at what is no option:", word);
    else if (!is_known(word))
        fault(rule, "no release has", word);
}

static void look_options(const struct rule *rule)
{
    for_each_word(rule, rule->options, look_option);
}

/* The table of examples is made of tests/cases/ID-fail.case and ID-pass.case. */
static void look_examples(const struct rule *rule)
{
    bool found[2] = { false, false };

    for (size_t i = 0; rule->check && i < rule_example_count; i++)
        if (strcmp(rule_examples[i].rule, rule->id) == 0)
            found[rule_examples[i].fails] = true;
    if (rule->check && !found[true])
        fault(rule, "it has no case file that fails by it", NULL);
    if (rule->check && !found[false])
        fault(rule, "it has no case file that goes", NULL);
}

static void test_rows_have_cases(void **state)
{
    (void)state;
    for_each_rule(look_examples);
}

static void test_rows_are_complete(void **state)
{
    (void)state;
    for_each_rule(look_complete);
}

static void test_needs_exist(void **state)
{
    (void)state;
    for_each_rule(look_needs);
}

static void test_options_exist(void **state)
{
    (void)state;
    for_each_rule(look_options);
}

/* "id" or "id/PLACE", of a rule that exists in that release. */
static void test_places_have_rules(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < place_row_count; i++) {
        char id[96];

        snprintf(id, sizeof(id), "%.*s", (int)strcspn(place_rows[i].rule, "/"), place_rows[i].rule);
        if (rule_find(id))
            continue;
        print_error("places.tsv: no rule %s\n", id);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_int_equal(round_up(24, 32), 32);
    assert_int_equal(round_up(33, 32), 64);
    assert_int_equal(round_up(-5, 8), 8);
    assert_int_equal(nearest_divisor(24, 80, 5), 4);
    assert_int_equal(nearest_divisor(12, 12, 5), 4);
    assert_int_equal(nearest_divisor(7, 24, 5), 1);
    assert_int_equal(nearest_divisor(0, 24, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete), cmocka_unit_test(test_rows_have_cases),
        cmocka_unit_test(test_needs_exist),       cmocka_unit_test(test_options_exist),
        cmocka_unit_test(test_places_have_rules), cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests_name("rule_table", tests, NULL, NULL);
}
