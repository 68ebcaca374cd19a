/* NVML against the stand-in of tests/nvml, which the Makefile puts in LD_LIBRARY_PATH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "facts/devices.h"
#include "facts/gather.h"

#define H100 "NVIDIA H100 80GB HBM3|GPU-aaaa-1|81559|551|1000|9.0"
#define BUSY "NVIDIA H100 80GB HBM3|GPU-aaaa-2|81559|551|10000|9.0"
#define BUSIER "NVIDIA H100 80GB HBM3|GPU-aaaa-3|81559|551|20000|9.0"
#define T400 "NVIDIA T400|GPU-bbbb-2|4096|0|0|7.5"
#define DIVIDED "NVIDIA A100-SXM4-40GB|GPU-cccc-3|40960|0|0|8.0|MIG-1111:19968,MIG-2222:4864"

static void gpus_are_listed(void **state)
{
    struct nvml nvml;

    (void)state;
    setenv("NVML_STAND_IN", H100 ";" DIVIDED, 1);
    assert_int_equal(nvml_look(5, &nvml, NULL), 0);
    assert_int_equal(nvml.count, 4);
    assert_string_equal(nvml.device[0].name, "NVIDIA H100 80GB HBM3");
    assert_string_equal(nvml.device[0].uuid, "GPU-aaaa-1");
    assert_true(nvml.device[0].usable_bytes == 81008ULL << 20);
    assert_true(nvml.device[0].free_bytes == 80008ULL << 20);
    assert_int_equal(nvml.device[0].holders, 1);
    assert_int_equal(nvml.device[0].holder_pid, 4242);
    assert_int_equal(nvml.device[1].holders, 0);
    assert_int_equal(nvml.device[0].arch, 90);
    assert_true(nvml.device[1].divided);
    assert_true(nvml.device[3].mig);
    assert_string_equal(nvml.device[3].uuid, "MIG-2222");
    assert_true(nvml.device[3].usable_bytes == 4864ULL << 20);
    setenv("NVML_STAND_IN_OLD", "1", 1);
    assert_int_equal(nvml_look(5, &nvml, NULL), 0);
    unsetenv("NVML_STAND_IN_OLD");
    assert_true(nvml.device[0].usable_bytes == 81559ULL << 20);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_driver_that_fails_is_survived(void **state)
{
    static const char *const ways[] = { "hang", "crash", NULL };
    struct nvml nvml;
    struct error err;

    (void)state;
    for (int i = 0; i < 3; i++) {
        double begin = seconds();

        if (ways[i])
            setenv("NVML_STAND_IN", ways[i], 1);
        else
            unsetenv("NVML_STAND_IN");
        assert_int_equal(nvml_look(0.3, &nvml, &err), -1);
        assert_true(seconds() - begin < 2);
        assert_non_null(strstr(err.text, i == 0 ? "did not answer" : "no NVIDIA driver"));
        /* Nothing is left that we could wait for. */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
}

static void visible_devices_follow_cuda(void **state)
{
    static const struct {
        const char *visible;
        int count;
        const char *first;
    } rows[] = {
        { NULL, 2, "GPU-aaaa-1" }, { "1", 1, "GPU-bbbb-2" },        { "1,0", 2, "GPU-bbbb-2" },
        { "2", 1, "MIG-1111" },    { "MIG-2222", 1, "MIG-2222" },   { "GPU-aaaa", 1, "GPU-aaaa-1" },
        { "", 0, NULL },           { "0,9,1", 1, "GPU-aaaa-1" },    { "GPU-none,0", 0, NULL },
    };
    struct devices devices;
    struct nvml nvml;

    (void)state;
    setenv("NVML_STAND_IN", H100 ";" T400 ";" DIVIDED, 1);
    assert_int_equal(nvml_look(5, &nvml, NULL), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        devices_visible(&nvml, rows[i].visible, &devices);
        assert_int_equal(devices.count, rows[i].count);
        if (rows[i].first)
            assert_string_equal(devices.device[0]->uuid, rows[i].first);
    }
    devices_visible(&nvml, "0,1", &devices);
    assert_null(devices_own(&devices, NULL));
    assert_ptr_equal(devices_own(&devices, "1"), devices.device[1]);
    assert_null(devices_own(&devices, "2"));
}

