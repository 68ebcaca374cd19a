#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "facts/allocation.h"
#include "facts/facts.h"
#include "facts/gpus.h"
#include "facts/visible.h"

static int read_text(const char *text, struct facts *facts, struct arena *arena, struct error *err)
{
    json_t *object = json_loads(text, 0, NULL);
    int rc;

    facts_init(facts);
    rc = facts_read(facts, object, arena, err);
    json_decref(object);
    return rc;
}

static void facts_are_read_by_name(void **state)
{
    struct arena arena = ARENA_INIT;
    struct facts facts;

    (void)state;
    assert_int_equal(
        read_text("{\"vocab_size\": 50257, \"gpu_memory_bytes\": \"80GiB\", \"apex\": false,"
                  "\"torch\": \"2.9.0\", \"cudnn\": true, \"gpu\": null, \"files\": [],"
                  "\"env\": {\"A\": \"1\"}}",
                  &facts, &arena, NULL),
        0);
    assert_int_equal(facts.vocab_size.value, 50257);
    assert_true(facts.gpu_memory_bytes.value == 80LL << 30);
    assert_true(facts.apex.known);
    assert_string_equal(facts.apex.value, "");
    assert_string_equal(facts.torch.value, "2.9.0");
    assert_false(facts.cudnn.known);
    assert_false(facts.gpu.known);
    assert_string_equal(environment_get(&facts.environment, "A"), "1");
    arena_release(&arena);
}

static void wrong_facts_are_named(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "{\"vocabsize\": 1}", "unknown fact 'vocabsize'" },
        { "{\"vocab_size\": \"1\"}", "'vocab_size' must be a whole number" },
        { "{\"vocab_size\": -1}", "'vocab_size' must be a whole number" },
        { "{\"gpu_memory_bytes\": \"lots\"}", "'gpu_memory_bytes': 'lots' is not a size" },
        { "{\"torch\": 2}", "'torch' must be a string" },
        { "{\"env\": {\"A\": 1}}", "'env': 'A' must be a string" },
        { "{\"files\": 1}", "'files' must be an array" },
        { "[]", "facts must be a JSON object" },
    };
    struct arena arena = ARENA_INIT;
    struct facts facts;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_text(rows[i].text, &facts, &arena, &err), -1);
        assert_ptr_equal(strstr(err.text, rows[i].message), err.text);
    }
    assert_false(facts.vocab_size.known);
    arena_release(&arena);
}

static void facts_are_printed_with_their_sources(void **state)
{
    struct facts facts;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    facts_init(&facts);
    facts.gpu = (struct fact_str){ true, "A100-80GB", "--gpu" };
    facts.apex = (struct fact_str){ true, "", "site-packages" };
    facts_from_gpu(&facts);
    facts_print(&facts, out);
    fclose(out);
    assert_non_null(strstr(text, "A100-80GB (--gpu)"));
    assert_non_null(strstr(text, "79.35 GiB (--gpu)"));
    assert_non_null(strstr(text, "none (site-packages)"));
    assert_non_null(strstr(text, "unknown: megatron,"));
    free(text);
}

