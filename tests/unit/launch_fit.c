#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "facts/allocation.h"
#include "rules/rules.h"
#include "rules/sections.h"

#define GPT "pretrain_gpt.py --num-layers 2"
#define JOB4 "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=4 SLURM_GPUS_ON_NODE=8"

/* Ids of the findings, separated by blanks, and a part of the first message and fix. */
static const struct row {
    const char *command;
    const char *env;
    const char *torch; /* or NULL */
    const char *release;
    const char *findings;
    const char *message, *fix;
} rows[] = {
    /* nothing is known, nothing is said */
    { "torchrun --nnodes 8 --nproc-per-node 8 " GPT, "A=1", NULL, "main", "", NULL, NULL },
    { "torchrun --nnodes 2:4 --nproc-per-node 8 " GPT, JOB4, NULL, "main", "", NULL, NULL },

    /* a node's processes and GPUs */
    { "torchrun --nproc-per-node 8 " GPT, "CUDA_VISIBLE_DEVICES=0,1,2,3", NULL, "main",
      "launch-gpus-per-node", "8 processes on a node that has 4 GPUs", "--nproc-per-node 4" },
    { "torchrun --nproc-per-node 8 " GPT, "CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7", NULL, "main", "",
      NULL, NULL },
    { "torchrun --nproc-per-node 8 " GPT, "SLURM_JOB_ID=1 SLURM_GPUS_ON_NODE=4", NULL, "main",
      "launch-gpus-per-node", "(SLURM_GPUS_ON_NODE=4)", "--nproc-per-node 4" },
    { "torchrun --nproc-per-node 1 " GPT, "CUDA_VISIBLE_DEVICES=", NULL, "main",
      "launch-gpus-per-node", "1 processes on a node that has 0 GPUs", "ask for GPUs" },
    { "srun -N2 --ntasks-per-node=8 --gpus-per-node=4 python " GPT, "WORLD_SIZE=16 RANK=0", NULL,
      "main", "launch-gpus-per-node", "(srun --gpus-per-node=4)", "--ntasks-per-node 4" },
    { "mpirun -n 8 -H a:8 python " GPT, "WORLD_SIZE=8 SLURM_GPUS_ON_NODE=4", NULL, "main",
      "launch-gpus-per-node", NULL, "-N 4" },
    /* as tasks */
    { "python " GPT,
      "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=16 SLURM_STEP_NUM_NODES=2 SLURM_GPUS_ON_NODE=4 "
      "WORLD_SIZE=16 CUDA_VISIBLE_DEVICES=0,1,2,3",
      NULL, "main", "launch-gpus-per-node", "8 processes", NULL },
    { "python " GPT,
      "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=16 SLURM_STEP_NUM_NODES=2 SLURM_GPUS_ON_NODE=8 "
      "WORLD_SIZE=16 LOCAL_RANK=0 CUDA_VISIBLE_DEVICES=3",
      NULL, "main", "", NULL, NULL },
    { "python " GPT,
      "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 SLURM_STEP_NUM_NODES=1 WORLD_SIZE=4 LOCAL_RANK=0 "
      "CUDA_VISIBLE_DEVICES=2,3",
      NULL, "main", "", NULL, NULL },
    { "python " GPT,
      "OMPI_COMM_WORLD_SIZE=8 OMPI_COMM_WORLD_LOCAL_SIZE=8 WORLD_SIZE=8 CUDA_VISIBLE_DEVICES=0,1",
      NULL, "main", "launch-gpus-per-node", "has 2 GPUs", "-N 2" },
    { "torchrun --nnodes 2 --nproc-per-node 4 " GPT,
      "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NUM_NODES=1 SLURM_GPUS_ON_NODE=8 "
      "CUDA_VISIBLE_DEVICES=0,1,2,3",
      NULL, "main", "", NULL, NULL },

    /* nodes */
    { "torchrun --nnodes 8 --nproc-per-node 8 " GPT, JOB4, NULL, "main", "launch-nodes-allocated",
      "the launch waits for 8 nodes, the allocation has 4 (SLURM_JOB_NUM_NODES=4)", "--nnodes 4" },
    { "torchrun --nnodes 4 --nproc-per-node 8 " GPT, JOB4, NULL, "main", "", NULL, NULL },
    { "torchrun --nnodes 2 --nproc-per-node 8 " GPT, JOB4, NULL, "main", "launch-idle-gpus",
      "16 ranks leave 16 of the 32 allocated GPUs idle", NULL },
    { "srun -N8 --ntasks-per-node=8 python " GPT, JOB4 " WORLD_SIZE=64", NULL, "main",
      "launch-nodes-allocated", NULL, "--nodes 4" },
    { "srun --ntasks-per-node=8 python " GPT, JOB4 " WORLD_SIZE=32", NULL, "main", "", NULL, NULL },

    /* torchrun under srun */
    { "srun -N4 --ntasks-per-node=8 torchrun --nnodes 4 --nproc-per-node 8 " GPT, "A=1", NULL,
      "main", "launch-torchrun-per-node",
      "srun starts torchrun 8 times on each node, and each starts 8 processes: 64 on one node",
      "once on each node: --ntasks 4" },
    { "srun -N4 --ntasks-per-node=1 torchrun --nnodes 4 --nproc-per-node 8 " GPT, "A=1", NULL,
      "main", "", NULL, NULL },
    { "srun -N8 torchrun --nnodes 4 --nproc-per-node 8 " GPT, "A=1", NULL, "main",
      "launch-torchrun-per-node", "srun starts torchrun 8 times, but --nnodes is 4", "--nnodes 8" },
    { "torchrun --nnodes 4 --nproc-per-node 8 " GPT,
      "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=32 SLURM_STEP_NUM_NODES=4", NULL, "main",
      "launch-torchrun-per-node", "8 times on each node", "--ntasks 4" },
    { "srun -n 8 torchrun --nproc-per-node 8 " GPT,
      "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=1 SLURM_GPUS_ON_NODE=8", NULL, "main",
      "launch-torchrun-per-node", "64 on one node", NULL },
    { "srun -N1 -n1 torchrun --nnodes 4 --nproc-per-node 8 " GPT, JOB4, NULL, "main", "", NULL,
      NULL },
    { "srun -N1 -n2 torchrun --nnodes 2 --nproc-per-node 4 " GPT,
      "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=1 SLURM_GPUS_ON_NODE=8", NULL, "main", "", NULL, NULL },
    { "srun -N4 torchrun --nproc-per-node 8 " GPT, "A=1", NULL, "main", "launch-separate-jobs",
      "srun starts torchrun 4 times, each for one node", "--nnodes 4" },

    /* the whole world */
    { "python " GPT, JOB4 " WORLD_SIZE=64 RANK=3", NULL, "main", "launch-world-allocated",
      "64 ranks, but the allocation has 4 nodes x 8 GPUs = 32", NULL },
    { "python " GPT, JOB4 " WORLD_SIZE=32 RANK=3", NULL, "main", "", NULL, NULL },
    { "python " GPT, "WORLD_SIZE=8 RANK=8", NULL, "main", "rank-in-world",
      "RANK is 8 in a world of WORLD_SIZE 8", NULL },
    { "srun -n 64 python " GPT, "A=1", NULL, "main", "world-size-in-environment",
      "srun does not set RANK and WORLD_SIZE", NULL },
    { "srun -n 64 bash -c WORLD_SIZE=$SLURM_NTASKS~RANK=$SLURM_PROCID~python~pretrain_gpt.py",
      "A=1", NULL, "main", "", NULL, NULL },
    { "mpirun -n 4 python " GPT, "A=1", NULL, "main", "world-size-in-environment", "mpirun", NULL },
    { "mpirun -n 1 python " GPT, "A=1", NULL, "main", "", NULL, NULL },

    /* local rank */
    { "python " GPT, "WORLD_SIZE=8 RANK=3 LOCAL_RANK=3 CUDA_VISIBLE_DEVICES=0", NULL, "main",
      "local-rank-device", "local rank 3 has no device: this task sees 1 GPU", "LOCAL_RANK=0" },
    { "python " GPT, "WORLD_SIZE=8 RANK=3 LOCAL_RANK=3 CUDA_VISIBLE_DEVICES=0,1,2,3", NULL, "main",
      "", NULL, NULL },
    { "python " GPT, "WORLD_SIZE=8 RANK=3 LOCAL_RANK=3 CUDA_VISIBLE_DEVICES=0", NULL, "0.8.0", "",
      NULL, NULL },
    { "python pretrain_gpt.py --local-rank 0",
      "WORLD_SIZE=8 RANK=3 LOCAL_RANK=3 CUDA_VISIBLE_DEVICES=0", NULL, "main", "", NULL, NULL },
    { "python -m torch.distributed.launch --nproc_per_node 8 " GPT, "A=1", "2.4.0", "0.8.0",
      "local-rank-spelling", "adds --local-rank", "--use-env" },
    { "python -m torch.distributed.launch --nproc_per_node 8 " GPT, "A=1", "1.13.1", "main",
      "local-rank-spelling", "adds --local_rank", NULL },
    { "python -m torch.distributed.launch --nproc_per_node 8 " GPT, "A=1", "2.4.0", "main", "",
      NULL, NULL },
    { "python -m torch.distributed.launch --nproc_per_node 8 " GPT, "A=1", NULL, "0.8.0", "", NULL,
      NULL },
    { "python -m torch.distributed.launch --use_env --nproc_per_node 8 " GPT, "A=1", "2.4.0",
      "0.8.0", "", NULL, NULL },
};

