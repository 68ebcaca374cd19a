/* The first forward pass: sequences, precision, context parallelism, recomputation. */
#include <inttypes.h>
#include <stdlib.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static enum answer sequence_tp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t tp = job->tensor_model_parallel_size, cp = job->context_parallel_size;

    if (!is_on(job->sequence_parallel) || !is_set(job->seq_length) || tp < 1 || cp < 1)
        return NOT_APPLICABLE;
    if (job->seq_length / cp % tp == 0)
        return HOLDS;
    finding_fix(walk, finding, "--seq-length %" PRId64,
                (job->seq_length / (2 * cp * tp) + 1) * 2 * cp * tp);
    return violated(walk, finding,
                    "sequence parallelism cannot split %" PRId64 " tokens%s over TP = %" PRId64,
                    job->seq_length / cp, cp > 1 ? " of a context parallel rank" : "", tp);
}

static enum answer mtp_full_uniform(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_nonzero(job->mtp_num_layers) || !is_word(job->recompute_granularity, "full") ||
        !is_word(job->recompute_method, "uniform"))
        return NOT_APPLICABLE;
    if (job->recompute_num_layers == 1)
        return HOLDS;
    return violated(walk, finding,
                    "MTP layers are recomputed one by one, not in groups of %" PRId64,
                    job->recompute_num_layers);
}

/* What Transformer Engine asks of GPU and version before it computes in 8 bits or fewer. */
static const struct recipe {
    const char *name;
    int64_t arch; /* compute capability x 10 */
    const char *te;
} recipes[] = {
    { "delayed", 89, "1.0" },          { "tensorwise", 89, "2.2.0.dev0" },
    { "blockwise", 90, "2.3.0.dev0" }, { "mxfp8", 100, "2.1.0" },
    { "nvfp4", 100, "2.7.0.dev0" },
};

static const struct recipe *recipe_of(const struct job *job)
{
    const char *name = job->fp8   ? job->fp8_recipe ? job->fp8_recipe : "delayed"
                       : job->fp4 ? job->fp4_recipe
                                  : NULL;

    for (size_t i = 0; name && i < sizeof(recipes) / sizeof(recipes[0]); i++)
        if (strcmp(recipes[i].name, name) == 0)
            return &recipes[i];
    return NULL;
}

static bool te_layers(const struct walk *walk)
{
    return trainer_kind(walk) != TRAINER_OTHER &&
           is_word(walk->job->transformer_impl, "transformer_engine");
}

static enum answer bf16_arch(struct walk *walk, struct finding *finding)
{
    const struct fact_int *arch = &walk->facts->gpu_arch;

    if (!walk->job->bf16 || !arch->known || arch->value >= 80)
        return arch->known ? HOLDS : NOT_APPLICABLE;
    return violated(walk, finding, "--bf16 on a GPU of compute capability %lld.%lld, which has fp16 only",
                    (long long)(arch->value / 10), (long long)(arch->value % 10));
}

static enum answer fp8_arch(struct walk *walk, struct finding *finding)
{
    const struct recipe *recipe = recipe_of(walk->job);
    const struct fact_int *arch = &walk->facts->gpu_arch;

    if (!recipe || !te_layers(walk) || !arch->known)
        return NOT_APPLICABLE;
    if (arch->value >= recipe->arch)
        return HOLDS;
    return violated(walk, finding,
                    "--%s-recipe %s needs a GPU of compute capability %" PRId64 ".%" PRId64
                    " or higher, this one has %" PRId64 ".%" PRId64,
                    walk->job->fp8 ? "fp8" : "fp4", recipe->name, recipe->arch / 10,
                    recipe->arch % 10, arch->value / 10, arch->value % 10);
}

