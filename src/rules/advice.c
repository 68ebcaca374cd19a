/* Advice on how a job is cut: what costs time or memory for nothing. Notes only, each true of this
 * job in numbers; walked last, with the estimate at hand. Groups of ranks are laid out tensor
 * first, then context, so that these are neighbours and pipeline and data parallel groups reach
 * across nodes. */
#include <inttypes.h>
#include <stdlib.h>

#include "memory/memory.h"
#include "rules/reshaped.h"
#include "rules/sections.h"
#include "rules/truth.h"

enum {
    LARGE_HIDDEN = 4096,   /* from here on tensor parallel matrices stay large enough */
    DEEP_LAYERS = 40,      /* stages of such models hold several layers each */
    SHORT_SEQUENCE = 8192, /* a slice of less keeps no GPU busy */
    LONG_SEQUENCE = 16384, /* from here on its activations dominate */
    MANY_EXPERTS = 8,
    TENSOR_RANKS = 8,       /* more of them split matrices too thin */
    MOST_IDLE_PERCENT = 20, /* of a step, for pipeline bubbles */
};

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

/* GPUs that reach each other over NVLink; 0: not known. A node's share of a domain of 8 can be
 * smaller, one of 72 spans nodes. */
static int64_t nvlink_domain(const struct walk *walk)
{
    const struct fact_int *domain = &walk->facts->nvlink_domain;
    const struct fact_int *node = &walk->facts->gpus_per_node;

    if (domain->known && node->known && domain->value <= 8 && node->value < domain->value)
        return node->value;
    if (domain->known)
        return domain->value;
    return node->known && node->value == 8 ? 8 : 0;
}

/* Do neighbouring groups of that many ranks lie inside domains? */
static bool is_inside(const struct walk *walk, int64_t ranks)
{
    int64_t domain = nvlink_domain(walk);

    return !domain || divides(ranks, domain) ||
           (is_set(walk->job->world_size) && walk->job->world_size <= domain);
}

static bool is_known(const struct walk *walk)
{
    const struct job *job = walk->job;

    return !job->yaml_cfg && is_set(job->world_size) && is_set(job->num_layers) &&
           is_set(job->hidden_size) && is_set(job->seq_length);
}

/* Memory decides, but nothing is lost yet: what is lost is for the fixes. */
static bool is_tight(const struct walk *walk)
{
    return can_reshape(walk) && !fits_with_headroom(walk, present_peak(walk)) &&
           !walk_violated(walk, "memory-exceeds-device");
}

/* --- where groups lie ------------------------------------------------------------------------ */

static enum answer tp_in_nvlink(struct walk *walk, struct finding *finding)
{
    int64_t tp = walk->job->tensor_model_parallel_size, domain = nvlink_domain(walk);

    if (!is_known(walk) || tp < 2 || !domain)
        return NOT_APPLICABLE;
    if (is_inside(walk, tp))
        return HOLDS;
    if (domain == 1)
        return violated(walk, finding,
                        "TP = %" PRId64
                        " on GPUs without NVLink: every layer waits for all-reduces "
                        "over the host",
                        tp);
    finding_fix(walk, finding,
                "--tensor-model-parallel-size %" PRId64
                ", and more pipeline or data parallel ranks",
                domain < TENSOR_RANKS ? domain : TENSOR_RANKS);
    return violated(walk, finding,
                    "TP = %" PRId64 " does not lie inside NVLink domains of %" PRId64
                    " GPUs: every layer waits for all-reduces over the network",
                    tp, domain);
}

static enum answer cp_in_nvlink(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, cp = job->context_parallel_size;

    if (!is_known(walk) || cp < 2 || !nvlink_domain(walk) ||
        job->hierarchical_context_parallel_sizes.count > 0)
        return NOT_APPLICABLE;
    if (is_inside(walk, tp * cp))
        return HOLDS;
    return violated(walk, finding,
                    "TP x CP = %" PRId64 " x %" PRId64 " = %" PRId64
                    " ranks do not lie inside NVLink domains of %" PRId64
                    " GPUs: keys and values of every layer cross the network",
                    tp, cp, tp * cp, nvlink_domain(walk));
}

