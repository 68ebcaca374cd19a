/* TransformerConfig, after recomputation: activations that wait on the host. */
#include <inttypes.h>

#include "rules/module_names.h"
#include "rules/sections.h"
#include "rules/truth.h"

/* The first offloaded module that lies inside the experts, or NULL. */
static const char *offloaded_expert_part(const struct job *job)
{
    static const char *const parts[] = { "moe_act", "expert_fc1", "fused_group_mlp" };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (list_has(&job->offload_modules, parts[i]))
            return parts[i];
    return NULL;
}

static enum answer offload_fused_group(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!list_has(&job->offload_modules, "fused_group_mlp"))
        return HOLDS;
    if (!is_on(job->use_transformer_engine_op_fuser))
        return violated_at(
            walk, finding, 0,
            "--offload-modules fused_group_mlp needs --use-transformer-engine-op-fuser");
    if (list_has(&job->offload_modules, "expert_fc1") || list_has(&job->offload_modules, "moe_act"))
        return violated_at(walk, finding, 1,
                           "--offload-modules fused_group_mlp already holds expert_fc1 and "
                           "moe_act");
    return HOLDS;
}

static enum answer offload_sizes(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (is_set(job->min_offloaded_tensor_size) && job->min_offloaded_tensor_size < 0)
        return violated_at(walk, finding, 0, "--min-offloaded-tensor-size %" PRId64 " is negative",
                           job->min_offloaded_tensor_size);
    if (!is_none_float(job->activation_offload_fraction) &&
        !(job->activation_offload_fraction >= 0 && job->activation_offload_fraction <= 1))
        return violated_at(walk, finding, 1,
                           "--activation-offload-fraction %g is not between 0 and 1",
                           job->activation_offload_fraction);
    if (is_set(job->delta_offload_bytes_across_pp_ranks) &&
        job->delta_offload_bytes_across_pp_ranks < 0)
        return violated_at(walk, finding, 2,
                           "--delta-offload-bytes-across-pp-ranks %" PRId64 " is negative",
                           job->delta_offload_bytes_across_pp_ranks);
    return HOLDS;
}

static enum answer offload_with_recompute(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *part = offloaded_expert_part(job);

    if (walk->release >= RELEASE_MAIN && list_has(&job->offload_modules, "gdp_qkv") &&
        is_recomputed(job, "gdp_in_proj"))
        return violated_at(walk, finding, 0,
                           "--offload-modules gdp_qkv has nothing to keep when "
                           "--recompute-modules gdp_in_proj makes it again");
    if (walk->release >= RELEASE_0_19_0 && is_recomputed(job, "moe") && part)
        return violated_at(
            walk, finding, 1,
            "--offload-modules %s lies inside what --recompute-modules moe makes again", part);
    return HOLDS;
}

static enum answer offload_modules(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *unknown;

    if (!is_on(job->fine_grained_activation_offloading))
        return NOT_APPLICABLE;
    if (is_on(job->cpu_offloading))
        return violated_at(walk, finding, 0,
                           "--fine-grained-activation-offloading and "
                           "--cpu-offloading-num-layers exclude each other");
    if (job->offload_modules.count <= 0)
        return violated_at(walk, finding, 1,
                           "--fine-grained-activation-offloading needs --offload-modules");
    unknown = unknown_module(&job->offload_modules, MODULE_OFFLOAD, walk->release);
    if (unknown) {
        finding_fix(walk, finding, "modules of this release are %s",
                    module_names(MODULE_OFFLOAD, walk->release, walk->arena));
        return violated_at(walk, finding, 2,
                           "--offload-modules '%s' is not a module this release can offload",
                           unknown);
    }
    if (list_has(&job->offload_modules, "attn_proj") &&
        !list_has(&job->offload_modules, "core_attn"))
        return violated_at(walk, finding, 3,
                           "--offload-modules attn_proj needs core_attn, whose output it "
                           "takes in");
    if (offload_with_recompute(walk, finding) == VIOLATED)
        return VIOLATED;
    if (walk->release >= RELEASE_0_19_0 && offload_sizes(walk, finding) == VIOLATED)
        return VIOLATED;
    return offload_fused_group(walk, finding);
}

static enum answer gdp_states(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t states = job->gdp_num_chunk_states_to_recompute;

    if (!is_on(job->gdp_cutedsl_kernel))
        return NOT_APPLICABLE;
    if (states >= 0 && states <= 64)
        return HOLDS;
    return violated(walk, finding,
                    "--gdp-num-chunk-states-to-recompute %" PRId64 " is not between 0 and 64",
                    states);
}

static enum answer gtp_opt_in(struct walk *walk, struct finding *finding)
{
    const struct list *modules = &walk->job->gtp_remat_opt_in_modules;

    for (int i = 0; i < modules->count; i++)
        if (strcmp(modules->item[i], "moe_latent_proj") != 0)
            return violated(walk, finding,
                            "--gtp-remat-opt-in-modules '%s' is not moe_latent_proj, the only one",
                            modules->item[i]);
    return HOLDS;
}

static enum answer paged_stash(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *part = offloaded_expert_part(job);

    if (!is_on(job->moe_paged_stash))
        return NOT_APPLICABLE;
    if (is_on(job->cpu_offloading))
        return violated_at(walk, finding, 0,
                           "--moe-paged-stash and --cpu-offloading-num-layers exclude each "
                           "other");
    if (is_none_float(job->moe_expert_rank_capacity_factor))
        return violated_at(walk, finding, 1,
                           "--moe-paged-stash needs --moe-expert-rank-capacity-factor");
    if (part)
        return violated_at(walk, finding, 2,
                           "--moe-paged-stash already holds what --offload-modules %s keeps", part);
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "fga-offload-modules",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = offload_modules,
      .options = "--fine-grained-activation-offloading --offload-modules --recompute-modules "
                 "--min-offloaded-tensor-size --activation-offload-fraction "
                 "--delta-offload-bytes-across-pp-ranks",
      .what = "--fine-grained-activation-offloading needs --offload-modules that go together",
      .why = "Each module's input is kept on the host until backward.",
      .fix = "--offload-modules core_attn" },
    { .id = "gdp-states",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = gdp_states,
      .options = "--gdp-num-chunk-states-to-recompute --gdp-cutedsl-kernel",
      .what = "--gdp-num-chunk-states-to-recompute is between 0 and 64",
      .why = "A limit of the CuTe DSL kernel.",
      .fix = "a number between 0 and 64" },
    { .id = "gtp-opt-in",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_MAIN,
      .until = RELEASE_MAIN,
      .check = gtp_opt_in,
      .options = "--gtp-remat-opt-in-modules",
      .what = "--gtp-remat-opt-in-modules may only name moe_latent_proj",
      .why = "No other module opts in.",
      .fix = "--gtp-remat-opt-in-modules moe_latent_proj" },
    { .id = "paged-stash",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = paged_stash,
      .options = "--moe-paged-stash --moe-expert-rank-capacity-factor --offload-modules",
      .what = "--moe-paged-stash needs --moe-expert-rank-capacity-factor and no other offloading",
      .why = "Pages are sized for expert buffers of fixed size.",
      .fix = "drop --moe-paged-stash" },
};

const struct rule_section config_offload_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