static enum answer fp8_recipe_te(struct walk *walk, struct finding *finding)
{
    const struct recipe *recipe = recipe_of(walk->job);
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!recipe || !te_layers(walk))
        return NOT_APPLICABLE;
    if (!package_is_older(te, recipe->te))
        return HOLDS;
    return violated(walk, finding, "--%s-recipe %s needs Transformer Engine %.3s, %s is installed",
                    walk->job->fp8 ? "fp8" : "fp4", recipe->name, recipe->te, te->value);
}

static bool known_exchange(const char *name)
{
    static const char *const names[] = { "p2p", "all_gather", "a2a", "a2a+p2p", "allgather" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool te_context_parallel(const struct walk *walk)
{
    return walk->job->context_parallel_size > 1 && trainer_kind(walk) != TRAINER_OTHER &&
           is_word(walk->job->transformer_impl, "transformer_engine") &&
           !is_word(walk->job->experimental_attention_variant, "dsa");
}

static enum answer cp_value_names(struct walk *walk, struct finding *finding)
{
    const struct list *types = &walk->job->cp_comm_type;

    if (!te_context_parallel(walk))
        return NOT_APPLICABLE;
    for (int i = 0; i < types->count; i++)
        if (!known_exchange(types->item[i]))
            return violated(walk, finding,
                            "--cp-comm-type '%s' is none of p2p, all_gather, a2a, a2a+p2p",
                            types->item[i]);
    return HOLDS;
}

/* Ranks that exchange heads: all of CP, or the inner level of two. */
static int64_t head_exchange_ranks(const struct job *job)
{
    if (list_has(&job->cp_comm_type, "a2a"))
        return job->context_parallel_size;
    if (list_has(&job->cp_comm_type, "a2a+p2p") &&
        job->hierarchical_context_parallel_sizes.count > 0)
        return strtoll(job->hierarchical_context_parallel_sizes.item[0], NULL, 10);
    return 1;
}

static enum answer cp_a2a_heads(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t ranks = head_exchange_ranks(job), tp = job->tensor_model_parallel_size;
    int64_t heads, groups;

    if (!te_context_parallel(walk) || ranks <= 1 || tp < 1 || !is_set(job->num_attention_heads) ||
        !is_set(job->num_query_groups))
        return NOT_APPLICABLE;
    heads = job->num_attention_heads / tp;
    groups = is_on(job->multi_latent_attention) ? heads
             : job->num_query_groups < tp       ? 1
                                                : job->num_query_groups / tp;
    if (heads % ranks == 0 && groups % ranks == 0)
        return HOLDS;
    finding->fix = "--cp-comm-type p2p";
    return violated(walk, finding,
                    "--cp-comm-type a2a cannot share the %" PRId64 " heads and %" PRId64
                    " key-value heads of a rank between %" PRId64 " context parallel ranks",
                    heads, groups, ranks);
}

static enum answer cp_unfused(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!te_context_parallel(walk) || !job->attention_backend ||
        strcmp(job->attention_backend, "unfused") != 0)
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "--attention-backend unfused does not know context parallelism (CP = %" PRId64 ")",
                    job->context_parallel_size);
}

static enum answer cp_window(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct list *types = &job->cp_comm_type;

    if (!te_context_parallel(walk) || job->window_size.count < 0)
        return NOT_APPLICABLE;
    for (int i = 0; i < types->count; i++)
        if (strcmp(types->item[i], "a2a") != 0 && strcmp(types->item[i], "all_gather") != 0)
            return violated(walk, finding,
                            "--window-size with CP = %" PRId64
                            " works with --cp-comm-type a2a or all_gather, not '%s'",
                            job->context_parallel_size, types->item[i]);
    return HOLDS;
}