static enum answer tp_above_8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size;

    if (!is_known(walk) || tp < 2)
        return NOT_APPLICABLE;
    if (tp <= TENSOR_RANKS)
        return HOLDS;
    return violated(walk, finding,
                    "TP = %" PRId64 " leaves each rank %" PRId64 " of %" PRId64
                    " columns of a layer: beyond 8 it gains little, pipeline stages gain more",
                    tp, job->hidden_size / tp, job->hidden_size);
}

/* --- what is not needed ---------------------------------------------------------------------- */

static enum answer not_needed(struct walk *walk, struct finding *finding,
                              const struct reshape *reshape, const char *what, const char *cost)
{
    uint64_t peak;

    if (!can_reshape(walk) || !reshaped_peak(walk, reshape, &peak))
        return NOT_APPLICABLE;
    if (!fits_with_headroom(walk, peak))
        return HOLDS;
    return violated(walk, finding, "%s: without it %.1f of %.1f GiB are expected; %s", what,
                    gib(peak), gib(walk->memory->usable_bytes), cost);
}

static enum answer tp_not_needed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || job->tensor_model_parallel_size < 2 || job->hidden_size >= LARGE_HIDDEN)
        return NOT_APPLICABLE;
    return not_needed(walk, finding, &(struct reshape) { .tp = 1 },
                      arena_printf(walk->arena, "TP = %" PRId64 " splits a hidden size of %" PRId64,
                                   job->tensor_model_parallel_size, job->hidden_size),
                      "its all-reduces then fall away");
}

static enum answer pp_not_needed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || job->pipeline_model_parallel_size < 2 || job->num_layers >= DEEP_LAYERS)
        return NOT_APPLICABLE;
    return not_needed(walk, finding, &(struct reshape) { .pp = 1 },
                      arena_printf(walk->arena, "PP = %" PRId64 " cuts %" PRId64 " layers",
                                   job->pipeline_model_parallel_size, job->num_layers),
                      "one stage has no bubble");
}

static enum answer cp_not_needed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || job->context_parallel_size < 2 || job->seq_length < SHORT_SEQUENCE)
        return NOT_APPLICABLE;
    return not_needed(walk, finding, &(struct reshape) { .cp = 1 },
                      arena_printf(walk->arena,
                                   "CP = %" PRId64 " cuts sequences of %" PRId64 " tokens",
                                   job->context_parallel_size, job->seq_length),
                      "activations are not what limits this job");
}

static enum answer recompute_not_needed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_word(job->recompute_granularity, "full") ||
        value_or(job->recompute_num_layers, 1) < 1)
        return NOT_APPLICABLE;
    return not_needed(walk, finding, &(struct reshape) { .keep_activations = true },
                      "--recompute-granularity full",
                      "layers are then not computed twice in the forward direction");
}

static enum answer cp_short_sequence(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t cp = job->context_parallel_size;

    if (!is_known(walk) || cp < 2)
        return NOT_APPLICABLE;
    if (job->seq_length >= SHORT_SEQUENCE)
        return HOLDS;
    return violated(walk, finding,
                    "CP = %" PRId64 " leaves %" PRId64 " of %" PRId64
                    " tokens to a rank: too few to hide the exchange of keys and values",
                    cp, job->seq_length / cp, job->seq_length);
}

static enum answer ep_few_experts(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_nonzero(job->num_experts) || job->expert_model_parallel_size < 2)
        return NOT_APPLICABLE;
    if (job->num_experts >= MANY_EXPERTS)
        return HOLDS;
    return violated(walk, finding,
                    "EP = %" PRId64 " for %" PRId64 " experts: each rank holds %" PRId64
                    ", and every token's way there is an "
                    "all-to-all",
                    job->expert_model_parallel_size, job->num_experts,
                    job->num_experts / job->expert_model_parallel_size);
}

/* --- time lost ------------------------------------------------------------------------------- */

/* Of a step of m micro-batches a rank idles while the pipeline of pp stages fills and drains; v
 * model chunks a rank shorten that. */