/* The facts that a command started here (or only checked) gets. */
static void gather(const char *command, const char *env, bool starts, struct arena *arena,
                   struct facts *facts)
{
    const char *word[32], *entry[8];
    struct environment environment = { .known = true, .entry = entry };
    struct policy policy;
    struct launch launch;
    int n = 0;

    for (char *p = strtok(arena_strdup(arena, command), " "); p; p = strtok(NULL, " "))
        word[n++] = p;
    for (char *p = strtok(arena_strdup(arena, env), " "); p; p = strtok(NULL, " "))
        entry[environment.count++] = p;
    policy_init(&policy);
    launch_parse(n, word, &environment, arena, &launch);
    facts_gather(&launch, &policy, starts, arena, facts);
}

static void gpus_speak_where_the_job_runs(void **state)
{
    struct arena arena = ARENA_INIT;
    struct facts facts;

    (void)state;
    setenv("NVML_STAND_IN", T400 ";" H100, 1);
    facts_init(&facts);
    gather("torchrun --nproc_per_node 2 pretrain_gpt.py", "A=1", true, &arena, &facts);
    assert_string_equal(facts.gpu.value, "H100-80GB");
    assert_true(facts.gpu_memory_bytes.value == 81008LL << 20);
    assert_int_equal(facts.gpu_arch.value, 90);
    assert_int_equal(facts.gpus_visible.value, 2);
    assert_false(facts.gpu_uuid.known);
    assert_false(facts.gpu_free_bytes.known); /* of devices that differ */

    facts_init(&facts);
    gather("srun -n 2 python pretrain_gpt.py", "A=1", true, &arena, &facts);
    assert_false(facts.gpu.known);
    assert_false(facts.gpus_visible.known);

    /* Only checked: a machine with too few GPUs is not the job's. */
    facts_init(&facts);
    gather("torchrun --nproc_per_node 8 pretrain_gpt.py", "A=1", false, &arena, &facts);
    assert_false(facts.gpu.known);
    assert_false(facts.gpus_visible.known);
    gather("torchrun --nproc_per_node 1 pretrain_gpt.py", "A=1", false, &arena, &facts);
    assert_true(facts.gpu.known);

    /* As a task with a device of its own. */
    facts_init(&facts);
    gather("python pretrain_gpt.py", "RANK=1 WORLD_SIZE=2 LOCAL_RANK=0 CUDA_VISIBLE_DEVICES=1",
           true, &arena, &facts);
    assert_string_equal(facts.gpu_uuid.value, "GPU-aaaa-1");
    assert_true(facts.gpu_free_bytes.value == 80008LL << 20);
    assert_int_equal(facts.gpus_visible.value, 1);

    /* Alike: the least free one of those that are used. */
    setenv("NVML_STAND_IN", H100 ";" BUSY ";" BUSIER, 1);
    facts_init(&facts);
    gather("torchrun --nproc_per_node 2 pretrain_gpt.py", "A=1", true, &arena, &facts);
    assert_true(facts.gpu_free_bytes.value == 71008LL << 20);

    /* What the user says goes first. */
    facts_init(&facts);
    facts.gpu = (struct fact_str){ true, "B200", "--gpu" };
    gather("torchrun --nproc_per_node 2 pretrain_gpt.py", "A=1", true, &arena, &facts);
    assert_string_equal(facts.gpu.value, "B200");
    assert_false(facts.gpu_memory_bytes.known);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpus_are_listed),
        cmocka_unit_test(a_driver_that_fails_is_survived),
        cmocka_unit_test(visible_devices_follow_cuda),
        cmocka_unit_test(gpus_speak_where_the_job_runs),
    };

    return cmocka_run_group_tests_name("nvml", tests, NULL, NULL);
}
