/* Last part of validate_args: delayed weight gradients, activation offloading, CUDA graphs. */
#include "rules/sections.h"
#include "rules/truth.h"

static void cpu_offload_layers(struct walk *walk)
{
    if (is_set(walk->job->cpu_offloading_num_layers) && walk->job->cpu_offloading_num_layers > 0)
        walk->job->cpu_offloading = 1;
}

static bool has_graphs(const struct walk *walk)
{
    const struct job *job = walk->job;

    if (walk->release >= RELEASE_0_15_0)
        return !is_word(job->cuda_graph_impl, "none");
    return is_on(job->enable_cuda_graph) || is_on(job->external_cuda_graph);
}

static void graph_rng(struct walk *walk)
{
    struct job *job = walk->job;

    if (has_graphs(walk) &&
        (is_word(job->transformer_impl, "transformer_engine") ||
         (walk->release >= RELEASE_0_16_0 && is_word(job->cuda_graph_impl, "transformer_engine"))))
        job->te_rng_tracker = 1;
}

static void graph_scope_full(struct walk *walk)
{
    if (list_has(&walk->job->cuda_graph_scope, "full"))
        walk->job->cuda_graph_scope = (struct list){ .count = 0 };
}

static const struct rule rows[] = {
    { .id = "cpu-offload-layers", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN, .adjust = cpu_offload_layers,
      .what = "--cpu-offloading-num-layers above 0 offloads activations",
      .why = "cpu_offloading has no option of its own." },
    { .id = "cg-rng", .stage = STAGE_VALIDATE, .since = RELEASE_0_14_0, .until = RELEASE_MAIN,
      .adjust = graph_rng,
      .what = "CUDA graphs with Transformer Engine turn --te-rng-tracker on",
      .why = "A captured graph needs a random state that can be captured." },
    { .id = "graph-scope-full", .stage = STAGE_VALIDATE, .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0, .adjust = graph_scope_full,
      .what = "--cuda-graph-scope full is the empty list",
      .why = "No part named: the whole layer." },
};

const struct rule_section validate_graphs_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
