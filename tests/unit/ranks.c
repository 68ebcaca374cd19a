#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/agreement.h"
#include "cluster/identity.h"
#include "rules/rules.h"

/* The words of rank 3 against "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4" of ranks 0
 * to 2. */
static const struct {
    const char *words;
    enum answer answer;
    enum severity severity;
    const char *message; /* a part of it */
} argvs[] = {
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4", HOLDS, 0, NULL },
    { "--num-layers 8 --tensor-model-parallel-size=2 --lr 1e-4", HOLDS, 0, NULL },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --context-parallel-size 1", HOLDS, 0,
      NULL },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --local-rank 3", HOLDS, 0, NULL },
    { "--tensor-model-parallel-size 4 --tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4",
      HOLDS, 0, NULL },
    { "--tensor-model-parallel-size 4 --num-layers 8 --lr 1e-4", VIOLATED, SEVERITY_ERROR,
      "rank 3 (n1): --tensor-model-parallel-size 4, the other ranks --tensor-model-parallel-size "
      "2" },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --kv-channels 64 --bf16", VIOLATED,
      SEVERITY_ERROR, "rank 3 (n1): --bf16" },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --kv-channels 64", VIOLATED,
      SEVERITY_WARNING, "rank 3 (n1): --kv-channels 64, the other ranks no --kv-channels" },
    { "--num-layers 8 --lr 1e-4", VIOLATED, SEVERITY_ERROR,
      "rank 3 (n1): --tensor-model-parallel-size 1" },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --bf16", VIOLATED, SEVERITY_ERROR,
      "rank 3 (n1): --bf16, the other ranks no --bf16" },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 2e-4", VIOLATED, SEVERITY_WARNING,
      "rank 3 (n1)" },
    { "--tensor-model-parallel-size 2 --num-layers 8 --lr 1e-4 --micro-batch-size 3", VIOLATED,
      SEVERITY_WARNING, "rank 3 (n1)" },
};

/* Words that name a node's own files do not count, but their option does. */
static const struct {
    const char *a, *b;
    bool same;
} free_texts[] = {
    { "--data-cache-path /local/0", "--data-cache-path /local/1", true },
    { "--wandb-exp-name run-a", "--wandb-exp-name run-b", true },
    { "--some-fork-path=/x/a", "--some-fork-path=/x/b", true },
    { "--some-fork-option a", "--some-fork-option b", false },
    { "--data-cache-path /local/0", "", false },
    { "--distributed-backend nccl", "--distributed-backend gloo", false },
    { "--hostfile-like x --rank 1", "--hostfile-like x --rank 2", true },
};

static int split(char *text, const char **argv)
{
    int n = 0;

    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[n++] = word;
    return n;
}

static struct cluster_facts rank_with(const char *words, int rank)
{
    struct cluster_facts facts = { .rank = rank };
    const char *argv[32];
    char text[256];

    snprintf(text, sizeof(text), "%s", words);
    snprintf(facts.host, sizeof(facts.host), "n%d", rank / 2);
    agreement_argv(split(text, argv), argv, &facts);
    return facts;
}

struct walked {
    struct arena arena;
    struct facts facts;
    struct job job;
    struct walk walk;
    struct finding finding;
};

static enum answer ask(const char *id, struct cluster_facts *ranks, size_t count,
                       struct walked *walked)
{
    const struct rule *rule = rule_find(id);

    memset(walked, 0, sizeof(*walked));
    walked->facts.ranks = ranks;
    walked->facts.rank_count = count;
    walked->walk =
        (struct walk) { .arena = &walked->arena, .facts = &walked->facts, .job = &walked->job };
    walked->finding.severity = rule->severity;
    return rule->check(&walked->walk, &walked->finding);
}

