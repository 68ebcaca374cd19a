#include "advise/repairs.h"

#include <stdlib.h>
#include <string.h>

#include "advise/remedies.h"

/* --- values ---------------------------------------------------------------------------------- */

enum { MOST_RANKS = 1 << 20 };

static int64_t at_least_one(int64_t value)
{
    return value > 0 ? value : 1;
}

/* The n-th divisor of 'whole' (not 'from'), nearest to 'from' first, larger before smaller. */
static bool nearest_divisor(int64_t whole, int64_t from, int n, int64_t *value)
{
    if (whole <= 0 || whole > MOST_RANKS || from <= 0 || from > MOST_RANKS)
        return false;
    for (int64_t distance = 1; distance <= whole + from; distance++) {
        for (int side = 1; side >= -1; side -= 2) {
            int64_t divisor = from + side * distance;

            if (divisor < 1 || divisor > whole || whole % divisor != 0)
                continue;
            if (n-- == 0) {
                *value = divisor;
                return true;
            }
        }
    }
    return false;
}

/* The n-th multiple of 'unit' nearest to 'from', larger first. */
static bool nearest_multiple(int64_t unit, int64_t from, int n, int64_t *value)
{
    int64_t below;

    if (unit <= 0 || from <= 0 || n > 6)
        return false;
    below = from / unit * unit;
    *value = n % 2 ? below - n / 2 * unit : below + (n / 2 + 1) * unit;
    return *value > 0;
}

static int64_t world(const struct report *report)
{
    return report->launch->world.known ? report->launch->world.value : 0;
}

static bool pipeline_size(const struct report *report, int n, int64_t *value)
{
    return nearest_divisor(report->job->num_layers, report->job->pipeline_model_parallel_size, n,
                           value);
}

static bool pipeline_size_of_world(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    return nearest_divisor(
        world(report) / at_least_one(job->tensor_model_parallel_size * job->context_parallel_size),
        job->pipeline_model_parallel_size, n, value);
}

static bool tensor_size_of_world(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    return nearest_divisor(world(report) / at_least_one(job->pipeline_model_parallel_size *
                                                        job->context_parallel_size),
                           job->tensor_model_parallel_size, n, value);
}

static bool context_size_of_world(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    return nearest_divisor(world(report) / at_least_one(job->tensor_model_parallel_size *
                                                        job->pipeline_model_parallel_size),
                           job->context_parallel_size, n, value);
}

static bool tensor_size_of_heads(const struct report *report, int n, int64_t *value)
{
    return nearest_divisor(report->job->num_attention_heads,
                           report->job->tensor_model_parallel_size, n, value);
}

static bool expert_size(const struct report *report, int n, int64_t *value)
{
    return nearest_divisor(report->job->num_experts, report->job->expert_model_parallel_size, n,
                           value);
}

static bool global_batch(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    if (job->data_parallel_size == NONE_INT || job->micro_batch_size == NONE_INT)
        return false;
    return nearest_multiple(job->micro_batch_size * job->data_parallel_size, job->global_batch_size,
                            n, value);
}

static bool interleaved_batch(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    if (job->data_parallel_size == NONE_INT || job->micro_batch_size == NONE_INT)
        return false;
    return nearest_multiple(job->micro_batch_size * job->data_parallel_size *
                                at_least_one(job->pipeline_model_parallel_size),
                            job->global_batch_size, n, value);
}

static bool eval_batch(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;
    int64_t micro =
        job->eval_micro_batch_size != NONE_INT ? job->eval_micro_batch_size : job->micro_batch_size;
    int64_t global = job->eval_global_batch_size != NONE_INT ? job->eval_global_batch_size
                                                             : job->global_batch_size;

    if (job->data_parallel_size == NONE_INT || micro == NONE_INT || global == NONE_INT)
        return false;
    return nearest_multiple(micro * job->data_parallel_size, global, n, value);
}

static bool sequence(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    return nearest_multiple(2 * at_least_one(job->context_parallel_size) *
                                at_least_one(job->tensor_model_parallel_size),
                            job->seq_length, n, value);
}

static bool positions(const struct report *report, int n, int64_t *value)
{
    *value = report->job->seq_length;
    return n == 0 && *value > 0;
}

static bool length(const struct report *report, int n, int64_t *value)
{
    *value = report->job->max_position_embeddings;
    return n == 0 && *value > 0;
}