static enum answer sft(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->sft))
        return NOT_APPLICABLE;
    if (job->create_attention_mask_in_dataloader == 1) {
        finding->fix = "add --no-create-attention-mask-in-dataloader";
        return violated_at(walk, finding, 0,
                           "--sft makes no attention masks, but the data loader is to make "
                           "them");
    }
    if (is_on(job->reset_attention_mask) || is_on(job->reset_position_ids))
        return violated_at(walk, finding, 1, "--sft does not work with %s",
                           is_on(job->reset_attention_mask) ? "--reset-attention-mask"
                                                            : "--reset-position-ids");
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "bf16-arch",
      .stage = STAGE_STEP,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = bf16_arch,
      .options = "--bf16",
      .what = "bf16 needs compute capability 8.0",
      .why = "Older GPUs (V100, T4) have no bf16 arithmetic: torch emulates it, cuBLAS and Transformer "
             "Engine may refuse it.",
      .fix = "--fp16 in place of --bf16" },
    { .id = "fp8-arch",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = fp8_arch,
      .options = "--fp8-format --fp8-recipe --fp4-format",
      .what = "fp8 needs compute capability 8.9, blockwise 9.0, mxfp8 and nvfp4 10.0",
      .why = "Transformer Engine asks before its first 8-bit GEMM.",
      .fix = "drop --fp8-format, or another --fp8-recipe" },
    { .id = "fp8-recipe-te",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = fp8_recipe_te,
      .options = "--fp8-recipe --fp4-recipe",
      .needs = "fp4-te",
      .what = "recipes need their Transformer Engine: tensorwise 2.2, mxfp8 2.1, blockwise 2.3, "
              "nvfp4 2.7",
      .why = "It implements them.",
      .fix = "--fp8-recipe delayed" },
    { .id = "sp-seq-divisible",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = sequence_tp,
      .shape = true,
      .options = "--seq-length --sequence-parallel --tensor-model-parallel-size "
                 "--context-parallel-size",
      .needs = "cp-seq",
      .what = "--seq-length / CP is a multiple of TP under sequence parallelism",
      .why = "Tokens are split over tensor-parallel ranks.",
      .fix = "another --seq-length" },
    { .id = "mtp-full-uniform",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .check = mtp_full_uniform,
      .options = "--recompute-num-layers --mtp-num-layers",
      .needs = "recompute-full-layers",
      .what = "full uniform recomputation with MTP needs --recompute-num-layers 1",
      .why = "A depth is one layer.",
      .fix = "--recompute-num-layers 1" },
    { .id = "cp-value-names",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = cp_value_names,
      .options = "--cp-comm-type",
      .needs = "cp-comm-len",
      .what = "--cp-comm-type is p2p, all_gather, a2a or a2a+p2p",
      .why = "The parser takes any word, Transformer Engine does not.",
      .fix = "--cp-comm-type p2p" },
    { .id = "cp-a2a-heads",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = cp_a2a_heads,
      .options = "--cp-comm-type --context-parallel-size --num-attention-heads --num-query-groups "
                 "--tensor-model-parallel-size",
      .needs = "cp-value-names tp-divides-heads gqa-tp gqa-tp-old gqa-divides-heads",
      .what = "with --cp-comm-type a2a heads and groups of a rank are multiples of CP",
      .why = "Transformer Engine exchanges whole heads.",
      .fix = "--cp-comm-type p2p" },
    { .id = "cp-unfused",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = cp_unfused,
      .options = "--attention-backend --context-parallel-size",
      .what = "context parallelism needs fused or flash attention",
      .why = "Transformer Engine finds no backend in the first forward pass.",
      .fix = "--attention-backend auto" },
    { .id = "cp-window",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = cp_window,
      .needs = "cp-value-names",
      .options = "--window-size --context-parallel-size --cp-comm-type",
      .what = "--window-size with context parallelism needs --cp-comm-type a2a or all_gather",
      .why = "Transformer Engine's ring does not know windows.",
      .fix = "--cp-comm-type a2a" },
    { .id = "sft",
      .stage = STAGE_STEP,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = sft,
      .options = "--sft --no-create-attention-mask-in-dataloader --reset-attention-mask "
                 "--reset-position-ids",
      .what = "--sft excludes attention masks from the data loader and resets within a sample",
      .why = "Samples are packed with their lengths.",
      .fix = "drop the option" },
};

const struct rule_section step_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
