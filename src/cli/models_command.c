/* models: what comes with the program, and which of it fits so many GPUs. */
#include <string.h>

#include "cli/check.h"
#include "config/config.h"
#include "config/presets.h"
#include "facts/gpus.h"

/* A layout of a preset and what became of it. */
struct layout {
    int64_t world, tp, pp, ep;
    uint64_t peak_bytes, usable_bytes;
    double parameters;
    enum verdict verdict;
    bool rules_hold; /* no error but one of memory */
};

struct asking {
    const char *megatron;
    const char *gpu; /* NULL: the preset's own */
    const struct preset *preset;
};

static void set_size(struct config *config, const char *option, int64_t value)
{
    if (value)
        config_set_int(config, CONFIG_OPTION, (struct config_place) { .key = option }, option, value);
}

static void take_report(const struct report *report, struct layout *layout)
{
    layout->verdict = report->verdict;
    layout->rules_hold = true;
    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].severity == SEVERITY_ERROR &&
            report->findings.item[i].stage != STAGE_MEMORY)
            layout->rules_hold = false;
    layout->usable_bytes = report->memory.usable_bytes;
    layout->peak_bytes = memory_largest_peak(&report->memory);
    layout->parameters = (double)report->memory.total_parameters;
}

/* Decides the preset in this layout, whose sizes of 0 are the preset's own. -1 with 'err' set. */
static int decide(const struct asking *asking, struct layout *layout, struct error *err)
{
    static const struct option_extra none;
    struct arena arena = ARENA_INIT;
    struct config config;
    struct policy policy;
    struct launch launch;
    struct facts facts;
    struct report report;
    int rc;

    config_init(&config, &arena);
    set_size(&config, "--tensor-model-parallel-size", layout->tp);
    set_size(&config, "--pipeline-model-parallel-size", layout->pp);
    set_size(&config, "--expert-model-parallel-size", layout->ep);
    config.world = (struct config_size) { .value = layout->world };
    rc = (asking->preset->deepseek ? deepseek_read : hf_read)(&config, asking->preset->name, err);
    if (rc == 0) {
        config_assume(&config);
        config_launch(&config, "pretrain_gpt.py", 0, NULL, &launch);
        facts_init(&facts);
        facts.megatron = (struct fact_str) { true, asking->megatron, "--megatron" };
        if (asking->gpu)
            facts.gpu = (struct fact_str) { true, asking->gpu, "--gpu" };
        config_facts(&config, &facts);
        facts_from_gpu(&facts);
        policy_init(&policy);
        verdict_decide(&(struct request) { .launch = &launch, .facts = &facts, .policy = &policy, .extra = &none },
                       &arena, &report);
        take_report(&report, layout);
        layout->world = launch.world.value;
        layout->tp = config_int(&config, "--tensor-model-parallel-size", 1);
        layout->pp = config_int(&config, "--pipeline-model-parallel-size", 1);
        layout->ep = config_int(&config, "--expert-model-parallel-size", 1);
    }
    arena_release(&arena);
    return rc;
}

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

/* --- the selector ------------------------------------------------------------------------------- */

/* TP stays 1: at these sizes experts and stages cost less. The fewest stages, then the most ranks for the
 * experts, that fit; where none does, the layout that needs least. */
static int best_layout(const struct asking *asking, int64_t gpus, struct layout *best, struct error *err)
{
    memset(best, 0, sizeof(*best));
    for (int64_t pp = 1; pp <= gpus && pp <= 16; pp *= 2) {
        for (int64_t ep = 64; ep; ep /= 2) {
            struct layout layout = { .world = gpus, .tp = 1, .pp = pp, .ep = ep };

            if (best->verdict == VERDICT_GO && best->peak_bytes)
                return 0;
            if (gpus % (pp * ep))
                continue;
            if (decide(asking, &layout, err) < 0)
                return -1;
            if (layout.rules_hold && layout.peak_bytes &&
                (!best->peak_bytes || layout.verdict == VERDICT_GO ||
                 layout.peak_bytes < best->peak_bytes))
                *best = layout;
        }
    }
    return 0;
}

