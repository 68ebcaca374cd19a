/* What an estimate says it took for granted. */
#include "memory/assumptions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "resolve.h"

#define MODEL                                                                                      \
    "--num-layers 2 --hidden-size 1024 --num-attention-heads 16 --seq-length 1024 "                \
    "--max-position-embeddings 1024 --micro-batch-size 1 --train-iters 10 --lr 1e-4 --bf16 "

/* Flags besides the model's, what must be among the assumptions, what must not. */
static const struct {
    const char *flags;
    const char *said, *unsaid;
} cases[] = {
    { "--tokenizer-type NullTokenizer --vocab-size 50000", "Transformer Engine", "vocabulary" },
    { "--tokenizer-type HuggingFaceTokenizer --tokenizer-model x", "vocabulary: unknown", "CUDA" },
    { "--tokenizer-type GPT2BPETokenizer --vocab-file v --merge-file m", "vocabulary: the stock",
      "CUDA" },
    { "--tokenizer-type NullTokenizer --vocab-size 50000 --cuda-graph-impl local --te-rng-tracker",
      "CUDA graphs", "vocabulary" },
};

static bool says(const struct memory *memory, const char *words)
{
    for (int i = 0; i < memory->assumption_count; i++)
        if (strstr(memory->assumption[i], words))
            return true;
    return false;
}

static void test_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct resolved r;
        struct memory memory = { 0 };
        char line[600];

        snprintf(line, sizeof(line), MODEL "%s", cases[i].flags);
        if (!resolve_line(&r, "main", line, 8))
            fail_msg("%s: no placement because of %s", cases[i].flags, r.why);
        assumptions_of(r.report.job, &r.shape, &r.arena, &memory);
        if (!says(&memory, cases[i].said) || says(&memory, cases[i].unsaid))
            fail_msg("%s: want '%s', not '%s'", cases[i].flags, cases[i].said, cases[i].unsaid);
        arena_release(&r.arena);
    }
}

/* Facts that are known are no assumptions. */
static void test_known_is_not_said(void **state)
{
    struct resolved r;
    struct memory memory = { 0 };

    (void)state;
    assert_true(
        resolve_line(&r, "main", MODEL "--tokenizer-type NullTokenizer --vocab-size 50000", 8));
    r.shape.te_known = r.shape.torch_known = true;
    r.shape.gpu_arch = 90;
    assumptions_of(r.report.job, &r.shape, &r.arena, &memory);
    assert_int_equal(memory.assumption_count, 0);
    arena_release(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_said),
        cmocka_unit_test(test_known_is_not_said),
    };

    return cmocka_run_group_tests_name("assumptions", tests, NULL, NULL);
}
