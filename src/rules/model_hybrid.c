/* Building the model: hybrid patterns and Mamba layers. */
#include <inttypes.h>

#include "launch/trainer.h"
#include "megatron/layer_pattern.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static struct hybrid_pattern pattern_of(const struct walk *walk)
{
    const struct job *job = walk->job;

    return hybrid_pattern_of(job->hybrid_layer_pattern ? job->hybrid_layer_pattern
                                                       : job->hybrid_override_pattern);
}

static bool has_pattern(const struct walk *walk)
{
    return walk->job->hybrid_layer_pattern || walk->job->hybrid_override_pattern;
}

/* Up to 0.16 the pattern is compared with --num-layers when the model is built. */
static enum answer pattern_old(struct walk *walk, struct finding *finding)
{
    const char *text = walk->job->hybrid_override_pattern;
    const char *symbols = walk->release >= RELEASE_0_16_0 ? "M*-E" : "M*-";
    size_t known;

    if (!text || trainer_kind(walk) != TRAINER_HYBRID || !is_set(walk->job->num_layers))
        return NOT_APPLICABLE;
    if ((int64_t)strlen(text) != walk->job->num_layers)
        return violated_at(walk, finding, 0,
                           "--hybrid-override-pattern has %zu layers, --num-layers says %" PRId64,
                           strlen(text), walk->job->num_layers);
    known = strspn(text, symbols);
    if (!text[known])
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "'%c' in --hybrid-override-pattern is not a layer of this release (%s)",
                       text[known], symbols);
}

/* Only Megatron's own script is known to build its model with --spec. */
static enum answer stack_spec(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (trainer_kind(walk) != TRAINER_HYBRID || is_on(job->use_legacy_models) ||
        !(script_has(walk, "mamba") || script_has(walk, "hybrid")) ||
        !launch_script_is_megatrons(walk->launch))
        return NOT_APPLICABLE;
    if (job->spec.count >= 0 ||
        (walk->release >= RELEASE_0_16_0 && is_word(job->transformer_impl, "inference_optimized")))
        return HOLDS;
    finding_fix(walk, finding, "%s",
                walk->release >= RELEASE_0_18_2
                    ? "--spec megatron.core.models.hybrid.hybrid_layer_specs hybrid_stack_spec"
                    : "--spec megatron.core.models.mamba.mamba_layer_specs mamba_stack_spec");
    return violated(walk, finding, "%s builds its layers from --spec, which is not given",
                    walk->launch->script);
}

static enum answer expert_layers(struct walk *walk, struct finding *finding)
{
    struct hybrid_pattern pattern = pattern_of(walk);

    if (trainer_kind(walk) != TRAINER_HYBRID || script_has(walk, "gpt") || !has_pattern(walk) ||
        hybrid_count(&pattern, -1, 'E') == 0)
        return NOT_APPLICABLE;
    if (is_nonzero(walk->job->num_experts))
        return HOLDS;
    return violated(walk, finding,
                    "the hybrid pattern has %" PRId64 " layers of experts, --num-experts is not "
                    "given",
                    hybrid_count(&pattern, -1, 'E'));
}

/* No specification that ships builds layers with residual streams; Mamba layers do not ask. */
static enum answer residual_streams(struct walk *walk, struct finding *finding)
{
    struct hybrid_pattern pattern = pattern_of(walk);
    bool hybrid = trainer_kind(walk) == TRAINER_HYBRID;

    if (!is_on(walk->job->enable_mhc_connections) || walk->job->spec.count >= 0 ||
        trainer_kind(walk) == TRAINER_OTHER || (hybrid && !has_pattern(walk)))
        return NOT_APPLICABLE;
    if (hybrid && hybrid_count(&pattern, -1, 'M') == pattern.layers)
        return HOLDS;
    return violated(walk, finding,
                    "--enable-mhc-connections: layers of %s models are built without residual "
                    "streams",
                    hybrid ? "hybrid" : "GPT");
}

