/* After the model: wrapping in DDP or FSDP, the optimizer, the learning rate's schedule. */
#include <inttypes.h>

#include "megatron/layer_pattern.h"
#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static enum answer avg_collective(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->calculate_per_token_loss))
        return NOT_APPLICABLE;
    return is_on(walk->job->ddp_average_in_collective) ? VIOLATED : HOLDS;
}

static enum answer instances_need_dopt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (value_or(job->num_distributed_optimizer_instances, 1) <= 1 || is_on(job->use_torch_fsdp2) ||
        is_on(job->use_megatron_fsdp))
        return NOT_APPLICABLE;
    if (is_on(job->use_distributed_optimizer) || is_on(job->use_layer_wise_distributed_optimizer))
        return HOLDS;
    return violated(walk, finding,
                    "%" PRId64 " distributed optimizer instances need "
                    "--use-distributed-optimizer",
                    job->num_distributed_optimizer_instances);
}

static bool fsdp_version(const struct job *job, int64_t version)
{
    return is_on(job->use_megatron_fsdp) && value_or(job->megatron_fsdp_version, 1) == version;
}

static enum answer fsdp_fused_gradients(struct walk *walk, struct finding *finding)
{
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!fsdp_version(walk->job, 1) || !is_on(walk->job->gradient_accumulation_fusion))
        return NOT_APPLICABLE;
    if (!package_is_older(te, "2.10"))
        return HOLDS;
    return violated(walk, finding,
                    "Megatron-FSDP with fused gradient accumulation (on by default) needs "
                    "Transformer Engine 2.10, %s is installed",
                    te->value);
}

static enum answer fsdp_overlap(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!fsdp_version(job, 1) || !is_on(job->overlap_moe_expert_parallel_comm))
        return NOT_APPLICABLE;
    if (is_on(job->fsdp_double_buffer))
        return violated_at(walk, finding, 0,
                           "--overlap-moe-expert-parallel-comm does not work with "
                           "Megatron-FSDP's double buffer");
    if (is_word(job->cuda_graph_impl, "none") || is_word(job->cuda_graph_impl, "full_iteration"))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--overlap-moe-expert-parallel-comm under Megatron-FSDP does not work "
                       "with CUDA graphs of layers");
}

static enum answer fsdp_v2(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct {
        bool wrong;
        const char *what;
    } limits[] = {
        { job->tensor_model_parallel_size != 1, "TP is not 1" },
        { job->pipeline_model_parallel_size != 1, "PP is not 1" },
        { job->context_parallel_size != 1, "CP is not 1" },
        { job->data_parallel_sharding_strategy &&
              !is_word(job->data_parallel_sharding_strategy, "optim_grads_params"),
          "--data-parallel-sharding-strategy is not optim_grads_params" },
        { job->outer_dp_sharding_strategy && !is_word(job->outer_dp_sharding_strategy, "no_shard"),
          "--outer-dp-sharding-strategy is not no_shard" },
        { is_on(job->gradient_accumulation_fusion), "gradient accumulation is fused" },
        { is_on(job->calculate_per_token_loss), "--calculate-per-token-loss is given" },
        { job->fp8 || job->fp4, "training is in fp8 or fp4" },
        { job->cuda_graph_impl && !is_word(job->cuda_graph_impl, "none"), "CUDA graphs are on" },
        { is_set(job->ddp_num_buckets), "--ddp-num-buckets is given" },
        { is_on(job->delay_wgrad_compute), "--delay-wgrad-compute is given" },
        { is_on(job->fsdp_manual_registration), "--fsdp-manual-registration is given" },
        { is_on(job->data_parallel_random_init), "--data-parallel-random-init is given" },
    };
    const char *faults = NULL;

    if (!fsdp_version(job, 2))
        return NOT_APPLICABLE;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (limits[i].wrong)
            faults = faults ? arena_printf(walk->arena, "%s; %s", faults, limits[i].what)
                            : limits[i].what;
    if (!faults)
        return HOLDS;
    return violated(walk, finding, "--megatron-fsdp-version 2 does not work here: %s", faults);
}

static enum answer pao_dopt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_precision_aware_optimizer) || fsdp_version(job, 2) ||
        (!is_word(job->optimizer, "adam") && !is_word(job->optimizer, "sgd")))
        return NOT_APPLICABLE;
    if (is_on(job->use_distributed_optimizer))
        return HOLDS;
    return violated(walk, finding,
                    "--use-precision-aware-optimizer needs --use-distributed-optimizer");
}

static enum answer dopt_adam(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_distributed_optimizer) || is_on(job->use_megatron_fsdp) ||
        is_on(job->optimizer_cpu_offload))
        return NOT_APPLICABLE;
    if (!is_word(job->optimizer, "sgd"))
        return HOLDS;
    return violated(walk, finding,
                    "--use-distributed-optimizer does not work with --optimizer sgd");
}

static bool emerging(const struct job *job)
{
    return job->optimizer && !is_word(job->optimizer, "adam") && !is_word(job->optimizer, "sgd");
}

