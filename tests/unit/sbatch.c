#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launch/sbatch.h"

static const struct environment nothing = { .known = true };

/* A count that is not known is -1. */
struct row {
    const char *script; /* its directives are read */
    int nodes, tasks, per_node, gpus;
    const char *gpu; /* NULL: not known */
    const char *cannot;
};

/* clang-format off */
static const struct row rows[] = {
    { "#SBATCH -N 4\n#SBATCH --ntasks-per-node=8\n#SBATCH --gres=gpu:h100:8\n", 4, 32, 8, 8, "H100-94GB", NULL },
    { "#!/bin/bash\n\n# text\n#SBATCH --nodes=2 --gpus-per-node=a100:4\n\n#SBATCH -J 'a # name' -c8 # why\nset -e\n#SBATCH -N9\n", 2, -1, -1, 4, "A100-80GB", NULL },
    { "#SBATCH --nodes 2\n#SBATCH -N3\n", 3, -1, -1, -1, NULL, NULL },
    { "#SBATCH -n16 --ntasks-per-node 8", 2, 16, 8, -1, NULL, NULL },
    { "#SBATCH -n17 --ntasks-per-node 8", 3, 17, 8, -1, NULL, NULL },
    { "#SBATCH -n 16", -1, 16, -1, -1, NULL, NULL },
    { "#SBATCH -p gpu", 1, -1, -1, -1, NULL, NULL },
    { "#SBATCH -N 2-4", -1, -1, -1, -1, NULL, NULL },
    { "#SBATCH -N2 -G 16", 2, -1, -1, 8, NULL, NULL },
    { "#SBATCH -G 16 --gpus-per-node=8", 2, -1, -1, 8, NULL, NULL },
    { "#SBATCH -G 16 --ntasks-per-gpu=1", -1, 16, -1, -1, NULL, NULL },
    { "#SBATCH -N2 --ntasks-per-node=4 --gpus-per-task=1", 2, 8, 4, 4, NULL, NULL },
    { "#SBATCH -w n[1-4] --exclusive --mem=0", 4, -1, -1, -1, NULL, NULL },
    { "#SBATCH --output=%x_%j.log --time=1-00:00 --signal=B:USR1@60 --array=1-4%1 --gres=gpu:8,nvme:1 --nodes=1", 1, -1, -1, 8, NULL, NULL },
    { "#SBATCH\t--nodes=\"3\"\r\n", 3, -1, -1, -1, NULL, NULL },
    { "#SBATCH -N1\n#SBATCH hetjob\n#SBATCH -N2\n", -1, -1, -1, -1, NULL, "heterogeneous" },
    { "#SBATCH --colour red", -1, -1, -1, -1, NULL, "'--colour' is not an option of 'sbatch'" },
    { "#SBATCH -N2 train.sh", -1, -1, -1, -1, NULL, "'train.sh' is not an option" },
    { "##SBATCH -N2\n# SBATCH -N3\n", 1, -1, -1, -1, NULL, NULL },
    { "echo\n#SBATCH -N2\n", 1, -1, -1, -1, NULL, NULL },
    { "", 1, -1, -1, -1, NULL, NULL },
};
/* clang-format on */

static void assert_count(const struct row *row, const struct fact_int *fact, int want)
{
    int64_t got = fact->known ? fact->value : -1;

    if (got != want)
        fail_msg("%s: %lld, not %d", row->script, (long long)got, want);
    if (fact->known)
        assert_non_null(fact->source);
}

static void check_row(const struct row *row)
{
    struct arena arena = ARENA_INIT;
    struct sbatch_job job;
    int count;
    const char *const *word = sbatch_directives(row->script, &arena, &count);

    sbatch_read(count, word, &nothing, &arena, &job);
    if (row->cannot)
        assert_true(job.cannot_know && strstr(job.cannot_know, row->cannot));
    else
        assert_null(job.cannot_know);
    assert_count(row, &job.nodes, row->nodes);
    assert_count(row, &job.tasks, row->tasks);
    assert_count(row, &job.tasks_per_node, row->per_node);
    assert_count(row, &job.gpus_per_node, row->gpus);
    assert_true(job.gpu.known == (row->gpu != NULL));
    if (row->gpu)
        assert_string_equal(job.gpu.value, row->gpu);
    arena_release(&arena);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

static void test_environment(void **state)
{
    static const char *const before[] = { "HOME=/h", "SLURM_JOB_NUM_NODES=9", "SLURM_STEP_ID=0" };
    static const char *const words[] = { "-N2", "--ntasks-per-node=8", "--gres=gpu:8", "-c", "12",
                                         "--partition=debug" };
    static const struct {
        const char *name, *value;
    } want[] = {
        { "HOME", "/h" },
        { "SLURM_JOB_ID", "1" },
        { "SLURM_JOB_NUM_NODES", "2" },
        { "SLURM_NNODES", "2" },
        { "SLURM_NTASKS", "16" },
        { "SLURM_NTASKS_PER_NODE", "8" },
        { "SLURM_GPUS_ON_NODE", "8" },
        { "SLURM_CPUS_PER_TASK", "12" },
        { "SLURM_TASKS_PER_NODE", "8(x2)" },
        { "SLURM_JOB_PARTITION", "debug" },
        { "SLURM_STEP_ID", NULL },
    };
    struct environment env = { .known = true, .count = 3, .entry = before };
    struct arena arena = ARENA_INIT;
    struct sbatch_job job;
    struct facts facts;

    (void)state;
    facts_init(&facts);
    sbatch_read(6, words, &env, &arena, &job);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        const char *value = environment_get(&job.environment, want[i].name);

        if (want[i].value)
            assert_string_equal(value, want[i].value);
        else
            assert_null(value);
    }
    sbatch_facts(&job, &facts);
    assert_int_equal(facts.nodes_allocated.value, 2);
    assert_int_equal(facts.gpus_per_node.value, 8);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