static enum answer even_split(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t first = job->decoder_first_pipeline_num_layers;
    int64_t last = job->decoder_last_pipeline_num_layers;
    int64_t pp = job->pipeline_model_parallel_size;
    int64_t ranks = pp - is_set(first) - is_set(last);
    struct hybrid_pattern pattern = pattern_of(walk);
    int64_t layers = pattern.layers - value_or(first, 0) - value_or(last, 0);

    if (!has_pattern(walk) || pattern.segments > 1 || pp <= 1 || ranks <= 0)
        return NOT_APPLICABLE;
    if (floor_mod(layers, ranks) == 0)
        return HOLDS;
    return violated(walk, finding,
                    "the %" PRId64 " layers of the hybrid pattern%s cannot be split over %" PRId64
                    " pipeline ranks",
                    layers, ranks < pp ? " between first and last stage" : "", ranks);
}

static bool has_mamba(const struct walk *walk)
{
    struct hybrid_pattern pattern = pattern_of(walk);

    return trainer_kind(walk) == TRAINER_HYBRID &&
           (!has_pattern(walk) || hybrid_count(&pattern, -1, 'M') > 0);
}

static int64_t head_dim(const struct job *job)
{
    return value_or(job->mamba_head_dim, 64);
}

static int64_t inner_width(const struct job *job)
{
    return is_set(job->mamba_num_heads) ? job->mamba_num_heads * head_dim(job)
                                        : 2 * job->hidden_size;
}

static int64_t mamba_heads(const struct job *job)
{
    return inner_width(job) / head_dim(job);
}

static enum answer mamba_inner(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!has_mamba(walk) || !is_set(job->hidden_size))
        return NOT_APPLICABLE;
    if (head_dim(job) <= 0 || value_or(job->mamba_num_groups, 8) <= 0 ||
        value_or(job->mamba_state_dim, 128) <= 0)
        return violated_at(walk, finding, 0,
                           "Mamba's head dimension, groups and state are positive, not "
                           "%" PRId64 ", %" PRId64 " and %" PRId64,
                           head_dim(job), value_or(job->mamba_num_groups, 8),
                           value_or(job->mamba_state_dim, 128));
    if (is_set(job->mamba_num_heads) && job->mamba_num_heads <= 0)
        return violated_at(walk, finding, 1, "--mamba-num-heads %" PRId64 " is not positive",
                           job->mamba_num_heads);
    if (inner_width(job) % head_dim(job) == 0)
        return HOLDS;
    return violated_at(walk, finding, 2,
                       "Mamba's inner width of 2 x %" PRId64
                       " cannot be split into heads of %" PRId64,
                       job->hidden_size, head_dim(job));
}

static enum answer mamba_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, groups = value_or(job->mamba_num_groups, 8);

    if (!has_mamba(walk) || !is_set(job->hidden_size) || tp < 1)
        return NOT_APPLICABLE;
    if (mamba_heads(job) % tp != 0)
        return violated_at(walk, finding, 0,
                           "%" PRId64 " Mamba heads cannot be split over TP = %" PRId64,
                           mamba_heads(job), tp);
    if (groups % tp != 0)
        return violated_at(walk, finding, 1,
                           "%" PRId64 " Mamba groups cannot be split over TP = %" PRId64, groups,
                           tp);
    if (mamba_heads(job) % groups == 0)
        return HOLDS;
    return violated_at(walk, finding, 2,
                       "%" PRId64 " Mamba heads cannot be shared by %" PRId64 " groups",
                       mamba_heads(job), groups);
}

static enum answer mamba_cp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, cp = job->context_parallel_size;
    int64_t heads, groups;

    if (!has_mamba(walk) || !is_set(job->hidden_size) || tp < 1 || cp <= 1)
        return NOT_APPLICABLE;
    heads = mamba_heads(job) / tp;
    groups = value_or(job->mamba_num_groups, 8) / tp;
    if (heads % cp != 0)
        return violated_at(walk, finding, 0,
                           "the %" PRId64
                           " Mamba heads of a tensor-parallel rank cannot be split over CP = "
                           "%" PRId64,
                           heads, cp);
    if (groups > 0 && (groups < cp ? cp % groups == 0 : groups % cp == 0))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "the %" PRId64
                       " Mamba groups of a tensor-parallel rank do not go with CP = %" PRId64,
                       groups, cp);
}