static enum answer pp_bubbles(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t pp = job->pipeline_model_parallel_size, m = value_or(job->num_microbatches, 0);
    int64_t v = value_or(job->virtual_pipeline_model_parallel_size, 1), idle, enough;

    if (!is_known(walk) || pp < 2 || m < 1 || v < 1 || job->micro_batch_size < 1)
        return NOT_APPLICABLE;
    idle = 100 * (pp - 1) / (v * m + pp - 1);
    if (idle <= MOST_IDLE_PERCENT)
        return HOLDS;
    enough = ((100 - MOST_IDLE_PERCENT) * (pp - 1) / MOST_IDLE_PERCENT + v - 1) / v;
    enough = (enough + pp - 1) / pp * pp; /* interleaved schedules want whole rounds */
    finding_fix(walk, finding,
                "--global-batch-size %" PRId64 ", fewer stages, or more model chunks a stage",
                enough * job->micro_batch_size * job->data_parallel_size);
    return violated(walk, finding,
                    "PP = %" PRId64 " with %" PRId64
                    " micro-batches%s leaves every GPU idle for %" PRId64 " %% of a step",
                    pp, m, v > 1 ? arena_printf(walk->arena, " and %" PRId64 " chunks", v) : "",
                    idle);
}

/* Nothing that makes tokens choose experts evenly: neither a loss nor a bias nor an assignment. */
static bool is_balanced(const struct job *job)
{
    const struct list *types = &job->moe_router_load_balancing_type;

    if (is_on(job->moe_router_enable_expert_bias) || is_on(job->moe_router_force_load_balancing) ||
        list_has(types, "sinkhorn") || list_has(types, "quantile_balancing"))
        return true;
    if (list_has(types, "none"))
        return false;
    for (int i = 0; i < job->moe_aux_loss_coeff.count; i++)
        if (strtod(job->moe_aux_loss_coeff.item[i], NULL) != 0)
            return true;
    return false;
}

static enum answer ep_unbalanced(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_nonzero(job->num_experts) || job->expert_model_parallel_size < 2)
        return NOT_APPLICABLE;
    if (is_balanced(job))
        return HOLDS;
    return violated(walk, finding,
                    "nothing keeps the %" PRId64 " experts evenly loaded: all %" PRId64
                    " expert ranks wait for the one that most tokens go to",
                    job->num_experts, job->expert_model_parallel_size);
}

/* --- memory that another cut would save ------------------------------------------------------ */

/* The smallest multiple of 'size' up to 'most' at which the job has its headroom. */
static enum answer saves_memory(struct walk *walk, struct finding *finding, size_t axis,
                                int64_t most, const char *name, const char *option)
{
    struct reshape reshape = { 0 };
    int64_t *size = (int64_t *)((char *)&reshape + axis);
    const struct job *job = walk->job;
    int64_t now = axis == offsetof(struct reshape, tp)   ? job->tensor_model_parallel_size
                  : axis == offsetof(struct reshape, pp) ? job->pipeline_model_parallel_size
                  : axis == offsetof(struct reshape, cp) ? job->context_parallel_size
                                                         : job->expert_model_parallel_size;
    uint64_t peak;

    for (*size = 2 * now; *size <= most; *size *= 2) {
        if (!reshaped_peak(walk, &reshape, &peak) || !fits_with_headroom(walk, peak))
            continue;
        finding_fix(walk, finding, "%s %" PRId64, option, *size);
        return violated(walk, finding,
                        "%s = %" PRId64 " instead of %" PRId64
                        " would bring the expected peak from %.1f to %.1f of %.1f GiB",
                        name, *size, now, gib(present_peak(walk)), gib(peak),
                        gib(walk->memory->usable_bytes));
    }
    return HOLDS;
}

static int64_t tensor_limit(const struct walk *walk)
{
    int64_t domain = nvlink_domain(walk);

    return !domain || domain > TENSOR_RANKS ? TENSOR_RANKS : domain;
}