/* Words are separated by blanks; '~' inside a word is a blank. */
static int split(const char *text, const char **word, struct arena *arena)
{
    int n = 0;

    for (char *p = strtok(arena_strdup(arena, text), " "); p; p = strtok(NULL, " ")) {
        word[n++] = p;
        for (; *p; p++)
            *p = *p == '~' ? ' ' : *p;
    }
    return n;
}

struct walked {
    struct launch launch;
    struct facts facts;
    struct findings findings;
};

static void walk_row(const struct row *row, struct arena *arena, struct walked *walked)
{
    const char **word = arena_alloc(arena, 64 * sizeof(*word));
    const char **entry = arena_alloc(arena, 64 * sizeof(*entry));
    struct environment env = { .known = true, .entry = entry };
    struct argparse_result parse;
    struct job job;
    struct walk walk = { .arena = arena,
                         .facts = &walked->facts,
                         .launch = &walked->launch,
                         .release = release_parse(row->release),
                         .parse = &parse,
                         .job = &job,
                         .findings = &walked->findings };

    memset(walked, 0, sizeof(*walked));
    env.count = split(row->env, entry, arena);
    launch_parse(split(row->command, word, arena), word, &env, arena, &walked->launch);
    if (row->torch)
        walked->facts.torch = (struct fact_str) { true, row->torch, "test" };
    allocation_tell(&walked->launch, arena, &walked->facts);
    job_init(&job);
    argparse_parse(walked->launch.argc, walked->launch.argv, walk.release, NULL, arena, &job,
                   &parse);
    rules_walk(&walk);
}

