/* What lives whatever the schedule does: classic bytes a parameter, buffer padding, workspaces. */
#include "memory/static.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "memory/buffers.h"
#include "resolve.h"

#define MODEL                                                                                      \
    "--num-layers 8 --hidden-size 4096 --num-attention-heads 32 --seq-length 4096 "                \
    "--max-position-embeddings 4096 --micro-batch-size 1 --train-iters 10 --lr 1e-4 "              \
    "--tokenizer-type NullTokenizer --vocab-size 128000 --position-embedding-type rope --swiglu "  \
    "--disable-bias-linear --untie-embeddings-and-output-weights "

/* Bytes a parameter of all terms of that component on 8 data-parallel ranks. */
static const struct {
    const char *flags;
    const char *component;
    double want;
} per_parameter[] = {
    { "--bf16", "weights", 2 },
    { "--bf16", "gradients", 4 },
    { "--bf16", "optimizer", 12 },
    { "--bf16 --use-distributed-optimizer", "optimizer", 12.0 / 8 },
    { "--bf16 --use-distributed-optimizer --num-distributed-optimizer-instances 2", "optimizer",
      12.0 / 4 },
    { "--bf16 --use-distributed-optimizer --grad-reduce-in-bf16", "gradients", 2 },
    { "--bf16 --use-distributed-optimizer --grad-reduce-in-bf16", "optimizer", 16.0 / 8 },
    { "--fp16", "gradients", 2 },
    { "--fp16", "optimizer", 16 },
    { "", "weights", 4 },
    { "", "gradients", 4 },
    { "", "optimizer", 8 },
    { "--bf16 --optimizer sgd", "optimizer", 8 },
    { "--bf16 --use-distributed-optimizer --use-precision-aware-optimizer", "optimizer", 10.0 / 8 },
    { "--bf16 --use-distributed-optimizer --use-precision-aware-optimizer --exp-avg-dtype bf16 "
      "--exp-avg-sq-dtype bf16",
      "optimizer", 6.0 / 8 },
};

static double component_bytes(const struct static_memory *memory, const char *name)
{
    double bytes = 0;

    for (int i = 0; i < memory->term_count; i++)
        if (strcmp(memory->term[i].name, name) == 0 && memory->term[i].when != WHEN_STEP)
            bytes += (double)memory->term[i].bytes;
    return bytes;
}

static void estimate(struct resolved *r, const char *flags, int64_t pp_rank,
                     struct static_memory *memory)
{
    char line[1200];
    struct premise premise;

    snprintf(line, sizeof(line), MODEL "%s", flags);
    if (!resolve_line(r, "main", line, 8))
        fail_msg("%s: no placement because of %s", flags, r->why);
    r->shape.expandable_segments = true; /* sizes are then exact to 512 bytes */
    premise_of(r->report.job, &r->shape, &r->facts, LIKELY, &premise);
    static_memory_of(r->report.job, &r->shape, &premise, &r->placement, pp_rank, &r->arena, memory);
}

static void test_bytes_per_parameter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(per_parameter) / sizeof(per_parameter[0]); i++) {
        struct resolved r;
        struct static_memory memory;
        struct parameters sum;
        double bytes, want;

        estimate(&r, per_parameter[i].flags, 0, &memory);
        parameters_of_rank(&r.shape, &r.placement, 0, &r.arena, &sum);
        want = per_parameter[i].want * (double)sum.total;
        bytes = component_bytes(&memory, per_parameter[i].component);
        if (bytes < want * 0.9999 || bytes > want * 1.0005)
            fail_msg("%s: %s %.4f bytes a parameter, not %.4f", per_parameter[i].flags,
                     per_parameter[i].component, bytes / (double)sum.total, per_parameter[i].want);
        arena_release(&r.arena);
    }
}

/* Three parameters, last one first in the buffer: starts on multiples of 64, the end on lcm(shards,
 * 128). */