static enum answer tp_for_memory(struct walk *walk, struct finding *finding)
{
    if (!is_known(walk) || !is_tight(walk) || walk->job->hidden_size < LARGE_HIDDEN)
        return NOT_APPLICABLE;
    return saves_memory(walk, finding, offsetof(struct reshape, tp), tensor_limit(walk), "TP",
                        "--tensor-model-parallel-size");
}

static enum answer pp_for_memory(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_tight(walk) || job->num_layers < DEEP_LAYERS ||
        job->tensor_model_parallel_size < tensor_limit(walk))
        return NOT_APPLICABLE;
    return saves_memory(walk, finding, offsetof(struct reshape, pp), job->num_layers, "PP",
                        "--pipeline-model-parallel-size");
}

static enum answer ep_for_memory(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_tight(walk) || value_or(job->num_experts, 0) < MANY_EXPERTS)
        return NOT_APPLICABLE;
    return saves_memory(walk, finding, offsetof(struct reshape, ep), job->num_experts, "EP",
                        "--expert-model-parallel-size");
}

static bool activations_dominate(const struct walk *walk)
{
    const struct memory *memory = walk->memory;
    const struct memory_rank *most = memory_largest_rank(memory);
    uint64_t activations = 0;

    for (int i = 0; i < most->component_count; i++)
        if (is_word("activations", most->component[i].name) ||
            is_word("logits", most->component[i].name) ||
            is_word("transient", most->component[i].name))
            activations += most->component[i].bytes;
    return activations > most->peak_bytes / 2;
}

static enum answer cp_for_memory(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t domain = nvlink_domain(walk), tp = job->tensor_model_parallel_size;

    if (!is_known(walk) || !is_tight(walk) || job->seq_length < LONG_SEQUENCE || tp < 2 ||
        !activations_dominate(walk))
        return NOT_APPLICABLE;
    return saves_memory(walk, finding, offsetof(struct reshape, cp),
                        domain ? domain / tp : job->world_size / tp, "CP",
                        "--context-parallel-size");
}

static enum answer cp_before_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_known(walk) || !is_tight(walk) || job->context_parallel_size < 2 ||
        job->tensor_model_parallel_size > 1 || nvlink_domain(walk) < 2)
        return NOT_APPLICABLE;
    finding_fix(walk, finding, "--tensor-model-parallel-size 2 --sequence-parallel");
    return violated(walk, finding,
                    "CP = %" PRId64
                    " without tensor parallelism: every rank holds all weights; TP with "
                    "--sequence-parallel would cut them as well as the activations",
                    job->context_parallel_size);
}