static enum answer muon(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!emerging(job))
        return NOT_APPLICABLE;
    if (is_on(job->fp16))
        return violated_at(walk, finding, 0, "--optimizer %s does not work with --fp16",
                           job->optimizer);
    if (is_on(job->use_layer_wise_distributed_optimizer) &&
        is_on(job->overlap_param_gather_with_optimizer_step))
        return violated_at(walk, finding, 1,
                           "--optimizer %s with --use-distributed-optimizer does not work with "
                           "--overlap-param-gather-with-optimizer-step",
                           job->optimizer);
    if (is_on(job->use_layer_wise_distributed_optimizer) &&
        value_or(job->num_distributed_optimizer_instances, 1) > 1)
        return violated_at(
            walk, finding, 2,
            "--optimizer %s with --use-distributed-optimizer does not work with %" PRId64
            " distributed optimizer instances",
            job->optimizer, job->num_distributed_optimizer_instances);
    return HOLDS;
}

static bool trains(const struct walk *walk)
{
    return !is_on(walk->job->skip_train) && !is_on(walk->job->perform_rl_step);
}

static enum answer train_length(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!trains(walk) || is_nonzero(job->train_iters) || is_nonzero(job->train_samples))
        return HOLDS;
    finding->severity = severity_of_seen_trainer(walk);
    return violated(walk, finding, "neither --train-iters nor --train-samples is given");
}

static enum answer lr_required(struct walk *walk, struct finding *finding)
{
    if (!trains(walk) || !is_none_float(walk->job->lr))
        return HOLDS;
    finding->severity = severity_of_seen_trainer(walk);
    return violated(walk, finding, "--lr is not given");
}

static enum answer lr_order(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!trains(walk) || is_none_float(job->lr))
        return NOT_APPLICABLE;
    if (!is_none_float(job->min_lr) && job->min_lr < 0)
        return violated_at(walk, finding, 20, "--min-lr %g is negative", job->min_lr);
    if (!is_none_float(job->min_lr) && job->min_lr > job->lr)
        return violated_at(walk, finding, 21, "--min-lr %g is above --lr %g", job->min_lr, job->lr);
    if (!is_none_float(job->lr_warmup_init) && job->lr_warmup_init > job->lr)
        return violated_at(walk, finding, 22, "--lr-warmup-init %g is above --lr %g",
                           job->lr_warmup_init, job->lr);
    return HOLDS;
}

/* Decay and warm-up in the unit of training: iterations or samples. */
static bool schedule_of(const struct job *job, double *decay, double *warmup, const char **unit)
{
    bool iterations = is_nonzero(job->train_iters);
    int64_t length = iterations ? job->train_iters : job->train_samples;
    int64_t given = iterations ? job->lr_decay_iters : job->lr_decay_samples;
    int64_t first = iterations ? job->lr_warmup_iters : job->lr_warmup_samples;

    if (!is_nonzero(length))
        return false;
    *decay = (double)value_or(given, length);
    *warmup = is_none_float(job->lr_warmup_fraction) ? (double)value_or(first, 0)
                                                     : job->lr_warmup_fraction * *decay;
    *unit = iterations ? "iterations" : "samples";
    return true;
}

static enum answer lr_decay(struct walk *walk, struct finding *finding)
{
    const char *unit;
    double decay, warmup;

    if (!trains(walk) || !schedule_of(walk->job, &decay, &warmup, &unit))
        return NOT_APPLICABLE;
    finding->severity = severity_of_seen_trainer(walk);
    if (decay <= 0)
        return violated_at(walk, finding, 0, "the learning rate decays over %.0f %s", decay, unit);
    if (warmup < decay)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "the learning rate warms up for %.0f %s, but has decayed after %.0f already",
                       warmup, unit, decay);
}

static enum answer lr_wsd(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool iterations = is_nonzero(job->train_iters);

    if (!trains(walk) || !is_word(job->lr_decay_style, "WSD"))
        return NOT_APPLICABLE;
    if (is_set(iterations ? job->lr_wsd_decay_iters : job->lr_wsd_decay_samples))
        return HOLDS;
    return violated(walk, finding, "--lr-decay-style WSD needs --lr-wsd-decay-%s",
                    iterations ? "iters" : "samples");
}

static enum answer wd_style(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    double start = job->start_weight_decay, end = job->end_weight_decay;

    if (!trains(walk) || is_none_float(start) || is_none_float(end))
        return NOT_APPLICABLE;
    if (start >= 0 && end >= start)
        return HOLDS;
    return violated_at(walk, finding, 20,
                       "weight decay goes from %g to %g, but may only rise from 0 or more", start,
                       end);
}

static enum answer sched_override(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!trains(walk) || !is_on(job->override_opt_param_scheduler))
        return NOT_APPLICABLE;
    return is_on(job->use_checkpoint_opt_param_scheduler) ? VIOLATED : HOLDS;
}

