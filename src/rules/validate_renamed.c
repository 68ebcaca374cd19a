/* Second part of validate_args: context parallel groups, the expert tensor parallel default, and
 * options that were renamed or withdrawn. */
#include <inttypes.h>
#include <stdlib.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void split_rank_is_encoder(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->pipeline_model_parallel_split_rank))
        return;
    job->encoder_pipeline_model_parallel_size = job->pipeline_model_parallel_split_rank;
    job->pipeline_model_parallel_size -= job->encoder_pipeline_model_parallel_size;
}

static void etp_default(struct walk *walk)
{
    struct job *job = walk->job;

    if (!is_set(job->expert_tensor_parallel_size))
        job->expert_tensor_parallel_size = job->tensor_model_parallel_size;
}

static void recompute_alias(struct walk *walk)
{
    if (is_on(walk->job->recompute_activations))
        walk->job->recompute_granularity = "selective";
}

static void graph_flags(struct walk *walk)
{
    struct job *job = walk->job;

    if (is_on(job->enable_cuda_graph))
        job->cuda_graph_impl = "local";
    if (is_on(job->external_cuda_graph))
        job->cuda_graph_impl = "transformer_engine";
}

static void graph_modules_alias(struct walk *walk)
{
    if (walk->job->cuda_graph_scope_deprecated.count >= 0)
        walk->job->cuda_graph_modules = walk->job->cuda_graph_scope_deprecated;
}

/* The list without the words that only old spellings use; "full" alone means no list at all. */
static void drop_deprecated_modules(struct walk *walk, struct list *modules)
{
    const char **kept = arena_alloc(walk->arena, (size_t)(modules->count + 1) * sizeof(*kept));
    int count = 0;

    for (int i = 0; i < modules->count; i++)
        if (strncmp(modules->item[i], "full", 4) != 0)
            kept[count++] = modules->item[i];
    *modules = (struct list) { .count = count, .item = kept };
}

static void graph_modules(struct walk *walk)
{
    struct job *job = walk->job;

    if (walk_violated(walk, "cg-deprecated-mod"))
        ;
    else if (list_has(&job->cuda_graph_modules, "full_iteration"))
        job->cuda_graph_impl = "full_iteration";
    else if (list_has(&job->cuda_graph_modules, "full_iteration_inference") &&
             !is_word(job->cuda_graph_impl, "none"))
        job->inference_cuda_graph_scope = "block";
    drop_deprecated_modules(walk, &job->cuda_graph_modules);
}

static void inference_graph_scope(struct walk *walk)
{
    struct job *job = walk->job;

    if (!job->inference_cuda_graph_scope)
        job->inference_cuda_graph_scope = is_word(job->cuda_graph_impl, "local") ? "layer" : "none";
}

static enum answer split_rank(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t rank = job->pipeline_model_parallel_split_rank;
    int64_t pp = job->pipeline_model_parallel_size;

    if (!is_set(rank) || (walk->release == RELEASE_0_8_0 && pp <= 1))
        return NOT_APPLICABLE;
    if (rank < pp)
        return HOLDS;
    return violated(walk, finding,
                    "the encoder's %" PRId64 " pipeline ranks leave none of %" PRId64
                    " to the decoder",
                    rank, pp);
}

static enum answer tp_overlap_sp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->tp_comm_overlap))
        return NOT_APPLICABLE;
    if (is_on(job->sequence_parallel))
        return HOLDS;
    return violated(walk, finding,
                    "--tp-comm-overlap has no sequence parallel communication to "
                    "overlap: no --sequence-parallel");
}

static int64_t product(const struct list *list)
{
    int64_t product = 1;

    for (int i = 0; i < list->count; i++)
        product *= strtoll(list->item[i], NULL, 10);
    return product;
}

static enum answer hcp_product(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct list *sizes = &job->hierarchical_context_parallel_sizes;

    if (sizes->count <= 0)
        return NOT_APPLICABLE;
    if (product(sizes) == job->context_parallel_size)
        return HOLDS;
    return violated(walk, finding,
                    "the hierarchical context parallel sizes multiply to %" PRId64
                    ", --context-parallel-size is %" PRId64,
                    product(sizes), job->context_parallel_size);
}

static enum answer hcp_needed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!list_has(&job->cp_comm_type, "a2a+p2p"))
        return NOT_APPLICABLE;
    if (job->hierarchical_context_parallel_sizes.count >= 0)
        return HOLDS;
    if (job->context_parallel_size > 1 && job->context_parallel_size % 2 == 0)
        finding_fix(walk, finding, "--hierarchical-context-parallel-sizes 2 %" PRId64,
                    job->context_parallel_size / 2);
    return violated(walk, finding,
                    "'--cp-comm-type a2a+p2p' has no two levels to work on: no "
                    "--hierarchical-context-parallel-sizes");
}

