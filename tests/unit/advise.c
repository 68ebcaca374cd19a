#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "advise/edits.h"
#include "advise/repairs.h"

static bool known_option(const char *name)
{
    size_t length = strcspn(name, " ");

    for (int r = 0; r < RELEASE_COUNT; r++)
        if (option_find(name, length, (enum release)r))
            return true;
    return false;
}

/* Every row repairs a rule there is, with options there are. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < repair_count; i++) {
        const struct repair *row = &repairs[i];

        if (!rule_find(row->rule))
            fail_msg("no rule '%s'", row->rule);
        assert_true(!row->edits == !!row->candidate);
        if (row->option && strcmp(row->option, "launcher") != 0 && !known_option(row->option))
            fail_msg("no option '%s'", row->option);
        for (const char *p = row->edits ? strstr(row->edits, "--") : NULL; p; p = strstr(p + 2, "--")) {
            char word[96];

            snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, " ;"), p);
            if (!known_option(word))
                fail_msg("no option '%s'", word);
        }
    }
}

/* The trainer's words after one edit, joined by blanks. */
static const char *after(const char *words, enum edit_target target, const char *option,
                         const char *value, bool remove, struct arena *arena)
{
    char *rest = arena_strdup(arena, words), *word;
    const char **argv = arena_alloc(arena, 64 * sizeof(*argv));
    struct facts *facts = arena_alloc(arena, sizeof(*facts));
    struct launch *launch = arena_alloc(arena, sizeof(*launch));
    struct policy *policy = arena_alloc(arena, sizeof(*policy));
    struct environment env = { .known = true };
    struct plan plan = { 0 };
    struct request request = { .launch = launch, .facts = facts, .policy = policy }, edited;
    const char *text = "";
    int argc = 0;

    while ((word = strsep(&rest, " ")) != NULL)
        if (*word)
            argv[argc++] = word;
    facts_init(facts);
    policy_init(policy);
    launch_from_argv("pretrain_gpt.py", argc, argv, 8, &env, launch);
    if (remove)
        plan_remove(&plan, target, option);
    else
        plan_set(&plan, target, option, value);
    edited = plan_apply(&plan, &request, RELEASE_MAIN, arena);
    for (int i = 0; i < edited.launch->argc; i++)
        text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", edited.launch->argv[i]);
    return text;
}

static void test_edits(void **state)
{
    static const struct {
        const char *words, *option, *value;
        bool remove;
        const char *want;
    } rows[] = {
        { "--bf16", "--sequence-parallel", NULL, false, "--bf16 --sequence-parallel" },
        { "--lr 1 --bf16", "--lr", "2", false, "--lr 2 --bf16" },
        { "--lr=1 --bf16", "--lr", "2", false, "--lr 2 --bf16" },
        { "--lr 1 --lr 3 --bf16", "--lr", "2", false, "--lr 1 --lr 2 --bf16" },
        { "--lr 1 --lr 3 --bf16", "--lr", NULL, true, "--bf16" },
        { "--lr -1 --bf16", "--lr", NULL, true, "--bf16" },
        { "--bf16 --fp16 --lr 1", "--fp16", NULL, true, "--bf16 --lr 1" },
        { "--recompute-modules mlp moe --bf16", "--recompute-modules", "moe_act layernorm", false,
          "--recompute-modules moe_act layernorm --bf16" },
        { "--persistent-save-interval 5 --bf16", "--save-interval", "7", false, "--save-interval 7 --bf16" },
        { "--bogus 1 --bf16", "--bogus", NULL, true, "--bf16" },
        { "--bogus=1 --bf16", "--bogus", NULL, true, "--bf16" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;

        assert_string_equal(after(rows[i].words, EDIT_TRAINER, rows[i].option, rows[i].value,
                                  rows[i].remove, &arena),
                            rows[i].want);
        arena_release(&arena);
    }
}

/* The edits that start 32 ranks, as typed. */
static void test_ranks(void **state)
{
    static const struct {
        const char *command, *want;
    } rows[] = {
        { "torchrun --nnodes=3 --nproc-per-node=8 pretrain_gpt.py", "--nnodes 4" },
        { "torchrun --nproc-per-node 8 pretrain_gpt.py", "--nnodes 4" },
        { "mpirun -np 24 python pretrain_gpt.py", "-np 32" },
        { "srun -N3 --ntasks-per-node=8 python pretrain_gpt.py", "-N 4" },
        { "srun --nodes=3 --ntasks=24 python pretrain_gpt.py", "--nodes 4 --ntasks 32" },
        { "srun -N 3 torchrun --nnodes 3 --nproc-per-node 8 pretrain_gpt.py", "--nnodes 4 -N 4" },
        { "torchrun --nnodes 3 --nproc-per-node 6 pretrain_gpt.py", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        char *rest = arena_strdup(&arena, rows[i].command), *word;
        struct environment env = { .known = true };
        const char *words[16], *text = "";
        struct launch launch;
        struct plan plan = { 0 };
        int count = 0;

        while ((word = strsep(&rest, " ")) != NULL)
            words[count++] = word;
        launch_parse(count, words, &env, &arena, &launch);
        plan_set_ranks(&plan, &launch, 32, &arena);
        for (int e = 0; e < plan.count; e++)
            text = arena_printf(&arena, "%s%s%s %s", text, *text ? " " : "", plan.edit[e].option,
                                plan.edit[e].value);
        assert_string_equal(text, rows[i].want);
        arena_release(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_ranks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
