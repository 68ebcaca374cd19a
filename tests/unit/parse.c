#include "rules/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define WORDS(...) ((const char *const[]) { __VA_ARGS__, NULL })

/* How sure it is that the script's parser is the release's. */
enum world { BARE_ARGV, A_COMMAND, SEARCHED };

static const struct {
    const char *const *argv;
    enum world world;
    const char *found; /* options_in_tree */
    const char *script;
    const char *id; /* of the only finding of stage parse, or NULL */
    enum severity severity;
    int index, words; /* what it points at */
    const char *message;
} cases[] = {
    { WORDS("--num-layers", "2"), BARE_ARGV, NULL, "pretrain_gpt.py", NULL, 0, 0, 0, NULL },
    { WORDS("--bf16", "--num-layer", "2"), BARE_ARGV, NULL, "pretrain_gpt.py", "unknown-option",
      SEVERITY_ERROR, 1, 2, "Megatron main has no option '--num-layer'" },
    { WORDS("--num-layer=2"), A_COMMAND, NULL, "pretrain_gpt.py", "unknown-option",
      SEVERITY_WARNING, 0, 1, "Megatron main has no option '--num-layer=2'" },
    { WORDS("--num-layer", "2"), BARE_ARGV, NULL, "pretrain_mine.py", "unknown-option",
      SEVERITY_WARNING, 0, 2, "Megatron main has no option '--num-layer'" },
    { WORDS("--our-own", "2"), SEARCHED, "--x --our-own", "pretrain_gpt.py", "unknown-option",
      SEVERITY_NOTE, 0, 2,
      "'--our-own': not an option of Megatron main, but of this tree; what it does is not "
      "checked" },
    { WORDS("--our-own", "2"), SEARCHED, "--our-own-too", "pretrain_mine.py", "unknown-option",
      SEVERITY_ERROR, 0, 2, "Megatron main has no option '--our-own'" },
    { WORDS("--our-own", "2", "--typo"), SEARCHED, "--our-own", "pretrain_mine.py",
      "unknown-option", SEVERITY_ERROR, 2, 1, "Megatron main has no option '--typo'" },
    { WORDS("--export-kd-cfg", "x"), BARE_ARGV, NULL, "pretrain_gpt.py", NULL, 0, 0, 0, NULL },
    { WORDS("--disable-vision-class-token"), A_COMMAND, NULL, "/x/pretrain_vlm.py", NULL, 0, 0, 0,
      NULL },
    { WORDS("--lr", "abc"), BARE_ARGV, NULL, "pretrain_gpt.py", "option-value", SEVERITY_ERROR, 0,
      2, "argument --lr: invalid float value: 'abc'" },
    { WORDS("--lr", "abc", "--num-layers", "1e1"), BARE_ARGV, NULL, "pretrain_gpt.py",
      "option-value", SEVERITY_ERROR, 0, 2,
      "argument --lr: invalid float value: 'abc'; argument --num-layers: invalid int value: "
      "'1e1'" },
    { WORDS("--attention-backend", "Flash"), BARE_ARGV, NULL, "pretrain_gpt.py", "option-member",
      SEVERITY_ERROR, 0, 2, "--attention-backend: KeyError: 'Flash'" },
    { WORDS("--moe-layer-freq=[1,0"), BARE_ARGV, NULL, "pretrain_gpt.py", "option-expression",
      SEVERITY_ERROR, 0, 1, "--moe-layer-freq=[1,0: SyntaxError: invalid syntax" },
    { WORDS("--bf16", "1"), A_COMMAND, NULL, "pretrain_gpt.py", "stray-word", SEVERITY_ERROR, 1, 1,
      "'1' follows no option that takes a value" },
    { WORDS("--bf16", "--help"), A_COMMAND, NULL, "pretrain_gpt.py", "option-help", SEVERITY_NOTE,
      1, 1, NULL },
};