static enum answer removed_options(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_set(job->batch_size))
        return violated_at(walk, finding, 0,
                           "--batch-size exists only to fail: it is --micro-batch-size");
    if (is_set(job->warmup))
        return violated_at(walk, finding, 1,
                           "--warmup exists only to fail: it is --lr-warmup-fraction");
    if (is_set(job->model_parallel_size))
        return violated_at(walk, finding, 2,
                           "--model-parallel-size exists only to fail: it is "
                           "--tensor-model-parallel-size");
    return HOLDS;
}

static enum answer checkpoint_activations(struct walk *walk, struct finding *finding)
{
    if (!is_on(walk->job->checkpoint_activations))
        return HOLDS;
    return violated(walk, finding,
                    "--checkpoint-activations ends the program with status 0 and trains nothing");
}

static enum answer graph_flags_alone(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->enable_cuda_graph) && !is_on(job->external_cuda_graph))
        return NOT_APPLICABLE;
    if (!is_word(job->cuda_graph_impl, "none"))
        return violated_at(
            walk, finding, 0, "%s and '--cuda-graph-impl %s' say the same thing twice",
            is_on(job->enable_cuda_graph) ? "--enable-cuda-graph" : "--external-cuda-graph",
            job->cuda_graph_impl);
    if (!is_on(job->enable_cuda_graph) || !is_on(job->external_cuda_graph))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--enable-cuda-graph and --external-cuda-graph exclude each other");
}

static enum answer graph_scope_once(struct walk *walk, struct finding *finding)
{
    if (walk->job->cuda_graph_scope_deprecated.count < 0)
        return NOT_APPLICABLE;
    if (walk->job->cuda_graph_modules.count <= 0)
        return HOLDS;
    return violated(walk, finding,
                    "--cuda-graph-scope and --cuda-graph-modules say the same thing twice");
}

/* The old word among the modules, NULL when there is none. */
static const char *old_module(const struct list *modules)
{
    for (int i = 0; i < modules->count; i++)
        if (strncmp(modules->item[i], "full", 4) == 0)
            return modules->item[i];
    return NULL;
}

static enum answer graph_full_alone(struct walk *walk, struct finding *finding)
{
    const struct list *modules = &walk->job->cuda_graph_modules;

    if (!list_has(modules, "full"))
        return NOT_APPLICABLE;
    if (modules->count == 1)
        return HOLDS;
    return violated(walk, finding, "'full' is the whole layer and stands alone, not with %d others",
                    modules->count - 1);
}

static bool scope_is(const struct job *job, const char *word)
{
    return !job->inference_cuda_graph_scope || is_word(job->inference_cuda_graph_scope, word);
}

static enum answer graph_old_words(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct list *modules = &job->cuda_graph_modules;
    const char *word = old_module(modules);
    const char *impl = job->cuda_graph_impl;

    if (!word || list_has(modules, "full"))
        return NOT_APPLICABLE;
    if (list_has(modules, "full_iteration") && list_has(modules, "full_iteration_inference"))
        return violated_at(walk, finding, 0,
                           "'full_iteration' and 'full_iteration_inference' cannot "
                           "both be asked for");
    if (is_word(impl, "transformer_engine") ||
        (is_word(impl, "full_iteration") && !is_word(word, "full_iteration")))
        return violated_at(walk, finding, is_word(word, "full_iteration") ? 1 : 3,
                           "'%s' cannot be captured by '--cuda-graph-impl %s'", word, impl);
    if (!scope_is(job, is_word(word, "full_iteration") ? "none" : "block"))
        return violated_at(walk, finding, is_word(word, "full_iteration") ? 2 : 4,
                           "'%s' contradicts '--inference-cuda-graph-scope %s'", word,
                           job->inference_cuda_graph_scope);
    return HOLDS;
}

static enum answer inference_graph_allowed(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    bool local = is_word(job->cuda_graph_impl, "local");

    if (!job->inference_cuda_graph_scope ||
        local != is_word(job->inference_cuda_graph_scope, "none"))
        return HOLDS;
    return violated(walk, finding, "'--cuda-graph-impl %s' has no inference graphs of scope '%s'",
                    job->cuda_graph_impl, job->inference_cuda_graph_scope);
}