static bool rope_period(const struct report *report, int n, int64_t *value)
{
    const struct freq *period = &report->job->no_rope_freq;

    return period->kind == FREQ_INT &&
           nearest_divisor(report->job->num_layers, period->every, n, value);
}

static bool virtual_layers(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;
    int64_t pp = at_least_one(job->pipeline_model_parallel_size);

    return nearest_divisor(job->num_layers / pp, job->num_layers_per_virtual_pipeline_stage, n,
                           value);
}

static bool virtual_stages(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;
    int64_t pp = at_least_one(job->pipeline_model_parallel_size);

    return nearest_divisor(job->num_layers / pp, job->num_virtual_stages_per_pipeline_rank, n,
                           value);
}

static bool topk(const struct report *report, int n, int64_t *value)
{
    *value = report->job->num_experts;
    return n == 0 && *value > 0;
}

/* Numbers of ranks that the model's groups divide. */
static bool rank_count(const struct report *report, int n, int64_t *value)
{
    const struct job *job = report->job;

    return nearest_multiple(job->tensor_model_parallel_size * job->pipeline_model_parallel_size *
                                job->context_parallel_size,
                            world(report), n, value);
}

/* --- the table ---------------------------------------------------------------------------------
 */

#define EDITS(id, text)                                                                            \
    {                                                                                              \
        .rule = id, .edits = text                                                                  \
    }
#define VALUES(id, name, function)                                                                 \
    {                                                                                              \
        .rule = id, .option = name, .candidate = function                                          \
    }