static bool is_ours(const char *id)
{
    for (size_t i = 0; i < launch_rules.count; i++)
        if (strcmp(launch_rules.rows[i].id, id) == 0)
            return true;
    return false;
}

static bool row_holds(const struct row *row, const struct walked *walked, char *ids, size_t size)
{
    const struct finding *first = NULL;

    *ids = '\0';
    for (size_t i = 0; i < walked->findings.count; i++) {
        const struct finding *finding = &walked->findings.item[i];

        if (!is_ours(finding->id))
            continue;
        first = first ? first : finding;
        snprintf(ids + strlen(ids), size - strlen(ids), "%s%s", *ids ? " " : "", finding->id);
    }
    if (strcmp(ids, row->findings) != 0)
        return false;
    return !first || ((!row->message || strstr(first->message, row->message)) &&
                      (!row->fix || (first->fix && strstr(first->fix, row->fix))));
}

static void launches_are_held_against_their_allocation(void **state)
{
    struct arena arena = ARENA_INIT;
    struct walked walked;
    char ids[512];
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        walk_row(&rows[i], &arena, &walked);
        assert_null(walked.launch.cannot_know);
        if (!row_holds(&rows[i], &walked, ids, sizeof(ids))) {
            print_error("%s [%s]: %s, not %s\n", rows[i].command, rows[i].env, ids,
                        rows[i].findings);
            for (size_t f = 0; f < walked.findings.count; f++)
                if (is_ours(walked.findings.item[f].id))
                    print_error("    %s; fix: %s\n", walked.findings.item[f].message,
                                walked.findings.item[f].fix);
            failures++;
        }
        arena_release(&arena);
    }
    assert_int_equal(failures, 0);
}

static void findings_point_at_the_launchers_words(void **state)
{
    static const struct row row = {
        "srun -N8 torchrun --nnodes 4 --nproc-per-node 8 " GPT, "A=1", NULL, "main", "", NULL, NULL
    };
    struct arena arena = ARENA_INIT;
    struct walked walked;
    const struct finding *finding;

    (void)state;
    walk_row(&row, &arena, &walked);
    finding = &walked.findings.item[0];
    assert_string_equal(finding->id, "launch-torchrun-per-node");
    assert_int_equal(finding->where_count, 3);
    assert_int_equal(finding->where[0].in, WHERE_COMMAND);
    assert_int_equal(finding->where[0].index, 1);
    assert_int_equal(finding->where[1].index, 3);
    assert_int_equal(finding->where[1].words, 2);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launches_are_held_against_their_allocation),
        cmocka_unit_test(findings_point_at_the_launchers_words),
    };

    return cmocka_run_group_tests_name("launch_fit", tests, NULL, NULL);
}