/* Names that users, reports, Slurm and NVML give to the same GPU. */
static void gpus_are_found_by_any_name(void **state)
{
    static const struct {
        const char *name, *row;
    } rows[] = {
        { "A100-80GB", "A100-80GB" },
        { "a100", "A100-80GB" },
        { "NVIDIA A100-SXM4-80GB", "A100-80GB" },
        { "NVIDIA A100 80GB PCIe", "A100-80GB" },
        { "NVIDIA A100-SXM4-40GB", "A100-40GB" },
        { "A800-80GB", "A800-80GB" },
        { "H100-80GB", "H100-80GB" },
        { "H100-80GB (79.11 GiB)", "H100-80GB" },
        { "NVIDIA H100 80GB HBM3", "H100-80GB" },
        { "NVIDIA H100 PCIe", "H100-80GB" },
        { "NVIDIA H100 NVL", "H100-94GB" },
        { "H800-80GB", "H800-80GB" },
        { "H20-96GB", "H20-96GB" },
        { "NVIDIA H20", "H20-96GB" },
        { "H200-141GB", "H200-141GB" },
        { "NVIDIA H200", "H200-141GB" },
        { "GH200-96GB", "GH200-96GB" },
        { "NVIDIA GH200 480GB", "GH200-96GB" },
        { "B200", "B200-180GB" },
        { "B200-180GB", "B200-180GB" },
        { "B200-192GB", "B200-180GB" },
        { "NVIDIA B200", "B200-180GB" },
        { "GB200", "GB200-186GB" },
        { "GB200-186GB", "GB200-186GB" },
        { "NVIDIA GB200", "GB200-186GB" },
        { "B300-288GB", "B300-288GB" },
        { "NVIDIA B300 SXM6 AC", "B300-288GB" },
        { "GB300-288GB", "GB300-288GB" },
        { "VR200-288GB", "VR200-288GB" },
        { "V100-16GB", "V100-16GB" },
        { "V100-32GB", "V100-32GB" },
        { "Tesla V100-SXM2-16GB", "V100-16GB" },
        { "A6000-48GB", "A6000-48GB" },
        { "NVIDIA RTX A6000", "A6000-48GB" },
        { "L40S", "L40S-48GB" },
        { "NVIDIA L40S", "L40S-48GB" },
        { "RTX 4090", "RTX4090-24GB" },
        { "NVIDIA GeForce RTX 4090", "RTX4090-24GB" },
        { "NVIDIA RTX 6000 Ada Generation", "RTX6000Ada-48GB" },
        { "Tesla T4", "T4-16GB" },
        { "unknown", NULL },
        { "H1000", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct gpu_row *row = gpu_find(rows[i].name);

        if (!row || !rows[i].row)
            assert_true(!row && !rows[i].row);
        else
            assert_string_equal(row->name, rows[i].row);
    }
    assert_string_equal(gpu_of_gres("a100:8")->name, "A100-80GB");
    assert_string_equal(gpu_of_gres("h100:8")->name, "H100-94GB");
    assert_string_equal(gpu_of_gres("gh200:8")->name, "GH200-144GB");
    assert_string_equal(gpu_of_gres("a100_80gb:8")->name, "A100-80GB");
    assert_null(gpu_of_gres("a:8"));
}

static void gpu_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < gpu_row_count; i++) {
        const struct gpu_row *row = &gpu_rows[i];

        assert_ptr_equal(gpu_find(row->name), row);
        assert_true(row->usable_bytes > 1ULL << 33 && row->arch >= 70 && row->tflops > 0);
        assert_true(row->nvlink_domain >= 1);
        for (const char *p = row->aliases; *p; p += *p == '|') {
            size_t n = strcspn(p, "|");
            char alias[96];

            memcpy(alias, p, n);
            alias[n] = '\0';
            assert_ptr_equal(gpu_find(alias), row);
            p += n;
        }
    }
}

static void visible_devices_are_counted_as_cuda_does(void **state)
{
    static const struct {
        const char *text;
        int count;
    } rows[] = {
        { "0,1,2,3", 4 }, { "3", 1 }, { "", 0 }, { "-1", 0 }, { "0,-1,2", 1 }, { "0,0", 0 },
        { "NoDevFiles", 0 }, { " 0, 1", 2 }, { "GPU-8932f937,GPU-2", 2 }, { "MIG-GPU-1/2/0", 1 },
        { "0,1,", 2 }, { "all", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(visible_count(rows[i].text), rows[i].count);
}

static void allocation(const char *const *entry, int count, struct arena *arena,
                       struct facts *facts)
{
    struct launch launch = { .environment = { .known = true, .count = count, .entry = entry } };

    facts_init(facts);
    allocation_tell(&launch, arena, facts);
}

static void slurm_tells_the_allocation(void **state)
{
    static const char *const job[] = { "SLURM_JOB_ID=7", "SLURM_JOB_NUM_NODES=4",
                                       "SLURM_GPUS_ON_NODE=8", "SLURM_GPUS_PER_NODE=h200:8" };
    static const char *const typed[] = { "SLURM_JOB_ID=7", "SLURM_GPUS_PER_NODE=4" };
    static const char *const het[] = { "SLURM_JOB_ID=7", "SLURM_JOB_NUM_NODES=4",
                                       "SLURM_HET_SIZE=2", "SLURM_JOB_GPUS=0,1" };
    static const char *const none[] = { "SLURM_GPUS_ON_NODE=0", "CUDA_VISIBLE_DEVICES=2,3" };
    struct arena arena = ARENA_INIT;
    struct facts facts;

    (void)state;
    allocation(job, 4, &arena, &facts);
    assert_int_equal(facts.nodes_allocated.value, 4);
    assert_int_equal(facts.gpus_per_node.value, 8);
    assert_string_equal(facts.gpus_per_node.source, "SLURM_GPUS_ON_NODE=8");
    assert_string_equal(facts.gpu.value, "H200-141GB");
    allocation(typed, 2, &arena, &facts);
    assert_int_equal(facts.gpus_per_node.value, 4);
    assert_false(facts.gpu.known);
    assert_false(facts.nodes_allocated.known);
    allocation(het, 4, &arena, &facts);
    assert_false(facts.nodes_allocated.known);
    assert_int_equal(facts.gpus_per_node.value, 2);
    allocation(none, 2, &arena, &facts);
    assert_false(facts.nodes_allocated.known);
    assert_false(facts.gpus_per_node.known);
    assert_int_equal(facts.gpus_visible.value, 2);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read_by_name),
        cmocka_unit_test(wrong_facts_are_named),
        cmocka_unit_test(facts_are_printed_with_their_sources),
        cmocka_unit_test(gpus_are_found_by_any_name),
        cmocka_unit_test(gpu_names_are_unique),
        cmocka_unit_test(visible_devices_are_counted_as_cuda_does),
        cmocka_unit_test(slurm_tells_the_allocation),
    };

    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