static void test_argv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(argvs) / sizeof(argvs[0]); i++) {
        struct cluster_facts ranks[4];
        struct walked walked;

        for (int r = 0; r < 4; r++)
            ranks[r] = rank_with(r == 3 ? argvs[i].words : argvs[0].words, r);
        assert_int_equal(ask("ranks-agree-argv", ranks, 4, &walked), argvs[i].answer);
        if (argvs[i].message) {
            assert_int_equal(walked.finding.severity, argvs[i].severity);
            assert_non_null(strstr(walked.finding.message, argvs[i].message));
        }
        arena_release(&walked.arena);
    }
}

/* Whichever rank differs is the one that is named, rank 0 as well. */
static void test_the_odd_one_is_named(void **state)
{
    struct walked walked;

    (void)state;
    for (int odd = 0; odd < 5; odd++) {
        struct cluster_facts ranks[5];
        char name[32];

        for (int r = 0; r < 5; r++)
            ranks[r] = rank_with(r == odd ? "--num-layers 4" : "--num-layers 8", r);
        snprintf(name, sizeof(name), "rank %d (n%d): --num-layers 4", odd, odd / 2);
        assert_int_equal(ask("ranks-agree-argv", ranks, 5, &walked), VIOLATED);
        assert_non_null(strstr(walked.finding.message, name));
        arena_release(&walked.arena);
    }
}

static void test_a_long_list_is_cut(void **state)
{
    struct cluster_facts ranks[64];
    struct walked walked;

    (void)state;
    for (int r = 0; r < 64; r++)
        ranks[r] = rank_with(r < 20 ? "--num-layers 4" : "--num-layers 8", r);
    assert_int_equal(ask("ranks-agree-argv", ranks, 64, &walked), VIOLATED);
    assert_non_null(strstr(walked.finding.message, "rank 3 (n1) and 16 more: --num-layers 4"));
    arena_release(&walked.arena);
}

static void test_free_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(free_texts) / sizeof(free_texts[0]); i++) {
        struct cluster_facts a = rank_with(free_texts[i].a, 0), b = rank_with(free_texts[i].b, 0);

        assert_int_equal(a.argv_hash == b.argv_hash, free_texts[i].same);
    }
}

static void test_world(void **state)
{
    struct cluster_facts ranks[3] = { { .rank = 0, .world = 8 },
                                      { .rank = 1, .world = 8 },
                                      { .rank = 2, .world = 16 } };
    struct walked walked;

    (void)state;
    assert_int_equal(ask("ranks-agree-world", ranks, 2, &walked), HOLDS);
    assert_int_equal(ask("ranks-agree-world", ranks, 3, &walked), VIOLATED);
    assert_non_null(strstr(walked.finding.message, "rank 2"));
    arena_release(&walked.arena);
    ranks[1].world = 0; /* one that does not know */
    assert_int_equal(ask("ranks-agree-world", ranks, 3, &walked), NOT_APPLICABLE);
}

static void test_devices(void **state)
{
    struct cluster_facts ranks[4] = {
        { .rank = 0, .host = "a", .gpu_uuid = "GPU-1", .gpu = "A100" },
        { .rank = 1, .host = "a", .gpu_uuid = "GPU-2", .gpu = "A100" },
        { .rank = 2, .host = "b", .gpu_uuid = "GPU-1", .gpu = "H100" },
        { .rank = 3, .host = "b", .gpu_uuid = "GPU-1", .gpu = "A100" }
    };
    struct walked walked;

    (void)state;
    assert_int_equal(ask("two-ranks-one-device", ranks, 3, &walked), HOLDS);
    arena_release(&walked.arena);
    assert_int_equal(ask("two-ranks-one-device", ranks, 4, &walked), VIOLATED);
    assert_non_null(strstr(walked.finding.message, "ranks 2 and 3 on b"));
    arena_release(&walked.arena);
    ranks[2].gpu_uuid[0] = ranks[3].gpu_uuid[0] = '\0'; /* not known */
    assert_int_equal(ask("two-ranks-one-device", ranks, 4, &walked), HOLDS);
    arena_release(&walked.arena);
    assert_int_equal(ask("ranks-agree-gpu", ranks, 2, &walked), HOLDS);
    assert_int_equal(ask("ranks-agree-gpu", ranks, 4, &walked), VIOLATED);
    assert_non_null(strstr(walked.finding.message, "rank 2 (b): H100"));
    arena_release(&walked.arena);
}