static const struct rule rows[] = {
    { .id = "tp-in-nvlink",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tp_in_nvlink,
      .options = "--tensor-model-parallel-size",
      .what = "tensor parallel ranks lie inside one NVLink domain",
      .why =
          "Each layer's all-reduces wait for the slowest link; pipeline and data parallel groups "
          "need it less.",
      .fix = "TP of at most the GPUs of a node (8, or 72 on NVL72), and more pipeline or data "
             "parallel ranks" },
    { .id = "cp-in-nvlink",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_in_nvlink,
      .options = "--context-parallel-size --tensor-model-parallel-size",
      .needs = "tp-in-nvlink",
      .what = "TP x CP ranks lie inside one NVLink domain",
      .why = "Context parallel ranks exchange keys and values in every layer.",
      .fix = "smaller --context-parallel-size or --tensor-model-parallel-size, or "
             "--hierarchical-context-parallel-sizes" },
    { .id = "tp-above-8",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tp_above_8,
      .options = "--tensor-model-parallel-size",
      .needs = "tp-in-nvlink",
      .what = "TP is at most 8",
      .why = "The more ranks share a matrix, the smaller its products and the larger the share of "
             "communication.",
      .fix = "--tensor-model-parallel-size 8, and more pipeline stages" },
    { .id = "tp-not-needed",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tp_not_needed,
      .options = "--tensor-model-parallel-size",
      .needs = "tp-in-nvlink tp-above-8",
      .what = "TP splits layers that are large (hidden size of 4096 and more) or do not fit",
      .why = "Small matrices do not pay for the communication.",
      .fix = "--tensor-model-parallel-size 1" },
    { .id = "pp-not-needed",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = pp_not_needed,
      .options = "--pipeline-model-parallel-size",
      .what = "PP cuts models that are deep (40 layers and more) or do not fit",
      .why = "Stages wait for each other at both ends of every step.",
      .fix = "--pipeline-model-parallel-size 1" },
    { .id = "pp-bubbles",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = pp_bubbles,
      .options = "--pipeline-model-parallel-size --global-batch-size --micro-batch-size",
      .needs = "pp-not-needed",
      .what = "pipeline bubbles take at most a fifth of a step",
      .why = "Each of few micro-batches waits for the stages before it.",
      .fix = "a larger --global-batch-size, fewer stages, or more model chunks a stage" },
    { .id = "cp-short-sequence",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_short_sequence,
      .options = "--context-parallel-size --seq-length",
      .what = "CP cuts sequences of 8192 tokens and more",
      .why = "Slices of short sequences are computed faster than exchanged.",
      .fix = "--context-parallel-size 1" },
    { .id = "cp-not-needed",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_not_needed,
      .options = "--context-parallel-size",
      .what = "CP is for activations that do not fit",
      .why = "It costs communication in every layer, and more data parallel ranks cost less.",
      .fix = "--context-parallel-size 1" },
    { .id = "recompute-not-needed",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = recompute_not_needed,
      .options = "--recompute-granularity",
      .what = "full recomputation is for activations that do not fit",
      .why = "It repeats the whole forward pass.",
      .fix = "--recompute-granularity selective" },
    { .id = "ep-few-experts",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = ep_few_experts,
      .options = "--expert-model-parallel-size --num-experts",
      .what = "EP distributes 8 experts and more",
      .why = "Few experts save little memory for an all-to-all in every layer.",
      .fix = "--expert-model-parallel-size 1" },
    { .id = "ep-unbalanced",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = ep_unbalanced,
      .options = "--moe-router-load-balancing-type --moe-aux-loss-coeff "
                 "--moe-router-enable-expert-bias --expert-model-parallel-size",
      .what = "with EP something balances the load of the experts",
      .why = "The rank of the favourite expert needs the most time and memory.",
      .fix = "--moe-aux-loss-coeff 0.01, or --moe-router-enable-expert-bias" },
    { .id = "tp-for-memory",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = tp_for_memory,
      .options = "--tensor-model-parallel-size",
      .what = "a large model that nearly fills its GPUs uses the TP that NVLink allows",
      .why = "It divides weights, optimizer and activations of every layer.",
      .fix = "a larger --tensor-model-parallel-size" },
    { .id = "pp-for-memory",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = pp_for_memory,
      .options = "--pipeline-model-parallel-size",
      .needs = "tp-for-memory",
      .what = "a deep model that nearly fills its GPUs at the largest useful TP has more stages",
      .why = "Stages need little bandwidth, so that they can lie on other nodes.",
      .fix = "a larger --pipeline-model-parallel-size" },
    { .id = "ep-for-memory",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = ep_for_memory,
      .options = "--expert-model-parallel-size",
      .needs = "tp-for-memory",
      .what = "many experts that nearly fill their GPUs are distributed",
      .why = "EP divides the experts' memory by its size and leaves the rest of the model alone.",
      .fix = "a larger --expert-model-parallel-size" },
    { .id = "cp-for-memory",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_for_memory,
      .options = "--context-parallel-size",
      .needs = "tp-for-memory pp-for-memory",
      .what =
          "long sequences (16384 tokens and more) whose activations nearly fill their GPUs are cut",
      .why = "CP divides the activations by its size.",
      .fix = "a larger --context-parallel-size" },
    { .id = "cp-before-tp",
      .stage = STAGE_UNCHECKED,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_before_tp,
      .options = "--context-parallel-size --tensor-model-parallel-size",
      .needs = "cp-short-sequence cp-not-needed tp-for-memory",
      .what = "CP comes after TP in a job that nearly fills its GPUs",
      .why = "CP divides activations only, TP also what every rank holds of the model.",
      .fix = "--tensor-model-parallel-size 2 --sequence-parallel" },
};

const struct rule_section advice_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
