#include "launch/trainer.h"

#include <string.h>

#include "base/word_list.h"
#include "launch/launchers.h"

/* Frameworks that run Megatron inside, with settings of their own: their modules ("verl" is
 * "verl.trainer.main_ppo", too), scripts, or an option that only they have. */
static const struct {
    const char *modules, *scripts, *option;
    const char *why;
} strangers[] = {
    { .modules = "verl",
      .scripts = "main_ppo.py main_generation.py",
      .why = "verl takes Megatron's settings from Hydra overrides, not from options" },
    { .option = "--actor-num-gpus-per-node",
      .why = "slime starts Megatron inside ray actors, with settings that it derives itself" },
    { .modules = "megatron.bridge",
      .scripts = "run_recipe.py run_script.py setup_experiment.py",
      .why =
          "Megatron-Bridge takes Megatron's settings from a recipe in Python, not from options" },
    { .modules = "nemo nemo_run",
      .scripts = "megatron_gpt_pretraining.py",
      .why = "NeMo takes Megatron's settings from a recipe or from YAML, not from options" },
    { .modules = "primus",
      .scripts = "primus-cli",
      .why = "Primus takes Megatron's settings from its YAML files, not from options" },
    { .modules = "swift", .why = "ms-swift translates its own options to Megatron's" },
};

/* Options that no other trainer is likely to have. */
static const char megatrons[] =
    "--num-layers --hidden-size --num-attention-heads --max-position-embeddings --seq-length "
    "--tensor-model-parallel-size --use-checkpoint-args --pipeline-model-parallel-size "
    "--hybrid-layer-pattern --hybrid-override-pattern --micro-batch-size --tokenizer-type "
    "--yaml-cfg";

/* Megatron's parser also serves tools and servers, which train nothing: their memory and their
 * defaults are others. */
static const char trainings[] = "--train-iters --train-samples --yaml-cfg";

static bool has_any(const struct launch *launch, const char *options)
{
    for (int i = 0; i < launch->argc; i++)
        if (word_list_has_n(options, launch->argv[i], strcspn(launch->argv[i], "=")))
            return true;
    return false;
}

bool launch_script_is_megatrons(const struct launch *launch)
{
    static const char *const entries[] = { "pretrain_gpt.py",   "pretrain_hybrid.py",
                                           "pretrain_mamba.py", "pretrain_vlm.py",
                                           "pretrain_bert.py",  "pretrain_t5.py",
                                           "pretrain_retro.py", "train_rl.py" };

    const char *name = launch->script ? launcher_base_name(launch->script) : "";
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (strcmp(name, entries[i]) == 0 || (launch->module && strncmp(name, entries[i], n) == 0 &&
                                              strcmp(entries[i] + n, ".py") == 0))
            return true;
    return false;
}

/* "verl.trainer.main_ppo" is of "verl". */
static bool of_module(const char *modules, const char *name)
{
    for (size_t n = 0;; n++)
        if ((name[n] == '.' || !name[n]) && word_list_has_n(modules, name, n))
            return true;
        else if (!name[n])
            return false;
}

static const char *stranger(const struct launch *launch)
{
    const char *name = launcher_base_name(launch->script);

    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        if ((launch->module && of_module(strangers[i].modules, launch->script)) ||
            (!launch->module && word_list_has_n(strangers[i].scripts, name, strlen(name))) ||
            (strangers[i].option && has_any(launch, strangers[i].option)))
            return strangers[i].why;
    return NULL;
}

const char *trainer_cannot_know(const struct launch *launch, struct arena *arena)
{
    const char *why = stranger(launch);

    if (why || launch_script_is_megatrons(launch))
        return why;
    if (!has_any(launch, megatrons))
        return arena_printf(arena, "not a Megatron command line: '%s' has no option of Megatron's",
                            launch->script);
    if (!has_any(launch, trainings))
        return arena_printf(arena,
                            "'%s' has neither --train-iters nor --train-samples: it trains nothing",
                            launch->script);
    return NULL;
}