static const struct rule rows[] = {
    { .id = "pipeline-split-rank",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_13_0,
      .options = "--pipeline-model-parallel-split-rank --pipeline-model-parallel-size",
      .shape = true,
      .check = split_rank,
      .what = "the encoder leaves pipeline ranks to the decoder",
      .why = "A T5 pipeline is split at this rank.",
      .fix = "a smaller --pipeline-model-parallel-split-rank" },
    { .id = "split-rank-is-encoder",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_9_0,
      .until = RELEASE_0_13_0,
      .adjust = split_rank_is_encoder,
      .what = "--pipeline-model-parallel-split-rank becomes the encoder's pipeline size",
      .why = "The decoder keeps the rest of the pipeline." },
    { .id = "tp-overlap-sp",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_9_0,
      .options = "--tp-comm-overlap --sequence-parallel",
      .check = tp_overlap_sp,
      .what = "--tp-comm-overlap needs --sequence-parallel",
      .why = "Only the all-gathers and reduce-scatters of sequence parallel are overlapped.",
      .fix = "--sequence-parallel, or remove --tp-comm-overlap" },
    { .id = "hcp-product",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--hierarchical-context-parallel-sizes --context-parallel-size",
      .shape = true,
      .check = hcp_product,
      .what = "hierarchical context parallel sizes multiply to the context parallel size",
      .why = "They are the levels of one group.",
      .fix = "sizes whose product is --context-parallel-size" },
    { .id = "hcp-needed",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .options = "--cp-comm-type --hierarchical-context-parallel-sizes",
      .check = hcp_needed,
      .what = "--cp-comm-type a2a+p2p needs --hierarchical-context-parallel-sizes",
      .why = "All-to-all runs inside the first level, point-to-point between them.",
      .fix = "--hierarchical-context-parallel-sizes A2A P2P with A2A x P2P = CP" },
    { .id = "etp-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .adjust = etp_default,
      .what = "--expert-tensor-parallel-size is TP unless given",
      .why = "Experts then need ranks divisible by TP x EP x PP." },
    { .id = "removed-options",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--batch-size --warmup --model-parallel-size",
      .check = removed_options,
      .what = "no option that exists only to fail",
      .why = "--batch-size, --warmup and --model-parallel-size were renamed long ago.",
      .fix = "--micro-batch-size, --lr-warmup-fraction, --tensor-model-parallel-size" },
    { .id = "checkpoint-activations",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--checkpoint-activations",
      .check = checkpoint_activations,
      .what = "--checkpoint-activations is not given",
      .why = "The program prints advice and exits with status 0: the job seems to succeed.",
      .fix = "--recompute-activations" },
    { .id = "recompute-alias",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = recompute_alias,
      .what = "--recompute-activations is --recompute-granularity selective",
      .why = "It wins over an explicit --recompute-granularity." },
    { .id = "cg-legacy-xor",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .options = "--enable-cuda-graph --external-cuda-graph --cuda-graph-impl",
      .check = graph_flags_alone,
      .what = "at most one of --enable-cuda-graph, --external-cuda-graph and "
              "--cuda-graph-impl",
      .why = "The flags are old names of implementations.",
      .fix = "keep --cuda-graph-impl only" },
    { .id = "graph-flags",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .adjust = graph_flags,
      .what = "--enable-cuda-graph and --external-cuda-graph set --cuda-graph-impl",
      .why = "local and transformer_engine; the flags are deprecated." },
    { .id = "cg-scope-xor",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--cuda-graph-scope --cuda-graph-modules",
      .check = graph_scope_once,
      .what = "--cuda-graph-scope excludes --cuda-graph-modules",
      .why = "The first is the old name of the second.",
      .fix = "keep --cuda-graph-modules only" },
    { .id = "graph-modules-alias",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = graph_modules_alias,
      .what = "--cuda-graph-scope is --cuda-graph-modules",
      .why = "The old name is kept for scripts of 0.17." },
    { .id = "cg-full-alone",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--cuda-graph-modules --cuda-graph-scope",
      .check = graph_full_alone,
      .what = "full is the only module given",
      .why = "It means the whole layer.",
      .fix = "leave --cuda-graph-modules out for the whole layer" },
    { .id = "cg-deprecated-mod",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--cuda-graph-modules --cuda-graph-scope --cuda-graph-impl "
                 "--inference-cuda-graph-scope",
      .check = graph_old_words,
      .what = "full, full_iteration and full_iteration_inference fit the options that "
              "replaced them",
      .why = "The words of 0.17 set --cuda-graph-impl or --inference-cuda-graph-scope.",
      .fix = "--cuda-graph-impl full_iteration, or --inference-cuda-graph-scope block" },
    { .id = "graph-modules-old-words",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = graph_modules,
      .what = "full, full_iteration and full_iteration_inference move to other options",
      .why = "--cuda-graph-modules names parts of a layer only." },
    { .id = "inference-graph-scope-default",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .adjust = inference_graph_scope,
      .what = "--inference-cuda-graph-scope is layer with --cuda-graph-impl local, else none",
      .why = "Inference graphs exist only for the local implementation." },
    { .id = "cg-inference-scope",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--inference-cuda-graph-scope --cuda-graph-impl",
      .needs = "cg-deprecated-mod cg-full-alone",
      .check = inference_graph_allowed,
      .what = "inference graphs exist with --cuda-graph-impl local, and only there",
      .why = "local: layer or block; every other implementation: none.",
      .fix = "--cuda-graph-impl local, or remove --inference-cuda-graph-scope" },
};

const struct rule_section validate_renamed_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
