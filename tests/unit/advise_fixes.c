/* What is offered for broken lines, as it would be typed: the first fix, and how many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "verdict/verdict.h"

#define SMALL                                                                                      \
    "--num-layers 24 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 "               \
    "--max-position-embeddings 2048 --micro-batch-size 1 --lr 1e-4 --train-iters 10 "              \
    "--vocab-size 32000 --tokenizer-type NullTokenizer --mock-data --bf16 "

struct row {
    const char *argv; /* besides SMALL */
    int64_t world;
    const char *release;
    const char *want; /* of the first fix, edits separated by "; ", or "" when there is none */
};

static void to_request(const struct row *row, struct arena *arena, struct request *request)
{
    char *rest = arena_printf(arena, SMALL "%s", row->argv), *word;
    const char **argv = arena_alloc(arena, 128 * sizeof(*argv));
    struct facts *facts = arena_alloc(arena, sizeof(*facts));
    struct launch *launch = arena_alloc(arena, sizeof(*launch));
    struct policy *policy = arena_alloc(arena, sizeof(*policy));
    struct environment env = { .known = true };
    int argc = 0;

    while ((word = strsep(&rest, " ")) != NULL)
        if (*word)
            argv[argc++] = word;
    env = environment_with(&env, "CUDA_DEVICE_MAX_CONNECTIONS", "1", arena);
    facts_init(facts);
    facts->environment = env;
    facts->megatron = (struct fact_str) { .known = true, .value = row->release };
    policy_init(policy);
    launch_from_argv("pretrain_gpt.py", argc, argv, row->world, &env, launch);
    *request =
        (struct request) { .launch = launch, .facts = facts, .policy = policy, .want_fixes = true };
}

static const char *as_typed(const struct fix *fix, struct arena *arena)
{
    const char *text = "";

    for (int i = 0; i < fix->edit_count; i++) {
        const struct edit *edit = &fix->edit[i];

        text =
            arena_printf(arena, "%s%s%s%s%s%s", text, i ? "; " : "", edit->remove ? "without " : "",
                         edit->option, edit->value ? " " : "", edit->value ? edit->value : "");
    }
    return text;
}

static void test_fixes(void **state)
{
    static const struct row rows[] = {
        /* words */
        { "--tensor-model-parallel-szie 2", 8, "main",
          "without --tensor-model-parallel-szie; "
          "--tensor-model-parallel-size 2" },
        { "--sequence_parallel --tensor-model-parallel-size 2", 8, "main",
          "without --sequence_parallel; --sequence-parallel" },
        { "--normalization rmsnorm", 8, "main", "--normalization RMSNorm" },
        { "--seed -1", 8, "main", "--seed 1234" },
        { "--eval-iters 8,000", 8, "main", "--eval-iters 8000" },
        { "--eval-iters 8.0", 8, "main", "--eval-iters 8" },
        { "--swiglu=True", 8, "main", "--swiglu" },
        { "--attention-backend Flash", 8, "main", "--attention-backend flash" },
        { "--num-layers abc", 8, "main", "" },
        { "oops", 8, "main", "without oops" },
        { "--use-custom-fsdp=1", 8, "0.8.0", "without --use-custom-fsdp" },
        { "--optimizer muon", 8, "0.12.0", "--optimizer adam" },
        /* numbers of this job, nearest first */
        { "--global-batch-size 12", 8, "main", "--global-batch-size 16" },
        { "--tensor-model-parallel-size 2 --pipeline-model-parallel-size 4", 12, "main",
          "world_size 16" },
        { "--pipeline-model-parallel-size 5", 20, "main", "--pipeline-model-parallel-size 4" },
        { "--num-experts 8 --expert-model-parallel-size 3 --disable-bias-linear", 24, "main",
          "--expert-model-parallel-size 4" },
        { "--max-position-embeddings 1024", 8, "main", "--max-position-embeddings 2048" },
        /* what is missing is added, what excludes goes */
        { "--overlap-param-gather --overlap-grad-reduce", 8, "main",
          "--use-distributed-optimizer" },
        { "--recompute-granularity full --recompute-num-layers 1", 8, "main",
          "--recompute-method uniform" },
        { "--fp16", 8, "main", "without --fp16" },
        { "--batch-size 4", 8, "main", "without --batch-size" },
        /* several faults at once */
        { "--global-batch-size 12 --normalization rmsnorm --overlap-param-gather", 8, "main",
          "--normalization RMSNorm; --global-batch-size 16; --use-distributed-optimizer; "
          "--overlap-grad-reduce" },
        /* nobody but the user knows */
        { "--spec", 8, "main", "" },
        { "--hybrid-layer-pattern MXM", 8, "main", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct request request;
        struct report report;
        const char *have;

        to_request(&rows[i], &arena, &request);
        verdict_decide(&request, &arena, &report);
        if (report.verdict != VERDICT_STOP)
            fail_msg("'%s' is not stopped", rows[i].argv);
        have = report.fixes.count ? as_typed(&report.fixes.item[0], &arena) : "";
        if (strcmp(have, rows[i].want) != 0)
            fail_msg("'%s': '%s', not '%s'", rows[i].argv, have, rows[i].want);
        arena_release(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(test_fixes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
