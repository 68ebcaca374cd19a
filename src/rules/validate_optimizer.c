/* Tenth part of validate_args: optimizers, checkpoints, inference, upcycling, offloading. */
#include "rules/sections.h"
#include "rules/truth.h"

static void layer_wise_optimizer(struct walk *walk)
{
    struct job *job = walk->job;

    job->use_layer_wise_distributed_optimizer = 0;
    if (is_word(job->optimizer, "sgd") || is_word(job->optimizer, "adam"))
        return;
    if (is_word(job->optimizer, "dist_muon")) {
        job->optimizer = "muon";
        job->use_layer_wise_distributed_optimizer = 1;
    }
    if (is_on(job->use_distributed_optimizer)) {
        job->use_layer_wise_distributed_optimizer = 1;
        job->use_distributed_optimizer = 0;
    }
}

static void fake_process_group(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->fake_process_group))
        return;
    job->check_for_nan_in_loss_and_grad = 0;
    if (walk->release < RELEASE_0_17_0)
        job->enable_gloo_process_groups = 0;
    else
        job->use_gloo_process_groups = 0;
}

static void async_save_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->use_dist_ckpt) && is_on(job->async_save) &&
        !is_on(job->use_persistent_ckpt_worker))
        job->async_save = 0;
    if (walk->release >= RELEASE_0_18_2 && !is_on(job->async_save))
        job->async_strategy = "mcore";
}

static void freeze_all(struct walk *walk)
{
    if (!is_on(walk->job->freeze_all_layers))
        return;
    walk->job->use_distributed_optimizer = 0;
    walk->job->overlap_param_gather = 0;
}

static void upcycling_loads_nothing(struct walk *walk)
{
    if (!is_on(walk->job->moe_use_upcycling))
        return;
    walk->job->no_load_optim = 1;
    walk->job->no_load_rng = 1;
}

static void skip_train_no_optim(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->skip_train) &&
        (walk->release < RELEASE_0_17_0 || !is_on(job->perform_rl_step)))
        job->no_load_optim = 1;
}

static void replication_jump_ignored(struct walk *walk)
{
    if (!is_on(walk->job->replication) && is_nonzero(walk->job->replication_jump))
        walk->job->replication_jump = NONE_INT;
}

static const struct rule rows[] = {
    { .id = "muon-dopt", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2, .until = RELEASE_MAIN,
      .adjust = layer_wise_optimizer,
      .what = "optimizers other than sgd and adam distribute whole matrices",
      .why = "--use-distributed-optimizer becomes the layer-wise optimizer." },
    { .id = "fake-pg", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0, .until = RELEASE_MAIN,
      .adjust = fake_process_group,
      .what = "--fake-process-group turns the NaN check and Gloo groups off",
      .why = "Nothing real is communicated." },
    { .id = "async-save", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0, .until = RELEASE_MAIN,
      .adjust = async_save_off,
      .what = "--async-save is off without --use-persistent-ckpt-worker",
      .why = "Megatron warns and saves synchronously." },
    { .id = "freeze-all", .stage = STAGE_VALIDATE, .since = RELEASE_0_19_0, .until = RELEASE_MAIN,
      .adjust = freeze_all,
      .what = "--freeze-all-layers turns the distributed optimizer and its overlap off",
      .why = "Nothing is trained." },
    { .id = "upcycling-loads-nothing", .stage = STAGE_VALIDATE, .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN, .adjust = upcycling_loads_nothing,
      .what = "--moe-use-upcycling loads neither optimizer nor random state",
      .why = "The dense checkpoint has none that fits." },
    { .id = "skip-train", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0, .until = RELEASE_MAIN,
      .adjust = skip_train_no_optim, .what = "--skip-train does not load the optimizer",
      .why = "Except for inference only runs of reinforcement learning (0.17)." },
    { .id = "replication-jump", .stage = STAGE_VALIDATE, .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN, .adjust = replication_jump_ignored,
      .what = "--replication-jump without --replication is ignored",
      .why = "Megatron warns and forgets the value." },
};

const struct rule_section validate_optimizer_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