static const struct rule rows[] = {
    { .id = "mfsdp-grad-fusion",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = fsdp_fused_gradients,
      .options = "--use-megatron-fsdp --no-gradient-accumulation-fusion",
      .what = "Megatron-FSDP with fused gradient accumulation needs Transformer Engine 2.10",
      .why = "The fusion writes into its buffers.",
      .fix = "--no-gradient-accumulation-fusion" },
    { .id = "mfsdp-epoverlap",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = fsdp_overlap,
      .options = "--overlap-moe-expert-parallel-comm --use-megatron-fsdp --fsdp-double-buffer",
      .what = "expert overlap under Megatron-FSDP excludes double buffers and graphs of layers",
      .why = "Parameters are gathered while others compute.",
      .fix = "drop --fsdp-double-buffer" },
    { .id = "mfsdp-v2-limits",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = fsdp_v2,
      .options = "--megatron-fsdp-version",
      .what = "--megatron-fsdp-version 2 shards everything and works with little else",
      .why = "It is young.",
      .fix = "--megatron-fsdp-version 1" },
    { .id = "avg-collective-ptl",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = avg_collective,
      .options = "--calculate-per-token-loss --ddp-average-in-collective",
      .what = "--calculate-per-token-loss excludes --ddp-average-in-collective",
      .why = "Ranks have different numbers of tokens to average over.",
      .fix = "drop --ddp-average-in-collective" },
    { .id = "dopt-instances-needs-dopt",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = instances_need_dopt,
      .options = "--num-distributed-optimizer-instances --use-distributed-optimizer",
      .what = "--num-distributed-optimizer-instances needs --use-distributed-optimizer",
      .why = "Instances are of that optimizer.",
      .fix = "add --use-distributed-optimizer" },
    { .id = "pao-dopt",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = pao_dopt,
      .options = "--use-precision-aware-optimizer",
      .needs = "pao-adam",
      .what = "--use-precision-aware-optimizer needs --use-distributed-optimizer",
      .why = "Only its states can have other types.",
      .fix = "add --use-distributed-optimizer" },
    { .id = "dopt-adam",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = dopt_adam,
      .options = "--use-distributed-optimizer --optimizer",
      .what = "--use-distributed-optimizer excludes --optimizer sgd",
      .why = "It saves and loads the states of Adam.",
      .fix = "--optimizer adam, or drop --use-distributed-optimizer" },
    { .id = "muon",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = muon,
      .options = "--optimizer --fp16 --overlap-param-gather-with-optimizer-step "
                 "--num-distributed-optimizer-instances",
      .what = "optimizers other than adam and sgd exclude fp16 and, layer-wise, several instances",
      .why = "They work on whole matrices.",
      .fix = "--optimizer adam" },
    { .id = "train-length",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = train_length,
      .options = "--train-iters --train-samples",
      .what = "--train-iters or --train-samples is given",
      .why = "The schedule is as long as training.",
      .fix = "add --train-iters" },
    { .id = "lr-required",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = lr_required,
      .options = "--lr",
      .what = "--lr is given",
      .why = "There is no default.",
      .fix = "add --lr" },
    { .id = "lr-order",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = lr_order,
      .options = "--lr --min-lr --lr-warmup-init",
      .needs = "lr-order",
      .what = "0 <= --min-lr <= --lr, and --lr-warmup-init <= --lr",
      .why = "The schedule goes from one to the other.",
      .fix = "a smaller --min-lr" },
    { .id = "lr-decay",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = lr_decay,
      .options = "--lr-warmup-iters --lr-warmup-samples --lr-warmup-fraction --lr-decay-iters "
                 "--lr-decay-samples --train-iters --train-samples",
      .needs = "iters-xor-samples",
      .what = "warm-up is shorter than decay, which is as long as training unless given",
      .why = "The learning rate cannot fall before it has risen.",
      .fix = "a shorter warm-up" },
    { .id = "lr-wsd",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = lr_wsd,
      .options = "--lr-decay-style --lr-wsd-decay-iters --lr-wsd-decay-samples",
      .what = "--lr-decay-style WSD needs --lr-wsd-decay-iters or -samples",
      .why = "The length of its last phase.",
      .fix = "add --lr-wsd-decay-iters" },
    { .id = "wd-style",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = wd_style,
      .needs = "wd-style",
      .options = "--weight-decay --start-weight-decay --end-weight-decay",
      .what = "weight decay rises from 0 or more",
      .why = "It may only grow during training.",
      .fix = "0 <= --start-weight-decay <= --end-weight-decay" },
    { .id = "sched-override",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = sched_override,
      .options = "--override-opt_param-scheduler --override-opt-param-scheduler "
                 "--use-checkpoint-opt_param-scheduler --use-checkpoint-opt-param-scheduler",
      .what = "--override-opt_param-scheduler excludes --use-checkpoint-opt_param-scheduler",
      .why = "Either the options or the checkpoint decide.",
      .fix = "drop one of the two" },
};

const struct rule_section model_training_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