static int select_models(const struct cli *cli, struct asking *asking, struct error *err)
{
    printf("%-18s %10s  %3s %3s %3s %9s of %-9s\n", "", "parameters", "TP", "PP", "EP", "peak", cli->gpu);
    for (size_t i = 0; i < preset_count; i++) {
        struct layout best;

        asking->preset = &presets[i];
        if (!presets[i].deepseek)
            continue;
        if (best_layout(asking, cli->world_size, &best, err) < 0)
            return -1;
        if (!best.peak_bytes)
            printf("%-18s no layout of %lld GPUs that Megatron starts\n", presets[i].name,
                   (long long)cli->world_size);
        else
            printf("%-18s %8.2f B  %3lld %3lld %3lld %9.1f of %.1f GiB  %s\n", presets[i].name,
                   best.parameters / 1e9, (long long)best.tp, (long long)best.pp, (long long)best.ep,
                   gib(best.peak_bytes), gib(best.usable_bytes),
                   best.verdict == VERDICT_GO   ? "fits" :
                   best.verdict == VERDICT_WARN ? "fits, nearly full" :
                                                  "does not fit");
    }
    return 0;
}

/* --- the list ----------------------------------------------------------------------------------- */

static int list_presets(struct asking *asking, bool deepseek, struct error *err)
{
    for (size_t i = 0; i < preset_count; i++) {
        struct layout own = { .world = deepseek ? 0 : 1 };

        if (presets[i].deepseek != deepseek)
            continue;
        asking->preset = &presets[i];
        if (decide(asking, &own, err) < 0)
            return -1;
        printf("  %-22s %9.2f B", presets[i].name, own.parameters / 1e9);
        if (deepseek)
            printf("  %4lld GPUs of %5.1f GiB  TP %lld PP %lld EP %-3lld peak %5.1f GiB", (long long)own.world,
                   gib(own.usable_bytes), (long long)own.tp, (long long)own.pp, (long long)own.ep,
                   gib(own.peak_bytes));
        putchar('\n');
    }
    return 0;
}

static void list_gpt_models(void)
{
    printf("  %-6s %5s %6s %6s  %3s %3s %3s %4s %5s %6s %7s %8s %3s %9s\n", "", "heads", "hidden", "layers", "TP",
           "PP", "DP", "MP", "GPUs", "micro", "global", "TFLOP/s", "%", "PFLOP/s");
    for (size_t i = 0; i < gpt_model_count; i++) {
        const struct gpt_model *m = &gpt_models[i];

        printf("  %-6s %5d %6d %6d  %3d %3d %3d %4d %5d %6d %7d %8d %3d %9.1f\n", m->name, m->heads, m->hidden,
               m->layers, m->tp, m->pp, m->dp, m->mp, m->gpus, m->micro_batch, m->global_batch, m->tflops,
               m->percent, m->aggregate);
    }
}

static int list(struct asking *asking, struct error *err)
{
    puts("DeepSeek-V3 style sizes (--deepseek NAME):");
    if (list_presets(asking, true, err) < 0)
        return -1;
    puts("published models (--hf NAME):");
    if (list_presets(asking, false, err) < 0)
        return -1;
    puts("GPT models of 2021 (arXiv:2104.04473), A100-80GB; TFLOP/s of one GPU, PFLOP/s of all:");
    list_gpt_models();
    return 0;
}

static int print_preset(const char *name, struct error *err)
{
    const struct preset *preset = preset_find(name);

    if (!preset)
        return error_set(err, "no model '%s'; 'megatron-preflight models' lists them", name);
    fputs(preset->text, stdout);
    return 0;
}

static int run(const struct cli *cli, struct error *err)
{
    struct asking asking = { .megatron = cli->megatron ? cli->megatron : "main", .gpu = cli->gpu };

    if (cli->argc)
        return print_preset(cli->argv[0], err);
    if (release_parse(asking.megatron) == RELEASE_UNKNOWN)
        return error_set(err, "--megatron: no table for '%s'", asking.megatron);
    if (cli->gpu && !gpu_find(cli->gpu))
        return error_set(err, "--gpu: '%s' is not in the table", cli->gpu);
    if (!cli->world_size != !cli->gpu)
        return error_set(err, "--gpus N and --gpu NAME go together");
    return cli->world_size ? select_models(cli, &asking, err) : list(&asking, err);
}

int models_command(const struct cli *cli)
{
    struct error err;

    if (run(cli, &err) == 0)
        return 0;
    fprintf(stderr, "megatron-preflight: %s\n", err.text);
    return 2;
}