static void test_buffer_padding(void **state)
{
    struct arena arena = ARENA_INIT;
    struct weights weights = { .arena = &arena };
    struct shape shape = { .dense_shards = 3, .expert_shards = 1, .dp = 3, .cp = 1, .vpp = 1 };
    struct chunk chunk = { 0 };
    struct ddp_buffer buffers[BUFFER_COUNT];
    static struct job job;

    (void)state;
    job_init(&job);
    weights_add(&weights, (struct weight) { .name = "first", .rows = 100 });
    weights_add(&weights, (struct weight) { .name = "second", .rows = 10, .columns = 10 });
    weights_add(&weights, (struct weight) { .name = "third", .rows = 65 });
    ddp_buffers_of(&job, &shape, &chunk, &weights, &arena, buffers);
    assert_int_equal(buffers[BUFFER_DENSE].elements, 265);

    job.use_distributed_optimizer = 1;
    ddp_buffers_of(&job, &shape, &chunk, &weights, &arena, buffers);
    /* third 0-65, second 128-228, first 256-356, end lcm(3, 128) = 384; shard 0 holds 0-128 */
    assert_int_equal(buffers[BUFFER_DENSE].elements, 384);
    assert_int_equal(buffers[BUFFER_DENSE].local.elements, 65);
    assert_int_equal(buffers[BUFFER_DENSE].local.tensors, 1);
    assert_int_equal(buffers[BUFFER_EXPERT].elements, 0);

    job.overlap_grad_reduce = 1;
    job.ddp_bucket_size = 100;
    ddp_buffers_of(&job, &shape, &chunk, &weights, &arena, buffers);
    /* third and second fill a bucket (384), first has one of its own (384) */
    assert_int_equal(buffers[BUFFER_DENSE].elements, 768);
    arena_release(&arena);
}

static void test_allocator_rounding(void **state)
{
    const uint64_t MIB = 1u << 20;
    struct shape segments = { 0 }, expandable = { .expandable_segments = true };

    (void)state;
    assert_int_equal(allocated_bytes(&segments, 1), 512);
    assert_int_equal(allocated_bytes(&segments, 3 * MIB + 1), 3 * MIB + 512);
    assert_int_equal(allocated_bytes(&segments, 11 * MIB), 12 * MIB);
    assert_int_equal(allocated_bytes(&segments, 11 * MIB - 1), 11 * MIB);
    assert_int_equal(allocated_bytes(&expandable, 11 * MIB), 11 * MIB);
}

/* Tensor-scaled 8-bit weights alone: 1 byte in the buffer, 1 for the transpose before Blackwell;
 * without fp8-param-gather the 16-bit weights stay besides. */
