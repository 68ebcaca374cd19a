#include "megatron/argparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define WORDS(...) ((const char *const[]) { __VA_ARGS__, NULL })

/* A command line and what one field of the job holds after it, or how the parser ends. */
static const struct {
    const char *const *argv;
    enum release release;
    enum argparse_problem problem;
    const char *field; /* to print after the parse, or NULL */
    const char *want;  /* the field's text, or argparse's message */
    int index;         /* of the guilty word */
    int unknown;       /* how many words are unrecognized */
} cases[] = {
    { WORDS("--num-layers", "12", "--num-layers", "24"), RELEASE_MAIN, ARGPARSE_OK, "num_layers",
      "24", -1, 0 },
    { WORDS("--num-layers=24"), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "24", -1, 0 },
    { WORDS("--num-layer", "24"), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "None", -1, 2 },
    { WORDS("--num_layers", "24"), RELEASE_MAIN, ARGPARSE_OK, NULL, NULL, -1, 2 },
    { WORDS("--Num-Layers", "24"), RELEASE_MAIN, ARGPARSE_OK, NULL, NULL, -1, 2 },
    { WORDS("--num-layers", "24.0"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --num-layers: invalid int value: '24.0'", 0, 0 },
    { WORDS("--num-layers", "1e1"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --num-layers: invalid int value: '1e1'", 0, 0 },
    { WORDS("--num-layers", "0x18"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --num-layers: invalid int value: '0x18'", 0, 0 },
    { WORDS("--num-layers", "1_000"), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "1000", -1, 0 },
    { WORDS("--num-layers", " 8 "), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "8", -1, 0 },
    { WORDS("--num-layers", "+8"), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "8", -1, 0 },
    { WORDS("--num-layers", "-1"), RELEASE_MAIN, ARGPARSE_OK, "num_layers", "-1", -1, 0 },
    { WORDS("--num-layers", "99999999999999999999"), RELEASE_MAIN, ARGPARSE_OK, "num_layers",
      "9223372036854775807", -1, 0 },
    { WORDS("--lr", "-1e-5"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --lr: expected one argument", 0, 0 },
    { WORDS("--lr=-1e-5"), RELEASE_MAIN, ARGPARSE_OK, "lr", "-1e-05", -1, 0 },
    { WORDS("--lr", "-0.1"), RELEASE_MAIN, ARGPARSE_OK, "lr", "-0.1", -1, 0 },
    { WORDS("--lr", "-.5"), RELEASE_MAIN, ARGPARSE_OK, "lr", "-0.5", -1, 0 },
    { WORDS("--lr", "-1."), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --lr: expected one argument", 0, 0 },
    { WORDS("--lr", "inf"), RELEASE_MAIN, ARGPARSE_OK, "lr", "inf", -1, 0 },
    { WORDS("--lr", "nan"), RELEASE_MAIN, ARGPARSE_OK, "lr", "nan", -1, 0 },
    { WORDS("--lr", "1_000.5"), RELEASE_MAIN, ARGPARSE_OK, "lr", "1000.5", -1, 0 },
    { WORDS("--lr="), RELEASE_MAIN, ARGPARSE_USAGE, NULL, "argument --lr: invalid float value: ''",
      0, 0 },
    { WORDS("--bf16=1"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --bf16: ignored explicit argument '1'", 0, 0 },
    { WORDS("--bf16", "1"), RELEASE_MAIN, ARGPARSE_OK, "bf16", "True", -1, 1 },
    { WORDS("--data-path"), RELEASE_MAIN, ARGPARSE_OK, "data_path", "[]", -1, 0 },
    { WORDS("--data-path", "0.3", "/a", "0.7", "/b", "--split", "99,1,0"), RELEASE_MAIN,
      ARGPARSE_OK, "data_path", "['0.3', '/a', '0.7', '/b']", -1, 0 },
    { WORDS("--data-path=/a", "/b"), RELEASE_MAIN, ARGPARSE_OK, "data_path", "['/a']", -1, 1 },
    { WORDS("--data-path", "a", "--", "b"), RELEASE_MAIN, ARGPARSE_OK, "data_path", "['a']", -1,
      2 },
    { WORDS("--cp-comm-type", "a2a", "p2p"), RELEASE_MAIN, ARGPARSE_OK, "cp_comm_type",
      "['a2a', 'p2p']", -1, 0 },
    { WORDS("--cp-comm-type", "p2p", "--cp-comm-type", "a2a"), RELEASE_MAIN, ARGPARSE_OK,
      "cp_comm_type", "['a2a']", -1, 0 },
    { WORDS("--bf16"), RELEASE_MAIN, ARGPARSE_OK, "cp_comm_type", "['p2p']", -1, 0 },
    { WORDS("--recompute-modules", "--bf16"), RELEASE_0_16_0, ARGPARSE_USAGE, NULL,
      "argument --recompute-modules: expected at least one argument", 0, 0 },
    { WORDS("--recompute-modules", "--bf16"), RELEASE_0_15_0, ARGPARSE_OK, "recompute_modules",
      "[]", -1, 0 },
    { WORDS("--moe-layer-freq", "([0]*3+[1]*2)"), RELEASE_MAIN, ARGPARSE_OK, "moe_layer_freq",
      "[0, 0, 0, 1, 1]", -1, 0 },
    { WORDS("--moe-layer-freq", "[0]*3 + [1]*2"), RELEASE_0_13_0, ARGPARSE_USAGE, NULL,
      "argument --moe-layer-freq: invalid moe_freq_type value: '[0]*3 + [1]*2'", 0, 0 },
    { WORDS("--moe-layer-freq", "[0]*3 + [1]*2"), RELEASE_0_12_0, ARGPARSE_OK, "moe_layer_freq",
      "[0, 0, 0, 1, 1]", -1, 0 },
    { WORDS("--moe-layer-freq", "[i%2 for i in range(4)]"), RELEASE_0_12_0, ARGPARSE_OK,
      "moe_layer_freq", "unknown", -1, 0 },
    { WORDS("--moe-layer-freq", "2"), RELEASE_MAIN, ARGPARSE_OK, "moe_layer_freq", "2", -1, 0 },
    { WORDS("--moe-layer-freq", "[1,0"), RELEASE_MAIN, ARGPARSE_TRACEBACK, NULL,
      "SyntaxError: invalid syntax", 0, 0 },
    { WORDS("--moe-layer-freq", "[1]*[2]"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --moe-layer-freq: invalid moe_freq_type value: '[1]*[2]'", 0, 0 },
    { WORDS("--attention-backend", "Flash"), RELEASE_MAIN, ARGPARSE_TRACEBACK, NULL,
      "KeyError: 'Flash'", 0, 0 },
    { WORDS("--attention-backend", "flash"), RELEASE_MAIN, ARGPARSE_OK, "attention_backend",
      "flash", -1, 0 },
    { WORDS("--bf16"), RELEASE_MAIN, ARGPARSE_OK, "attention_backend", "auto", -1, 0 },
    { WORDS("--cuda-graph-modules", "attn", "full"), RELEASE_MAIN, ARGPARSE_OK,
      "cuda_graph_modules", "['attn', 'full']", -1, 0 },
    { WORDS("--cuda-graph-modules", "attention"), RELEASE_MAIN, ARGPARSE_TRACEBACK, NULL,
      "KeyError: 'attention'", 0, 0 },
    { WORDS("--transformer-impl", "TE"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --transformer-impl: invalid choice: 'TE' (choose from 'local', "
      "'transformer_engine', 'inference_optimized')",
      0, 0 },
    { WORDS("--timing-log-level", "03"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --timing-log-level: invalid choice: 3 (choose from 0, 1, 2)", 0, 0 },
    { WORDS("--timing-log-level", "02"), RELEASE_MAIN, ARGPARSE_OK, "timing_log_level", "2", -1,
      0 },
    { WORDS("--rotary-base", "500000.0"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --rotary-base: invalid int value: '500000.0'", 0, 0 },
    { WORDS("--window-size", "128,0"), RELEASE_MAIN, ARGPARSE_OK, "window_size", "(128, 0)", -1,
      0 },
    { WORDS("--window-size", "(128,0)"), RELEASE_MAIN, ARGPARSE_OK, "window_size", "(128, 0)", -1,
      0 },
    { WORDS("--rampup-batch-size", "16", "16", "1000"), RELEASE_MAIN, ARGPARSE_OK,
      "rampup_batch_size", "[16, 16, 1000]", -1, 0 },
    { WORDS("--rampup-batch-size", "16", "16"), RELEASE_0_16_0, ARGPARSE_USAGE, NULL,
      "argument --rampup-batch-size: expected 3 arguments", 0, 0 },
    { WORDS("--rampup-batch-size", "16", "16"), RELEASE_0_15_0, ARGPARSE_OK, "rampup_batch_size",
      "['16', '16']", -1, 0 },
    { WORDS("--checkpoint-activations"), RELEASE_MAIN, ARGPARSE_OK, "checkpoint_activations",
      "True", -1, 0 },
    { WORDS("--onnx-safe", "False"), RELEASE_MAIN, ARGPARSE_OK, "onnx_safe", "True", -1, 0 },
    { WORDS("--onnx-safe="), RELEASE_MAIN, ARGPARSE_OK, "onnx_safe", "False", -1, 0 },
    { WORDS("--no-rl-partial-rollouts"), RELEASE_MAIN, ARGPARSE_OK, "rl_partial_rollouts", "False",
      -1, 0 },
    { WORDS("--rl-partial-rollouts"), RELEASE_MAIN, ARGPARSE_OK, "rl_partial_rollouts", "True", -1,
      0 },
    { WORDS("--foo"), RELEASE_MAIN, ARGPARSE_OK, NULL, NULL, -1, 1 },
    { WORDS("foo"), RELEASE_MAIN, ARGPARSE_OK, NULL, NULL, -1, 1 },
    { WORDS("--lr", "--", "1"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --lr: expected one argument", 0, 2 },
    { WORDS("--override-opt_param-scheduler"), RELEASE_0_14_0, ARGPARSE_OK,
      "override_opt_param_scheduler", "True", -1, 0 },
    { WORDS("--override-opt-param-scheduler"), RELEASE_0_14_0, ARGPARSE_OK, NULL, NULL, -1, 1 },
    { WORDS("--override-opt-param-scheduler"), RELEASE_0_15_0, ARGPARSE_OK,
      "override_opt_param_scheduler", "True", -1, 0 },
    { WORDS("--no-tp-comm-overlap-ag"), RELEASE_0_16_0, ARGPARSE_OK, "tp_comm_overlap_ag", "False",
      -1, 0 },
    { WORDS("--no-tp-comm-overlap-ag"), RELEASE_0_15_0, ARGPARSE_OK, NULL, NULL, -1, 1 },
    { WORDS("--disable-tp-comm-overlap-ag"), RELEASE_0_15_0, ARGPARSE_OK, "tp_comm_overlap_ag",
      "False", -1, 0 },
    { WORDS("--moe-router-load-balancing-type", "none"), RELEASE_0_13_0, ARGPARSE_OK,
      "moe_router_load_balancing_type", "none", -1, 0 },
    { WORDS("--moe-router-load-balancing-type", "none"), RELEASE_0_14_0, ARGPARSE_OK,
      "moe_router_load_balancing_type", "['none']", -1, 0 },
    { WORDS("--bf16"), RELEASE_0_14_0, ARGPARSE_OK, "moe_router_load_balancing_type", "aux_loss",
      -1, 0 },
    { WORDS("--bf16"), RELEASE_0_16_0, ARGPARSE_OK, "disable_chunked_prefill", "True", -1, 0 },
    { WORDS("-h"), RELEASE_MAIN, ARGPARSE_HELP, NULL, "help", 0, 0 },
    { WORDS("--foo", "--help"), RELEASE_MAIN, ARGPARSE_HELP, NULL, "help", 1, 1 },
    { WORDS("--lr", "x", "--help"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument --lr: invalid float value: 'x'", 0, 0 },
    { WORDS("-hx"), RELEASE_MAIN, ARGPARSE_USAGE, NULL,
      "argument -h/--help: ignored explicit argument 'x'", 0, 0 },
    { WORDS("--save", "-a b"), RELEASE_MAIN, ARGPARSE_OK, "save", "-a b", -1, 0 },
    { WORDS("--save", ""), RELEASE_MAIN, ARGPARSE_OK, "save", "", -1, 0 },
    { WORDS("--save", "-"), RELEASE_MAIN, ARGPARSE_OK, "save", "-", -1, 0 },
};

static int count(const char *const *argv)
{
    int n = 0;

    while (argv[n])
        n++;
    return n;
}

static void parse(const char *const *argv, enum release release, struct arena *arena,
                  struct job *job, struct argparse_result *result)
{
    job_init(job);
    argparse_parse(count(argv), argv, release, NULL, arena, job, result);
}

static void test_command_lines(void **state)
{
    struct arena arena = ARENA_INIT;
    static struct job job;
    struct argparse_result result;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse(cases[i].argv, cases[i].release, &arena, &job, &result);
        assert_int_equal(result.first.problem, cases[i].problem);
        assert_int_equal(result.first.index, cases[i].index);
        assert_int_equal(result.unknown_count, cases[i].unknown);
        if (cases[i].problem != ARGPARSE_OK)
            assert_string_equal(result.first.message, cases[i].want);
        if (!cases[i].field)
            continue;
        job_field_print(&job, job_field_find(cases[i].field), text, sizeof(text));
        assert_string_equal(text, cases[i].want);
    }
    arena_release(&arena);
}

static void test_places(void **state)
{
    struct arena arena = ARENA_INIT;
    static struct job job;
    struct argparse_result result;
    const char *const *argv =
        WORDS("--bf16", "--lr=1", "--cp-comm-type", "a2a", "p2p", "--lr", "2");

    (void)state;
    parse(argv, RELEASE_MAIN, &arena, &job, &result);
    assert_int_equal(job.place[JOB_bf16].index, 0);
    assert_int_equal(job.place[JOB_bf16].words, 1);
    assert_int_equal(job.place[JOB_cp_comm_type].index, 2);
    assert_int_equal(job.place[JOB_cp_comm_type].words, 3);
    assert_int_equal(job.place[JOB_lr].index, 5);
    assert_int_equal(job.place[JOB_lr].words, 2);
    assert_false(job_given(&job, JOB_num_layers));
    arena_release(&arena);
}

static void test_every_option_finds_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_name_count; i++) {
        const struct option_row *row = &option_rows[option_names[i].row];

        for (int r = 0; r < RELEASE_COUNT; r++)
            if (row->releases >> r & 1)
                assert_ptr_equal(option_find(option_names[i].name, strlen(option_names[i].name),
                                             (enum release)r),
                                 row);
    }
}

static void test_nearest(void **state)
{
    static const struct {
        const char *typed, *nearest;
    } near[] = {
        { "--num-layer", "--num-layers" },
        { "--tensor_model_parallel_size", "--tensor-model-parallel-size" },
        { "--tensor-parallel-size", "--tensor-model-parallel-size" },
        { "--Micro-Batch-Size", "--micro-batch-size" },
        { "--wombat", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        const char *found = option_nearest(near[i].typed, RELEASE_MAIN);

        if (near[i].nearest)
            assert_string_equal(found, near[i].nearest);
        else
            assert_null(found);
    }
}

static void test_extra_options(void **state)
{
    static const struct option_row rows[] = {
        { "--our-own", JOB_FIELD_COUNT, OPTION_STORE, "+", "int", "None", "", 0, 0 },
        { "--lr", JOB_lr, OPTION_STORE, "", "float", "0.5", "", 0, 0 },
    };
    const struct option_extra extra = { 2, rows };
    const char *const argv[] = { "--our-own", "1", "2", "--bf16" };
    struct arena arena = ARENA_INIT;
    static struct job job;
    struct argparse_result result;

    (void)state;
    job_init(&job);
    argparse_parse(4, argv, RELEASE_MAIN, &extra, &arena, &job, &result);
    assert_int_equal(result.first.problem, ARGPARSE_OK);
    assert_int_equal(result.unknown_count, 0);
    assert_true(job.lr == 0.5);
    assert_true(job.bf16);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_every_option_finds_its_row),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_extra_options),
    };

    return cmocka_run_group_tests_name("argparse", tests, NULL, NULL);
}