static enum answer mamba_fp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t width;

    if (!has_mamba(walk) || !is_set(job->hidden_size) || !job->fp8)
        return NOT_APPLICABLE;
    width = 2 * inner_width(job) +
            2 * value_or(job->mamba_num_groups, 8) * value_or(job->mamba_state_dim, 128) +
            mamba_heads(job);
    if (width % 16 == 0)
        return HOLDS;
    return violated(walk, finding,
                    "Mamba's input projection of width %" PRId64
                    " is not a multiple of 16, as fp8 needs",
                    width);
}

#define MAMBA "--mamba-num-heads --mamba-head-dim --mamba-num-groups --hidden-size "

static const struct rule rows[] = {
    { .id = "hyb-pattern-old",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_16_0,
      .check = pattern_old,
      .shape = true,
      .options = "--hybrid-override-pattern --num-layers",
      .what = "--hybrid-override-pattern has --num-layers known symbols",
      .why = "One symbol is one layer.",
      .fix = "as many symbols as --num-layers" },
    { .id = "hyb-spec",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_18_2,
      .check = stack_spec,
      .options = "--spec",
      .what = "a hybrid model says where its layers are specified",
      .why = "There is no default; the trainer raises before it builds anything.",
      .fix = "--spec megatron.core.models.mamba.mamba_layer_specs mamba_stack_spec" },
    { .id = "hyb-experts",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = expert_layers,
      .options = "--hybrid-layer-pattern --hybrid-override-pattern --num-experts",
      .needs = "hyb-symbols hyb-pattern-old",
      .what = "a hybrid pattern with E needs --num-experts",
      .why = "A layer of experts divides their number, which is None, by EP.",
      .fix = "--num-experts, or a pattern without E" },
    { .id = "mhc-layers",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = residual_streams,
      .options = "--enable-mhc-connections --hybrid-layer-pattern",
      .what = "--enable-mhc-connections needs layers that have residual streams",
      .why = "Only HyperConnectionTransformerLayer has them, and no layer specification uses it.",
      .fix = "drop --enable-mhc-connections, or a --spec of your own" },
    { .id = "hyb-even",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = even_split,
      .shape = true,
      .options = "--hybrid-layer-pattern --pipeline-model-parallel-size",
      .needs = "hyb-symbols hyb-segments",
      .what = "a hybrid pattern without '|' is split evenly over pipeline ranks",
      .why = "'|' says where stages end.",
      .fix = "'|' in the pattern where stages end" },
    { .id = "mamba-inner",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mamba_inner,
      .shape = true,
      .options = MAMBA "--mamba-state-dim",
      .what = "2 x --hidden-size is a multiple of --mamba-head-dim",
      .why = "Unless --mamba-num-heads says how many heads there are.",
      .fix = "--mamba-num-heads, or a --mamba-head-dim that divides" },
    { .id = "mamba-fp8",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mamba_fp8,
      .options = MAMBA "--mamba-state-dim --fp8-format",
      .needs = "mamba-inner",
      .what = "with fp8 Mamba's input projection is a multiple of 16",
      .why = "fp8 GEMMs want it.",
      .fix = "another number of heads" },
    { .id = "mamba-tp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mamba_tp,
      .shape = true,
      .options = MAMBA "--tensor-model-parallel-size",
      .needs = "mamba-inner",
      .what = "Mamba's heads and groups are multiples of TP, heads of groups",
      .why = "Every tensor-parallel rank has whole groups.",
      .fix = "a smaller --tensor-model-parallel-size" },
    { .id = "mamba-cp",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = mamba_cp,
      .shape = true,
      .options = MAMBA "--context-parallel-size --tensor-model-parallel-size",
      .needs = "mamba-inner mamba-tp",
      .what = "Mamba's heads of a tensor-parallel rank are a multiple of CP, its groups fit CP",
      .why = "Context parallel ranks share out heads.",
      .fix = "a smaller --context-parallel-size" },
};

const struct rule_section model_hybrid_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