static void test_the_smallest_gpu_counts(void **state)
{
    struct cluster_facts ranks[3] = { { .gpu_total_bytes = 80 },
                                      { .gpu_total_bytes = 40 },
                                      { .rank = 2 } };
    struct facts facts = { .gpu_memory_bytes = { .known = true, .value = 80 } };

    (void)state;
    agreement_smallest_gpu(ranks, 3, &facts);
    assert_int_equal(facts.gpu_memory_bytes.value, 40);
}

/* Where MPI may be started, and as whom. */
static const struct {
    const char *entry[8];
    bool possible;
    int64_t rank;
} identities[] = {
    { { "PATH=/bin" }, false, 0 },
    { { "OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=2" }, true, 2 },
    { { "PMIX_NAMESPACE=slurm.pmix.1.0", "PMIX_RANK=3" }, true, 3 },
    { { "PMIX_RANK=3" }, false, 0 },
    { { "PMI_RANK=1", "PMI_SIZE=4", "SLURM_STEP_ID=0" }, false, 0 },
    { { "SLURM_NTASKS=4", "SLURM_PROCID=0" }, false, 0 },
    { { "PMIX_NAMESPACE=a", "PMIX_RANK=0", "TORCHELASTIC_RUN_ID=none" }, false, 0 },
    { { "PMIX_NAMESPACE=a", "PMIX_RANK=0", "MEGATRON_PREFLIGHT_DONE=a" }, false, 0 },
    { { "PMIX_NAMESPACE=b", "PMIX_RANK=0", "MEGATRON_PREFLIGHT_DONE=a" }, true, 0 },
    { { "OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_RANK=1", "WORLD_SIZE=16", "LOCAL_RANK=3" },
      false,
      0 },
    { { "OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1" },
      true,
      1 },
    { { "OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_RANK=1", "WORLD_SIZE=16" }, true, 1 },
};

static void test_identity(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        struct environment env = { .known = true, .entry = identities[i].entry };
        struct cluster_identity identity;

        while (env.entry[env.count])
            env.count++;
        assert_int_equal(cluster_identify(&env, &identity), identities[i].possible);
        if (identities[i].possible)
            assert_int_equal(identity.rank, identities[i].rank);
    }
}

/* What the job's environment gains: nothing where MPI was not used. */
static void test_job_environment(void **state)
{
    const char *entry[] = { "PMIX_NAMESPACE=a", "PMIX_RANK=0", "X=1" };
    const char *set[] = { "PMIX_NAMESPACE=a", "PMIX_RANK=0", "PMIX_MCA_gds=ds21" };
    struct environment env = { .known = true, .count = 3, .entry = entry };
    struct arena arena = ARENA_INIT;
    struct environment job;

    (void)state;
    job = cluster_job_environment(&env, CLUSTER_ALONE, &arena);
    assert_int_equal(job.count, 3);
    job = cluster_job_environment(&env, CLUSTER_NO_HELPER, &arena);
    assert_int_equal(job.count, 3);
    job = cluster_job_environment(&env, CLUSTER_JOINED, &arena);
    assert_int_equal(job.count, 5);
    assert_string_equal(environment_get(&job, "PMIX_MCA_gds"), "hash");
    assert_string_equal(environment_get(&job, "MEGATRON_PREFLIGHT_DONE"), "a");
    env.entry = set;
    job = cluster_job_environment(&env, CLUSTER_DEADLINE, &arena);
    assert_string_equal(environment_get(&job, "PMIX_MCA_gds"), "ds21");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_argv),
        cmocka_unit_test(test_the_odd_one_is_named),
        cmocka_unit_test(test_a_long_list_is_cut),
        cmocka_unit_test(test_free_text),
        cmocka_unit_test(test_world),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_the_smallest_gpu_counts),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_job_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
