/* Seventh part of validate_args: types of parameters and gradients, and what graphs of a whole
 * iteration ask of them. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void params_dtype(struct walk *walk)
{
    struct job *job = walk->job;

    job->params_dtype = is_on(job->bf16)   ? "torch.bfloat16"
                        : is_on(job->fp16) ? "torch.float16"
                                           : "torch.float32";
}

/* Dynamic loss scaling finds its scale by overflowing. */
static void fp16_nan_check(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->fp16) && (is_none_float(job->loss_scale) || job->loss_scale == 0))
        job->check_for_nan_in_loss_and_grad = 0;
}

static void bf16_fp32_grads(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->bf16))
        return;
    if (is_on(job->grad_reduce_in_bf16))
        job->accumulate_allreduce_grads_in_fp32 = 0;
    else if (walk->release < RELEASE_0_11_0 || is_word(job->main_grads_dtype, "fp32"))
        job->accumulate_allreduce_grads_in_fp32 = 1;
}

static void rs_fp32_off(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_on(job->accumulate_allreduce_grads_in_fp32))
        return;
    job->ddp_reduce_scatter_with_fp32_accumulation = 0;
    job->gtp_remat_reduce_scatter_with_fp32_accumulation = 0;
}

static enum answer fp16_xor_bf16(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp16) || !is_on(job->bf16))
        return HOLDS;
    return violated(walk, finding, "--fp16 and --bf16 exclude each other");
}

static enum answer main_grads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->bf16) || !is_on(job->accumulate_allreduce_grads_in_fp32))
        return NOT_APPLICABLE;
    if (is_word(job->main_grads_dtype, "fp32"))
        return HOLDS;
    return violated(walk, finding,
                    "--accumulate-allreduce-grads-in-fp32 contradicts '--main-grads-dtype %s'",
                    job->main_grads_dtype);
}

/* Is a whole training iteration one graph? Its name moved from scope to implementation. */
static bool graphs_iteration(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->release >= RELEASE_0_18_2)
        return is_word(job->cuda_graph_impl, "full_iteration");
    if (!list_has(&job->cuda_graph_scope, "full_iteration"))
        return false;
    return walk->release >= RELEASE_0_15_0 ? is_word(job->cuda_graph_impl, "local")
                                           : is_on(job->enable_cuda_graph);
}

/* In 0.15 and 0.16 a graph of the iteration may be an inference step. */
static bool graphs_inference_step(const struct walk *walk)
{
    return (walk->release == RELEASE_0_15_0 || walk->release == RELEASE_0_16_0) &&
           is_on(walk->job->inference_dynamic_batching);
}

static enum answer iteration_nan(struct walk *walk, struct finding *finding)
{
    if (!graphs_iteration(walk) || graphs_inference_step(walk))
        return NOT_APPLICABLE;
    if (!is_on(walk->job->check_for_nan_in_loss_and_grad))
        return HOLDS;
    return violated(walk, finding, "a graph of the whole iteration cannot stop to look for NaN");
}

static bool graphs_inference_block(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->release >= RELEASE_0_18_2)
        return is_word(job->inference_cuda_graph_scope, "block");
    return is_word(job->cuda_graph_impl, "local") &&
           list_has(&job->cuda_graph_scope, "full_iteration_inference");
}

static enum answer inference_fp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->fp8)
        return NOT_APPLICABLE;
    if (graphs_iteration(walk) && graphs_inference_step(walk))
        return violated_at(walk, finding, 0, "a graph of an inference step cannot use fp8");
    if (walk->release < RELEASE_0_17_0 || !graphs_inference_block(walk))
        return NOT_APPLICABLE;
    if (!is_word(job->transformer_impl, "inference_optimized"))
        return violated_at(walk, finding, 0,
                           "inference graphs of whole blocks with fp8 need the inference optimized "
                           "layers, not '--transformer-impl %s'",
                           job->transformer_impl);
    if (is_word(job->fp8_recipe, "mxfp8"))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "inference graphs of whole blocks need '--fp8-recipe mxfp8', not %s",
                       job->fp8_recipe);
}

static enum answer inference_graph_count(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t count = job->inference_dynamic_batching_num_cuda_graphs;

    if (!is_word(job->cuda_graph_impl, "local"))
        return NOT_APPLICABLE;
    if (count > 0 || count == -1)
        return HOLDS;
    return violated(walk, finding, "%" PRId64 " inference graphs", count);
}

static const struct rule rows[] = {
    { .id = "fp16-xor-bf16",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--fp16 --bf16",
      .check = fp16_xor_bf16,
      .what = "--fp16 excludes --bf16",
      .why = "Parameters have one type.",
      .fix = "keep one of the two" },
    { .id = "params-dtype",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = params_dtype,
      .what = "parameters are fp32 unless --bf16 or --fp16",
      .why = "There is no other default at any release." },
    { .id = "fp16-nan-check",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = fp16_nan_check,
      .what = "--fp16 without --loss-scale turns the NaN check off",
      .why = "Dynamic loss scaling finds its scale by overflowing." },
    { .id = "main-grads-acc",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .options = "--accumulate-allreduce-grads-in-fp32 --main-grads-dtype",
      .check = main_grads,
      .what = "gradients accumulated in fp32 are kept in fp32",
      .why = "With --bf16 both options name the same buffer.",
      .fix = "remove one of the two" },
    { .id = "bf16-fp32-grads",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = bf16_fp32_grads,
      .what = "--bf16 accumulates and reduces gradients in fp32",
      .why = "Unless --grad-reduce-in-bf16 (0.12) or --main-grads-dtype bf16 (0.11)." },
    { .id = "rs-fp32-off",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .adjust = rs_fp32_off,
      .what = "reduce-scatters with fp32 accumulation are off when gradients are fp32",
      .why = "They would cost a buffer and gain nothing." },
    { .id = "cg-fulliter-nan",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "--cuda-graph-impl --cuda-graph-scope --cuda-graph-modules --enable-cuda-graph",
      .check = iteration_nan,
      .what = "a graph of the whole iteration excludes the NaN check",
      .why = "The check reads values on the host in the middle of the iteration.",
      .fix = "--no-check-for-nan-in-loss-and-grad" },
    { .id = "cg-block-fp8",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--fp8-format --fp8-recipe --transformer-impl --inference-cuda-graph-scope "
                 "--cuda-graph-scope",
      .check = inference_fp8,
      .what = "inference graphs of whole blocks use fp8 only with mxfp8 and inference "
              "optimized layers",
      .why = "Other recipes keep state outside the graph.",
      .fix = "--transformer-impl inference_optimized --fp8-recipe mxfp8, or remove "
             "--fp8-format" },
    { .id = "cg-inference-count",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .options = "--inference-dynamic-batching-num-cuda-graphs",
      .check = inference_graph_count,
      .what = "the number of inference graphs is positive, or -1",
      .why = "-1 derives it from the number of requests.",
      .fix = "--inference-dynamic-batching-num-cuda-graphs 16" },
};

const struct rule_section validate_precision_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
