/* The configs of DDP and optimizer. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/truth.h"

static enum answer mxfp8_grad_buffer(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->reuse_grad_buf_for_mxfp8_param_ag) || is_on(job->use_torch_fsdp2))
        return NOT_APPLICABLE;
    if (is_on(job->fp8_param_gather))
        return HOLDS;
    return violated(walk, finding,
                    "--reuse-grad-buf-for-mxfp8-param-ag shares the buffer of fp8 "
                    "parameters, but --fp8-param-gather is not given");
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    while (text) {
        if (strncmp(text, word, length) == 0 && (text[length] == ',' || !text[length]))
            return true;
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
    return false;
}

static enum answer nccl_buffers(struct walk *walk, struct finding *finding)
{
    const struct facts *facts = walk->facts;
    bool newer_torch = walk->release >= RELEASE_0_18_2 &&
                       (!facts->torch.known || !package_is_older(&facts->torch, "2.11.0a0"));

    if (!is_on(walk->job->nccl_ub) || newer_torch)
        return NOT_APPLICABLE;
    if (!has_word(environment_get(&facts->environment, "PYTORCH_CUDA_ALLOC_CONF"),
                  "expandable_segments:True"))
        return HOLDS;
    return violated(walk, finding,
                    "--use-nccl-ub registers memory that does not move, but "
                    "PYTORCH_CUDA_ALLOC_CONF says expandable_segments:True");
}

static enum answer fp32_local_patterns(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (job->ddp_param_name_patterns_for_fp32_local_accumulation.count <= 0)
        return NOT_APPLICABLE;
    if (!is_on(job->accumulate_allreduce_grads_in_fp32))
        return HOLDS;
    return violated(walk, finding,
                    "all gradients are already accumulated in fp32, so no patterns for "
                    "it may be given");
}

static enum answer num_buckets(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_set(job->ddp_num_buckets) || is_on(job->use_torch_fsdp2))
        return NOT_APPLICABLE;
    if (is_set(job->ddp_bucket_size))
        return violated_at(walk, finding, 0,
                           "--ddp-num-buckets %" PRId64 " and --ddp-bucket-size %" PRId64
                           " both size the buckets",
                           job->ddp_num_buckets, job->ddp_bucket_size);
    if (job->ddp_num_buckets > 0)
        return HOLDS;
    return violated_at(walk, finding, 1, "--ddp-num-buckets %" PRId64 " is not positive",
                       job->ddp_num_buckets);
}

static enum answer opgos_mxfp8(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!is_on(walk->job->overlap_param_gather_with_optimizer_step))
        return NOT_APPLICABLE;
    return is_on(walk->job->reuse_grad_buf_for_mxfp8_param_ag) ? VIOLATED : HOLDS;
}

static enum answer pao_adam(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_precision_aware_optimizer))
        return NOT_APPLICABLE;
    if (is_word(job->optimizer, "adam"))
        return HOLDS;
    return violated(walk, finding, "--use-precision-aware-optimizer is for adam, not for '%s'",
                    job->optimizer);
}

static enum answer pao_dopt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_precision_aware_optimizer))
        return NOT_APPLICABLE;
    if (is_on(job->use_distributed_optimizer) || is_on(job->use_layer_wise_distributed_optimizer))
        return HOLDS;
    if (walk->release >= RELEASE_MAIN && is_on(job->use_megatron_fsdp))
        return HOLDS;
    return violated(walk, finding,
                    "--use-precision-aware-optimizer needs --use-distributed-optimizer");
}

static enum answer state_dtypes(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct {
        const char *option, *dtype;
    } states[] = {
        { "--main-grads-dtype", job->main_grads_dtype },
        { "--main-params-dtype", job->main_params_dtype },
        { "--exp-avg-dtype", job->exp_avg_dtype },
        { "--exp-avg-sq-dtype", job->exp_avg_sq_dtype },
    };

    if (is_on(job->use_precision_aware_optimizer))
        return NOT_APPLICABLE;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (states[i].dtype && strcmp(states[i].dtype, "fp32") != 0)
            return violated(walk, finding, "%s %s needs --use-precision-aware-optimizer",
                            states[i].option, states[i].dtype);
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "reuse-grad-buf",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mxfp8_grad_buffer,
      .options = "--reuse-grad-buf-for-mxfp8-param-ag --fp8-param-gather",
      .what = "--reuse-grad-buf-for-mxfp8-param-ag needs --fp8-param-gather",
      .why = "Gathered parameters and gradients share a buffer.",
      .fix = "drop --reuse-grad-buf-for-mxfp8-param-ag" },
    { .id = "nccl-ub-expandable",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = nccl_buffers,
      .options = "--use-nccl-ub $PYTORCH_CUDA_ALLOC_CONF",
      .what = "--use-nccl-ub excludes expandable segments before torch 2.11",
      .why = "NCCL keeps the addresses of registered buffers.",
      .fix = "drop expandable_segments:True from PYTORCH_CUDA_ALLOC_CONF, or --use-nccl-ub" },
    { .id = "fp32-local-patterns",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = fp32_local_patterns,
      .options = "--ddp-param-name-patterns-for-fp32-local-accumulation --grad-reduce-in-bf16",
      .what = "patterns for fp32 accumulation need gradients in bf16",
      .why = "They make exceptions from it.",
      .fix = "add --grad-reduce-in-bf16, or drop the patterns" },
    { .id = "num-buckets",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = num_buckets,
      .options = "--ddp-num-buckets --ddp-bucket-size",
      .what = "--ddp-num-buckets is positive and excludes --ddp-bucket-size",
      .why = "One follows from the other.",
      .fix = "drop one of the two" },
    { .id = "opgos-mxfp8",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = opgos_mxfp8,
      .options = "--overlap-param-gather-with-optimizer-step --reuse-grad-buf-for-mxfp8-param-ag",
      .what = "--overlap-param-gather-with-optimizer-step excludes sharing the gradient buffer",
      .why = "Parameters would be gathered into gradients still in use.",
      .fix = "drop one of the two" },
    { .id = "pao-adam",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = pao_adam,
      .options = "--use-precision-aware-optimizer --optimizer",
      .what = "--use-precision-aware-optimizer needs --optimizer adam",
      .why = "The fused kernel is Adam's.",
      .fix = "drop --use-precision-aware-optimizer" },
    { .id = "pao-dopt",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_0_19_0,
      .check = pao_dopt,
      .needs = "pao-adam",
      .options = "--use-precision-aware-optimizer",
      .what = "--use-precision-aware-optimizer needs --use-distributed-optimizer",
      .why = "Only its states can have other types.",
      .fix = "add --use-distributed-optimizer" },
    { .id = "state-dtypes",
      .stage = STAGE_INIT,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = state_dtypes,
      .options = "--main-grads-dtype --main-params-dtype --exp-avg-dtype --exp-avg-sq-dtype",
      .what = "optimizer states other than fp32 need --use-precision-aware-optimizer",
      .why = "The plain optimizer knows fp32.",
      .fix = "add --use-distributed-optimizer --use-precision-aware-optimizer" },
};

const struct rule_section optimizer_config_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
