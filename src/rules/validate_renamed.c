/* Second part of validate_args: context parallel groups, the expert tensor parallel default, and options
 * that were renamed or withdrawn. */
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
    *modules = (struct list){ .count = count, .item = kept };
}

static void graph_modules(struct walk *walk)
{
    struct job *job = walk->job;

    if (list_has(&job->cuda_graph_modules, "full_iteration"))
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

static const struct rule rows[] = {
    { .id = "split-rank-is-encoder", .stage = STAGE_VALIDATE, .since = RELEASE_0_9_0,
      .until = RELEASE_0_13_0, .adjust = split_rank_is_encoder,
      .what = "--pipeline-model-parallel-split-rank becomes the encoder's pipeline size",
      .why = "The decoder keeps the rest of the pipeline." },
    { .id = "etp-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_10_0, .until = RELEASE_MAIN,
      .adjust = etp_default, .what = "--expert-tensor-parallel-size is TP unless given",
      .why = "Experts then need ranks divisible by TP x EP x PP." },
    { .id = "recompute-alias", .stage = STAGE_VALIDATE, .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN, .adjust = recompute_alias,
      .what = "--recompute-activations is --recompute-granularity selective",
      .why = "It wins over an explicit --recompute-granularity." },
    { .id = "graph-flags", .stage = STAGE_VALIDATE, .since = RELEASE_0_15_0, .until = RELEASE_MAIN,
      .adjust = graph_flags,
      .what = "--enable-cuda-graph and --external-cuda-graph set --cuda-graph-impl",
      .why = "local and transformer_engine; the flags are deprecated." },
    { .id = "graph-modules-alias", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = graph_modules_alias,
      .what = "--cuda-graph-scope is --cuda-graph-modules",
      .why = "The old name is kept for scripts of 0.17." },
    { .id = "graph-modules-old-words", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = graph_modules,
      .what = "full, full_iteration and full_iteration_inference move to other options",
      .why = "--cuda-graph-modules names parts of a layer only." },
    { .id = "inference-graph-scope-default", .stage = STAGE_VALIDATE, .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN, .adjust = inference_graph_scope,
      .what = "--inference-cuda-graph-scope is layer with --cuda-graph-impl local, else none",
      .why = "Inference graphs exist only for the local implementation." },
};

const struct rule_section validate_renamed_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