const struct repair repairs[] = {
    VALUES("world-divides-model", "launcher", rank_count),
    VALUES("world-divides-model", "--pipeline-model-parallel-size", pipeline_size_of_world),
    VALUES("world-divides-model", "--tensor-model-parallel-size", tensor_size_of_world),
    VALUES("world-divides-model", "--context-parallel-size", context_size_of_world),
    EDITS("world-divides-expert", "--expert-tensor-parallel-size 1"),
    VALUES("world-divides-expert", "--expert-model-parallel-size", expert_size),
    EDITS("ep-needs-experts", "without --expert-model-parallel-size"),
    VALUES("ep-divides-experts", "--expert-model-parallel-size", expert_size),
    EDITS("mbs-required", "--micro-batch-size 1"),
    VALUES("gbs-divisible", "--global-batch-size", global_batch),
    VALUES("microbatches-min", "--global-batch-size", global_batch),
    VALUES("eval-gbs-divisible", "--global-batch-size", global_batch),
    VALUES("eval-gbs-divisible", "--eval-global-batch-size", eval_batch),
    VALUES("interleave-group", "--global-batch-size", interleaved_batch),
    VALUES("interleave-remainder", "--global-batch-size", interleaved_batch),
    VALUES("interleave-m-pp", "--global-batch-size", interleaved_batch),
    EDITS("step-sched-xor-gbs", "without --global-batch-size"),
    VALUES("maxpos-ge-seq", "--max-position-embeddings", positions),
    VALUES("tp-divides-heads", "--tensor-model-parallel-size", tensor_size_of_heads),
    EDITS("gqa-tp", "--group-query-attention"),
    EDITS("gqa-tp-old", "--group-query-attention"),
    VALUES("gqa-tp", "--tensor-model-parallel-size", tensor_size_of_heads),
    VALUES("gqa-tp-old", "--tensor-model-parallel-size", tensor_size_of_heads),
    EDITS("act-fusion-kind", "--no-bias-gelu-fusion"),
    VALUES("pp-divides-layers", "--pipeline-model-parallel-size", pipeline_size),
    EDITS("pp-divides-layers", "--account-for-embedding-in-pipeline-split"),
    EDITS("pp-divides-layers", "--account-for-embedding-in-pipeline-split;"
                               "--account-for-loss-in-pipeline-split"),
    EDITS("vpp-one-knob", "without --num-layers-per-virtual-pipeline-stage"),
    EDITS("vpp-one-knob", "without --num-virtual-stages-per-pipeline-rank"),
    VALUES("vpp-n-pp", "--pipeline-model-parallel-size", pipeline_size),
    VALUES("vpp-n-divides", "--num-layers-per-virtual-pipeline-stage", virtual_layers),
    VALUES("layers-vpp", "--num-virtual-stages-per-pipeline-rank", virtual_stages),
    EDITS("vpp-n-uneven", "without --num-layers-per-virtual-pipeline-stage"),
    EDITS("vpp-pp-min", "without --no-overlap-p2p-communication"),
    EDITS("vpp-pp-min", "without --num-layers-per-virtual-pipeline-stage;"
                        "without --num-virtual-stages-per-pipeline-rank"),
    EDITS("tp-overlap-sp", "--sequence-parallel"),
    EDITS("tp-overlap-sp", "without --tp-comm-overlap"),
    EDITS("cdmc-tp-cp", "CUDA_DEVICE_MAX_CONNECTIONS=1"),
    EDITS("cdmc-sp-old", "CUDA_DEVICE_MAX_CONNECTIONS=1"),
    EDITS("cdmc-fsdp", "unset CUDA_DEVICE_MAX_CONNECTIONS"),
    EDITS("attn-env-conflict",
          "unset NVTE_FLASH_ATTN;unset NVTE_FUSED_ATTN;unset NVTE_UNFUSED_ATTN"),
    EDITS("qk-scaling-env", "NVTE_APPLY_QK_LAYER_SCALING=1"),
    EDITS("qk-scaling-env", "unset NVTE_APPLY_QK_LAYER_SCALING"),
    VALUES("cp-seq", "--seq-length", sequence),
    VALUES("sp-seq-divisible", "--seq-length", sequence),
    EDITS("moe-tp-needs-sp", "--sequence-parallel"),
    EDITS("ep-tp-sp-warn", "--sequence-parallel"),
    VALUES("topk-le-experts", "--moe-router-topk", topk),
    EDITS("topk1-presoftmax", "--moe-router-pre-softmax"),
    EDITS("expert-bias-score", "--moe-router-score-function sigmoid"),
    EDITS("pad-needs-capacity", "without --moe-pad-expert-input-to-capacity"),
    EDITS("shared-expert-nobias", "--disable-bias-linear"),
    EDITS("shared-expert-overlap", "--moe-token-dispatcher-type alltoall"),
    EDITS("moe-bias-etp", "--disable-bias-linear"),
    EDITS("te-grouped-bias", "--disable-bias-linear"),
    EDITS("te-grouped-bias", "--no-bias-dropout-fusion"),
    EDITS("te-grouped-act", "--no-bias-gelu-fusion"),
    EDITS("mla-no-gqa", "without --group-query-attention"),
    EDITS("mla-rope-fusion", "--no-rope-fusion"),
    EDITS("mtp-posemb", "--position-embedding-type rope"),
    EDITS("mtp-full-uniform", "--recompute-num-layers 1"),
    EDITS("recompute-full-method", "--recompute-method uniform"),
    EDITS("recompute-full-layers", "--recompute-num-layers 1"),
    EDITS("recompute-sel-method", "without --recompute-method;without --recompute-num-layers"),
    EDITS("recompute-sel-layers", "without --recompute-num-layers"),
    EDITS("recompute-moe-act", "--moe-grouped-gemm"),
    EDITS("recompute-shared", "without --moe-shared-expert-overlap"),
    EDITS("dist-saved-act", "without --distribute-saved-activations"),
    EDITS("opg-needs-dopt", "--use-distributed-optimizer"),
    EDITS("opg-needs-ogr", "--overlap-grad-reduce"),
    EDITS("opgos", "without --overlap-param-gather-with-optimizer-step"),
    EDITS("pao-dopt", "--use-distributed-optimizer"),
    EDITS("state-dtypes", "--use-precision-aware-optimizer;--use-distributed-optimizer"),
    EDITS("dopt-instances-needs-dopt", "--use-distributed-optimizer"),
    EDITS("avg-collective-ptl", "without --ddp-average-in-collective"),
    EDITS("save-interval", "--save-interval 1000"),
    EDITS("eval-interval", "--eval-interval 1000"),
    EDITS("lr-required", "--lr 1e-4"),
    EDITS("te-ce-fusion", "--cross-entropy-fusion-impl native"),
    EDITS("fp16-xor-bf16", "without --fp16"),
    EDITS("fp8-param-dopt", "--use-distributed-optimizer"),
    EDITS("fp8-param-needs-fp8", "without --fp8-param-gather"),
    EDITS("mfsdp-ckpt", "--ckpt-format fsdp_dtensor"),
    EDITS("data-required", "--mock-data"),
    EDITS("iters-xor-samples", "without --lr-warmup-iters"),
    EDITS("iters-xor-samples", "without --lr-warmup-samples"),
    EDITS("iters-xor-samples", "without --lr-warmup-fraction"),
    EDITS("iters-xor-samples", "without --train-samples"),
    EDITS("iters-xor-samples", "without --rampup-batch-size"),
    EDITS("iters-xor-samples", "without --train-samples;without --lr-decay-samples;"
                               "without --lr-warmup-samples"),
    VALUES("required-model-args", "--max-position-embeddings", positions),
    EDITS("required-model-args", "without --encoder-num-layers"),
    VALUES("seq-required", "--seq-length", length),
    EDITS("wd-style", "without --start-weight-decay;without --end-weight-decay"),
    EDITS("wd-style", "without --weight-decay-incr-style"),
    EDITS("fp8-xor-fp4", "without --fp4-format"),
    EDITS("fp8-xor-fp4", "without --fp8-format"),
    VALUES("norope", "--no-rope-freq", rope_period),
    EDITS("data-sources", "without --mock-data"),
    EDITS("data-sources", "without --data-args-path"),
    EDITS("data-sources", "without --data-path"),
    EDITS("seed-positive", "--seed 1234"),
    EDITS("hcp-product", "without --hierarchical-context-parallel-sizes"),
    EDITS("cp-unfused", "--attention-backend auto"),
    EDITS("hcp-needed", "--cp-comm-type p2p"),
    EDITS("swiglu-xor", "without --squared-relu;without --quick-geglu"),
    EDITS("moe-ffn-orphan", "without --moe-ffn-hidden-size"),
    EDITS("fga-offload-te", "NVTE_CPU_OFFLOAD_V1=1"),
    EDITS("opt-offload-pao", "--use-precision-aware-optimizer"),
    EDITS("defer-wgrad", "without --defer-embedding-wgrad-compute"),
    EDITS("posemb-nopos", "without --no-position-embedding"),
    EDITS("deepep-flex", "--moe-token-dispatcher-type flex"),
    EDITS("group-topk", "without --moe-router-group-topk;without --moe-router-num-groups"),
    EDITS("ep-overlap", "without --overlap-moe-expert-parallel-comm"),
    EDITS("delay-wgrad", "without --delay-wgrad-compute"),
    EDITS("op-fuser-moe", "without --use-transformer-engine-op-fuser"),
    EDITS("fp8-arch", "--fp8-recipe delayed"),
};
const size_t repair_count = sizeof(repairs) / sizeof(repairs[0]);