struct walked {
    struct facts facts;
    struct launch launch;
    struct job job;
    struct argparse_result parse;
    struct findings findings;
    struct walk walk;
};

static void walk(size_t i, struct arena *arena, struct walked *w)
{
    struct environment env = { .known = true };
    struct option_extra extra;
    int argc = 0;

    memset(w, 0, sizeof(*w));
    while (cases[i].argv[argc])
        argc++;
    facts_init(&w->facts);
    w->facts.megatron = (struct fact_str) { true, "main", "--megatron" };
    if (cases[i].world == SEARCHED)
        w->facts.options_in_tree = (struct fact_str) { true, cases[i].found, "a search" };
    launch_from_argv(cases[i].script, argc, cases[i].argv, 8, &env, &w->launch);
    w->launch.command_argc = cases[i].world == BARE_ARGV ? 0 : argc + 1;
    job_init(&w->job);
    extra = option_extra_of_script(cases[i].script, RELEASE_MAIN, NULL, arena);
    argparse_parse(argc, cases[i].argv, RELEASE_MAIN, &extra, arena, &w->job, &w->parse);
    w->walk = (struct walk) { .arena = arena,
                              .facts = &w->facts,
                              .launch = &w->launch,
                              .release = RELEASE_MAIN,
                              .parse = &w->parse,
                              .job = &w->job,
                              .findings = &w->findings };
    rules_walk(&w->walk);
}

static const struct finding *only_parse_finding(const struct findings *findings)
{
    const struct finding *found = NULL;

    for (size_t i = 0; i < findings->count; i++) {
        if (findings->item[i].stage != STAGE_PARSE)
            continue;
        assert_null(found);
        found = &findings->item[i];
    }
    return found;
}

static void test_findings(void **state)
{
    struct arena arena = ARENA_INIT;
    static struct walked w;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct finding *finding;

        walk(i, &arena, &w);
        finding = only_parse_finding(&w.findings);
        if (!cases[i].id) {
            assert_null(finding);
            continue;
        }
        assert_non_null(finding);
        assert_string_equal(finding->id, cases[i].id);
        assert_int_equal(finding->severity, cases[i].severity);
        assert_int_equal(finding->where[0].in, WHERE_ARGV);
        assert_int_equal(finding->where[0].index, cases[i].index);
        assert_int_equal(finding->where[0].words, cases[i].words);
        if (cases[i].message)
            assert_string_equal(finding->message, cases[i].message);
    }
    arena_release(&arena);
}

/* One mistake, one finding: what could not be parsed is not also missing. */
static void test_a_bad_value_spoils_its_field(void **state)
{
    struct arena arena = ARENA_INIT;
    static struct walked w;

    (void)state;
    walk(9, &arena, &w);
    assert_true(parse_spoiled(&w.walk, JOB_lr));
    assert_false(parse_spoiled(&w.walk, JOB_num_layers));
    walk(1, &arena, &w);
    assert_true(parse_spoiled(&w.walk, JOB_num_layers));
    walk(3, &arena, &w); /* only a warning: the trainer may go on without --num-layers */
    assert_false(parse_spoiled(&w.walk, JOB_num_layers));
    arena_release(&arena);
}

static void test_a_modified_tree_is_said(void **state)
{
    struct arena arena = ARENA_INIT;
    static struct walked w;
    const struct finding *finding;

    (void)state;
    walk(0, &arena, &w);
    w.facts.megatron_changed = (struct fact_str) { true, "a.py b/c.py", "a tree" };
    w.findings.count = 0;
    rules_walk(&w.walk);
    finding = only_parse_finding(&w.findings);
    assert_string_equal(finding->id, "modified-tree");
    assert_string_equal(finding->message, "the Megatron tree differs from main in 2 files with "
                                          "rules: a.py b/c.py");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_a_bad_value_spoils_its_field),
        cmocka_unit_test(test_a_modified_tree_is_said),
    };

    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