static void test_low_precision_weights(void **state)
{
    static const struct {
        const char *flags;
        int64_t arch;
        double want; /* bytes an element of TE's linears */
    } cases[] = {
        { "--fp8-format hybrid --fp8-recipe tensorwise --fp8-param-gather", 90, 2 },
        { "--fp8-format hybrid --fp8-recipe tensorwise --fp8-param-gather", 100, 1 },
        { "--fp8-format hybrid --fp8-recipe tensorwise", 90, 4 },
        { "--fp8-format hybrid --fp8-recipe tensorwise", 100, 3 },
        { "--fp8-format e4m3 --fp8-recipe mxfp8 --fp8-param-gather "
          "--reuse-grad-buf-for-mxfp8-param-ag",
          100, 33.0 / 16 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct resolved r;
        struct static_memory memory;
        struct premise premise;
        char flags[300];
        double want, linear;

        snprintf(flags, sizeof(flags), "--bf16 --use-distributed-optimizer %s", cases[i].flags);
        estimate(&r, flags, 0, &memory);
        r.shape.gpu_arch = cases[i].arch;
        premise_of(r.report.job, &r.shape, &r.facts, LIKELY, &premise);
        static_memory_of(r.report.job, &r.shape, &premise, &r.placement, 0, &r.arena, &memory);
        linear = 8.0 * (16384 * 4096.0 + 3 * 10880 * 4096.0);
        want = linear * cases[i].want + 2 * 2 * 128000 * 4096.0;
        if (fabs(component_bytes(&memory, "weights") / want - 1) > 0.001)
            fail_msg("%s on %jd: %.0f bytes of weights, not %.0f", flags, (intmax_t)cases[i].arch,
                     component_bytes(&memory, "weights"), want);
        arena_release(&r.arena);
    }
}

static uint64_t term_bytes(const struct static_memory *memory, const char *what)
{
    for (int i = 0; i < memory->term_count; i++)
        if (strcmp(memory->term[i].what, what) == 0)
            return memory->term[i].bytes;
    return 0;
}

/* h 4096, ffn 64 floor(4096 / 24) = 10880, tp 2, pp 2: shapes of qkv, proj, fc1, fc2, and of the
 * output layer on the last stage only. */
static void test_dummy_gradients_follow_the_stage(void **state)
{
    const uint64_t layer = 2ull * (6144 * 4096 + 4096 * 2048 + 10880 * 4096 + 4096 * 5440);
    struct resolved r;
    struct static_memory memory;

    (void)state;
    estimate(&r, "--bf16 --tensor-model-parallel-size 2 --pipeline-model-parallel-size 2", 0,
             &memory);
    assert_int_equal(term_bytes(&memory, "dummy weight gradients"), layer);
    assert_int_equal(term_bytes(&memory, "cuBLAS workspaces"), 0);
    assert_int_equal(term_bytes(&memory, "received inputs"), 0);
    arena_release(&r.arena);
    estimate(&r, "--bf16 --tensor-model-parallel-size 2 --pipeline-model-parallel-size 2", 1,
             &memory);
    assert_int_equal(term_bytes(&memory, "dummy weight gradients"), layer + 2ull * 64000 * 4096);
    assert_true(term_bytes(&memory, "cuBLAS workspaces") > 0);
    assert_int_equal(term_bytes(&memory, "received inputs"), 2 * 2ull * 4096 * 4096);
    arena_release(&r.arena);
    estimate(&r, "--bf16 --no-gradient-accumulation-fusion", 0, &memory);
    assert_int_equal(term_bytes(&memory, "dummy weight gradients"), 0);
    arena_release(&r.arena);
}

/* Four layers a stage. On the second one the first checkpoint's input is what was received. */
static void test_inputs_of_recomputed_experts(void **state)
{
    static const struct {
        const char *flags;
        uint64_t want[2]; /* tensors of tokens x hidden, by stage */
    } cases[] = {
        { "--recompute-granularity full --recompute-method uniform --recompute-num-layers 1",
          { 8, 7 } },
        { "--recompute-granularity full --recompute-method uniform --recompute-num-layers 3",
          { 4, 3 } },
        { "--recompute-granularity full --recompute-method uniform --recompute-num-layers 2 "
          "--moe-layer-freq ([0]*2+[1]*6)",
          { 2, 3 } },
        { "--recompute-granularity full --recompute-method block --recompute-num-layers 3",
          { 6, 5 } },
        { "--recompute-granularity full --recompute-method block --recompute-num-layers 0",
          { 0, 0 } },
        { "--recompute-granularity full --recompute-method uniform --recompute-num-layers 1 "
          "--mtp-num-layers 1",
          { 8, 11 } },
        { "--recompute-granularity full --recompute-method block --recompute-num-layers 9 "
          "--mtp-num-layers 1",
          { 8, 7 } },
        { "--recompute-granularity selective --recompute-modules moe", { 8, 8 } },
        { "", { 0, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t want = cases[i / 2].want[i % 2], tensor = 2ull * 4096 * 4096;
        struct resolved r;
        struct static_memory memory;
        char flags[400];

        snprintf(flags, sizeof(flags),
                 "--bf16 --pipeline-model-parallel-size 2 --num-experts 8 --moe-grouped-gemm "
                 "--expert-model-parallel-size 4 --moe-token-dispatcher-type alltoall %s",
                 cases[i / 2].flags);
        estimate(&r, flags, (int64_t)(i % 2), &memory);
        if (term_bytes(&memory, "inputs of recomputed experts") != want * tensor)
            fail_msg("%s, stage %zu: %ju bytes, not %ju tensors", flags, i % 2,
                     (uintmax_t)term_bytes(&memory, "inputs of recomputed experts"),
                     (uintmax_t)want);
        arena_release(&r.arena);
    }
}

/* 16-bit states are unscaled to fp32 inside the step; before, fp32 copies of bf16 gradients appear
 * there. */
static void test_step_peak(void **state)
{
    struct resolved r;
    struct static_memory memory;

    (void)state;
    estimate(&r, "--bf16 --grad-reduce-in-bf16", 0, &memory);
    assert_true(static_sum(&memory, WHEN_AT_REST, LIKELY) >
                static_sum(&memory, WHEN_ALWAYS, LIKELY));
    assert_int_equal(memory.step_peak_bytes, static_sum(&memory, WHEN_STEP, LIKELY));
    assert_true(memory.init_peak_bytes < memory.step_peak_bytes);
    arena_release(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_per_parameter),
        cmocka_unit_test(test_buffer_padding),
        cmocka_unit_test(test_allocator_rounding),
        cmocka_unit_test(test_low_precision_weights),
        cmocka_unit_test(test_dummy_gradients_follow_the_stage),
        cmocka_unit_test(test_inputs_of_recomputed_experts),
        cmocka_unit_test(test_step_peak),
    };

    return cmocka_run_group_tests_name("static", tests, NULL, NULL);
}