/* --- applying ----------------------------------------------------------------------------------
 */

static bool apply_edit(struct plan *plan, char *edit)
{
    char *value;

    if (strncmp(edit, "without ", 8) == 0)
        return plan_remove(plan, EDIT_TRAINER, edit + 8);
    if (strncmp(edit, "unset ", 6) == 0)
        return plan_remove(plan, EDIT_ENVIRONMENT, edit + 6);
    value = strpbrk(edit, edit[0] == '-' ? " " : "=");
    if (value)
        *value++ = '\0';
    return plan_set(plan, edit[0] == '-' ? EDIT_TRAINER : EDIT_ENVIRONMENT, edit, value);
}

static bool apply_edits(struct plan *plan, const char *edits, struct arena *arena)
{
    char *rest = arena_strdup(arena, edits), *edit;

    while ((edit = strsep(&rest, ";")) != NULL)
        if (!apply_edit(plan, edit))
            return false;
    return true;
}

/* Applies the n-th candidate of that row to the plan; false when there is none. */
static bool repair_try(const struct repair *repair, const struct report *report, int n,
                       struct plan *plan, struct arena *arena)
{
    const char *option = repair->option;
    int64_t value;

    if (repair->edits)
        return n == 0 && apply_edits(plan, repair->edits, arena);
    if (!repair->candidate(report, n, &value))
        return false;
    if (strcmp(option, "launcher") == 0) {
        plan_set_ranks(plan, report->launch, value, arena); /* or the plan stays as it is */
        return true;
    }
    return plan_set(plan, EDIT_TRAINER, option, arena_printf(arena, "%lld", (long long)value));
}

enum { MOST_CANDIDATES = 12 };

/* Rows of the rule one after the other, each with MOST_CANDIDATES ways. */
bool remedy_of_table(const struct report *report, const struct finding *finding, int n,
                     struct plan *plan, struct arena *arena)
{
    for (size_t r = 0; r < repair_count; r++) {
        if (strcmp(repairs[r].rule, finding->id) != 0 || (n -= MOST_CANDIDATES) >= 0)
            continue;
        repair_try(&repairs[r], report, n + MOST_CANDIDATES, plan, arena);
        return true;
    }
    return false;
}
