/* Building the model: attention, normalization and how many layers go where. Experts, hybrid models
 * and what comes after (wrapping, optimizer, schedule) have files of their own, model_*.c. */
#include <inttypes.h>

#include "rules/packages.h"
#include "rules/sections.h"
#include "rules/trainer_kind.h"
#include "rules/truth.h"

static bool local_layers(const struct walk *walk)
{
    return builds_standard_gpt(walk) && is_word(walk->job->transformer_impl, "local");
}

/* Attention by Transformer Engine. */
static bool te_attention(const struct walk *walk)
{
    if (!is_word(walk->job->transformer_impl, "transformer_engine"))
        return false;
    if (has_common_attention(walk))
        return true;
    return builds_standard_gpt(walk) && is_on(walk->job->multi_latent_attention) &&
           !is_word(walk->job->experimental_attention_variant, "dsa");
}

static enum answer spec_words(struct walk *walk, struct finding *finding)
{
    const struct list *spec = &walk->job->spec;

    if (spec->count < 0 || trainer_kind(walk) == TRAINER_OTHER)
        return NOT_APPLICABLE;
    if (spec->count == 2)
        return HOLDS;
    return violated(walk, finding, "--spec takes a module and a name in it, not %d word%s",
                    spec->count, spec->count == 1 ? "" : "s");
}

static enum answer te_installed(struct walk *walk, struct finding *finding)
{
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!te_attention(walk))
        return NOT_APPLICABLE;
    if (!package_is_missing(te))
        return HOLDS;
    return violated(
        walk, finding,
        "--transformer-impl is transformer_engine%s, but Transformer Engine is not installed",
        job_given(walk->job, JOB_transformer_impl) ? "" : " unless given");
}

static enum answer attention_environment(struct walk *walk, struct finding *finding)
{
    static const struct {
        const char *backend, *flash, *fused, *unfused;
    } backends[] = {
        { "flash", "1", "0", "0" }, { "fused", "0", "1", "0" }, { "unfused", "0", "0", "1" },
        { "local", "0", "0", "0" }, { "auto", "1", "1", "1" },
    };
    const struct environment *env = &walk->facts->environment;
    const char *backend = walk->job->attention_backend;

    if (!env->known || !backend || trainer_kind(walk) == TRAINER_OTHER)
        return NOT_APPLICABLE;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        const struct {
            const char *name, *want;
        } want[] = { { "NVTE_FLASH_ATTN", backends[i].flash },
                     { "NVTE_FUSED_ATTN", backends[i].fused },
                     { "NVTE_UNFUSED_ATTN", backends[i].unfused } };

        for (size_t v = 0; v < 3 && is_word(backend, backends[i].backend); v++) {
            const char *value = environment_get(env, want[v].name);

            if (!value || strcmp(value, want[v].want) == 0)
                continue;
            finding_fix(walk, finding, "unset %s", want[v].name);
            return violated(walk, finding,
                            "%s=%s contradicts --attention-backend %s, which wants %s",
                            want[v].name, value, backend, want[v].want);
        }
    }
    return HOLDS;
}

static enum answer qk_scaling_environment(struct walk *walk, struct finding *finding)
{
    const char *value = environment_get(&walk->facts->environment, "NVTE_APPLY_QK_LAYER_SCALING");
    bool on = is_on(walk->job->apply_query_key_layer_scaling);

    if (!walk->facts->environment.known || !te_attention(walk))
        return NOT_APPLICABLE;
    if (on == (value && strcmp(value, "0") != 0))
        return HOLDS;
    finding_fix(walk, finding,
                on ? "export NVTE_APPLY_QK_LAYER_SCALING=1" : "unset NVTE_APPLY_QK_LAYER_SCALING");
    return violated(walk, finding,
                    "--apply-query-key-layer-scaling is %s, but "
                    "NVTE_APPLY_QK_LAYER_SCALING is %s",
                    on ? "given" : "not given",
                    variable_shown(walk, "NVTE_APPLY_QK_LAYER_SCALING"));
}

/* Transformer Engine's attention reads it with int(). */
static enum answer switch_is_number(struct walk *walk, struct finding *finding)
{
    const char *value =
        environment_get(&walk->facts->environment, "NVTE_ALLOW_NONDETERMINISTIC_ALGO");

    if (!walk->facts->environment.known || !te_attention(walk) || !value)
        return NOT_APPLICABLE;
    if (*value && !value[strspn(value, "0123456789+-_ ")])
        return HOLDS;
    return violated(walk, finding, "NVTE_ALLOW_NONDETERMINISTIC_ALGO='%s' is not a number", value);
}

static enum answer deterministic_environment(struct walk *walk, struct finding *finding)
{
    const char *value =
        environment_get(&walk->facts->environment, "NVTE_ALLOW_NONDETERMINISTIC_ALGO");

    if (!walk->facts->environment.known || !te_attention(walk) ||
        !is_on(walk->job->deterministic_mode))
        return NOT_APPLICABLE;
    if (is_word(value, "0"))
        return HOLDS;
    return violated(walk, finding,
                    "--deterministic-mode needs NVTE_ALLOW_NONDETERMINISTIC_ALGO=0, which is %s",
                    variable_shown(walk, "NVTE_ALLOW_NONDETERMINISTIC_ALGO"));
}

static enum answer te_version(struct walk *walk, struct finding *finding, const char *option,
                              const char *version)
{
    const struct fact_str *te = &walk->facts->transformer_engine;

    if (!package_is_older(te, version))
        return HOLDS;
    return violated(walk, finding, "%s needs Transformer Engine %s, %s is installed", option,
                    version, te->value);
}

static enum answer softmax_type(struct walk *walk, struct finding *finding)
{
    const char *type = walk->job->softmax_type;

    if (!te_attention(walk) || !type || is_word(type, "vanilla"))
        return NOT_APPLICABLE;
    return te_version(walk, finding, "--softmax-type", "2.8.0");
}

static enum answer window(struct walk *walk, struct finding *finding)
{
    if (!te_attention(walk) || walk->job->window_size.count < 0)
        return NOT_APPLICABLE;
    return te_version(walk, finding, "--window-size", "1.2.0");
}

static enum answer cp_te_version(struct walk *walk, struct finding *finding)
{
    if (!te_attention(walk) || walk->job->context_parallel_size <= 1)
        return NOT_APPLICABLE;
    if (list_has(&walk->job->cp_comm_type, "a2a+p2p"))
        return te_version(walk, finding, "--cp-comm-type a2a+p2p", "1.12.0");
    return te_version(walk, finding, "--context-parallel-size", "1.0.0");
}

static enum answer cp_needs_te(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!local_layers(walk))
        return NOT_APPLICABLE;
    if (job->context_parallel_size <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "CP = %" PRId64 " needs attention by Transformer Engine, but "
                    "--transformer-impl is local",
                    job->context_parallel_size);
}

static enum answer norm_local(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!local_layers(walk) || !is_word(job->normalization, "RMSNorm"))
        return NOT_APPLICABLE;
    if (is_on(job->layernorm_zero_centered_gamma) || is_on(job->apply_layernorm_1p))
        return violated_at(walk, finding, 0,
                           "torch's normalization, which --transformer-impl local uses here, "
                           "does not know --apply-layernorm-1p");
    if (!is_on(job->no_persist_layer_norm)) {
        finding->fix = "add --no-persist-layer-norm";
        return violated_at(walk, finding, 1,
                           "torch's normalization, which --transformer-impl local uses here, "
                           "has no persistent kernel");
    }
    if (!is_on(job->sequence_parallel))
        return HOLDS;
    finding->fix = "drop --sequence-parallel, or --transformer-impl transformer_engine";
    return violated_at(walk, finding, 2,
                       "torch's normalization, which --transformer-impl local uses here, does "
                       "not work with sequence parallelism");
}

static enum answer mla_local(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!local_layers(walk))
        return NOT_APPLICABLE;
    return is_on(walk->job->multi_latent_attention) ? VIOLATED : HOLDS;
}

static enum answer qk_l2_mla(struct walk *walk, struct finding *finding)
{
    (void)finding;
    if (!builds_standard_gpt(walk) || !is_on(walk->job->multi_latent_attention))
        return NOT_APPLICABLE;
    return is_on(walk->job->qk_l2_norm) ? VIOLATED : HOLDS;
}

static enum answer variant_te_only(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_standard_gpt(walk) || !job->experimental_attention_variant)
        return NOT_APPLICABLE;
    if (is_word(job->transformer_impl, "transformer_engine"))
        return HOLDS;
    return violated(walk, finding,
                    "--experimental-attention-variant %s works with --transformer-impl "
                    "transformer_engine, not with %s",
                    job->experimental_attention_variant, job->transformer_impl);
}

static enum answer variant_mtp(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_standard_gpt(walk) || !job->experimental_attention_variant)
        return NOT_APPLICABLE;
    if (!is_set(job->mtp_num_layers))
        return HOLDS;
    return violated(
        walk, finding,
        "--experimental-attention-variant %s does not work with --mtp-num-layers %" PRId64,
        job->experimental_attention_variant, job->mtp_num_layers);
}

static enum answer dsa_needs_mla(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_standard_gpt(walk) || !is_word(job->experimental_attention_variant, "dsa"))
        return NOT_APPLICABLE;
    if (!is_on(job->multi_latent_attention))
        return violated_at(walk, finding, 0,
                           "DSA attention selects from latents, but "
                           "--multi-latent-attention is not given");
    if (is_on(job->qk_l2_norm))
        return violated_at(walk, finding, 1, "DSA attention does not work with --qk-l2-norm");
    return HOLDS;
}

static enum answer dsa_indexer(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_standard_gpt(walk) || !is_word(job->experimental_attention_variant, "dsa"))
        return NOT_APPLICABLE;
    if (is_set(job->dsa_indexer_head_dim) && is_set(job->dsa_indexer_n_heads))
        return HOLDS;
    return violated_at(
        walk, finding, is_set(job->dsa_indexer_head_dim), "DSA attention's indexer has no %s",
        is_set(job->dsa_indexer_head_dim) ? "--dsa-indexer-n-heads" : "--dsa-indexer-head-dim");
}

/* Layers of sparse attention come with 0.18; the option knows its name before. */
static enum answer dsa_layers(struct walk *walk, struct finding *finding)
{
    if (!builds_standard_gpt(walk) || !is_word(walk->job->experimental_attention_variant, "dsa"))
        return NOT_APPLICABLE;
    return violated(walk, finding, "this release cannot build layers of DSA attention");
}

static enum answer fused_down_projection(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!builds_standard_gpt(walk) || !is_on(job->mla_down_proj_fusion) ||
        !is_on(job->multi_latent_attention))
        return NOT_APPLICABLE;
    if (is_set(job->q_lora_rank))
        return HOLDS;
    return violated(walk, finding, "--mla-down-proj-fusion comes without --q-lora-rank");
}

static enum answer la_freq(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const struct freq *freq = &job->linear_attention_freq;

    if (!builds_standard_gpt(walk) || !job->experimental_attention_variant ||
        !is_set(job->num_layers))
        return NOT_APPLICABLE;
    if (freq->kind == FREQ_INT && freq->every == 0)
        return violated_at(walk, finding, 0, "--linear-attention-freq 0 divides by zero");
    if (freq->kind == FREQ_NONE && is_word(job->experimental_attention_variant, "gdn2"))
        return violated_at(walk, finding, 2,
                           "--experimental-attention-variant gdn2 needs --linear-attention-freq "
                           "to say which layers use it");
    if (freq->kind != FREQ_LIST || freq->count == job->num_layers)
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--linear-attention-freq lists %d layers, the model has %" PRId64,
                       freq->count, job->num_layers);
}

static enum answer fused_gradients(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->gradient_accumulation_fusion) || trainer_kind(walk) == TRAINER_OTHER)
        return NOT_APPLICABLE;
    if (!package_is_missing(&walk->facts->apex))
        return HOLDS;
    return violated(walk, finding,
                    "gradients are accumulated by a kernel of apex unless "
                    "--no-gradient-accumulation-fusion, but apex is not installed");
}

static const struct rule rows[] = {
    { .id = "spec-words",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = spec_words,
      .options = "--spec",
      .what = "--spec is a module and the name of a specification in it",
      .why = "It is imported as 'from MODULE import NAME'.",
      .fix = "--spec PACKAGE.MODULE NAME" },
    /* A package can be importable without a trace beside the interpreter: only a warning. */
    { .id = "te-installed",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = te_installed,
      .options = "--transformer-impl",
      .what = "Transformer Engine's layers need Transformer Engine",
      .why = "--transformer-impl is transformer_engine by default.",
      .fix = "install Transformer Engine, or --transformer-impl local" },
    { .id = "attn-env-conflict",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = attention_environment,
      .options = "--attention-backend $NVTE_FLASH_ATTN $NVTE_FUSED_ATTN $NVTE_UNFUSED_ATTN",
      .what = "NVTE_*_ATTN agree with --attention-backend, also with the default auto",
      .why = "Megatron sets them itself and refuses to overwrite.",
      .fix = "unset them" },
    { .id = "qk-l2-mla",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = qk_l2_mla,
      .options = "--qk-l2-norm --multi-latent-attention",
      .what = "multi-latent attention excludes --qk-l2-norm",
      .why = "It normalizes its latents.",
      .fix = "drop --qk-l2-norm" },
    { .id = "exp-te-only",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = variant_te_only,
      .options = "--experimental-attention-variant --transformer-impl",
      .what = "experimental attention needs --transformer-impl transformer_engine",
      .why = "Its layers are made of Transformer Engine's.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "mtp-variant",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .check = variant_mtp,
      .options = "--experimental-attention-variant --mtp-num-layers",
      .what = "experimental attention excludes multi-token prediction since 0.19",
      .why = "Prediction layers are made by code that refuses it.",
      .fix = "drop --mtp-num-layers" },
    { .id = "dsa-mla",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = dsa_needs_mla,
      .options = "--experimental-attention-variant --multi-latent-attention --qk-l2-norm",
      .what = "DSA attention needs --multi-latent-attention",
      .why = "Keys are selected from its latents.",
      .fix = "add --multi-latent-attention" },
    { .id = "dsa-indexer",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = dsa_indexer,
      .options = "--experimental-attention-variant --dsa-indexer-head-dim --dsa-indexer-n-heads",
      .needs = "exp-te-only dsa-mla",
      .what = "DSA attention needs --dsa-indexer-head-dim and --dsa-indexer-n-heads",
      .why = "They have no defaults; the indexer computes with None.",
      .fix = "--dsa-indexer-n-heads 64 --dsa-indexer-head-dim 128 --dsa-indexer-topk 2048" },
    { .id = "dsa-old",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_0_17_0,
      .check = dsa_layers,
      .options = "--experimental-attention-variant",
      .needs = "exp-te-only",
      .what = "DSA attention cannot be built before 0.18",
      .why = "The GPT's layers know gated_delta_net only.",
      .fix = "drop --experimental-attention-variant" },
    { .id = "mla-downproj-rank",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_17_0,
      .until = RELEASE_MAIN,
      .check = fused_down_projection,
      .options = "--mla-down-proj-fusion --q-lora-rank",
      .what = "--mla-down-proj-fusion needs --q-lora-rank",
      .why = "It fuses the down-projections of queries and keys.",
      .fix = "add --q-lora-rank" },
    { .id = "la-freq",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = la_freq,
      .options = "--linear-attention-freq --num-layers",
      .what = "--linear-attention-freq is a number, or lists every layer",
      .why = "It says which layers use linear attention.",
      .fix = "as many entries as --num-layers" },
    { .id = "mla-local",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = mla_local,
      .options = "--multi-latent-attention --transformer-impl",
      .what = "multi-latent attention needs --transformer-impl transformer_engine",
      .why = "The local core attention does not take its key and value widths.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "norm-local",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = norm_local,
      .options = "--normalization --transformer-impl --no-persist-layer-norm --sequence-parallel",
      .what = "RMSNorm with --transformer-impl local needs --no-persist-layer-norm and no sequence "
              "parallelism",
      .why = "It is torch's, which has neither.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "cp-needs-te",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_needs_te,
      .options = "--context-parallel-size --transformer-impl",
      .needs = "mla-local norm-local",
      .what = "context parallelism needs --transformer-impl transformer_engine",
      .why = "Only Transformer Engine's attention exchanges keys and values.",
      .fix = "--transformer-impl transformer_engine" },
    { .id = "qk-scaling-env",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = qk_scaling_environment,
      .options = "--apply-query-key-layer-scaling $NVTE_APPLY_QK_LAYER_SCALING",
      .what = "--apply-query-key-layer-scaling and NVTE_APPLY_QK_LAYER_SCALING agree",
      .why = "Transformer Engine reads the variable only.",
      .fix = "export NVTE_APPLY_QK_LAYER_SCALING=1" },
    { .id = "cp-te-version",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = cp_te_version,
      .options = "--context-parallel-size --cp-comm-type",
      .needs = "te-installed",
      .what = "context parallelism needs Transformer Engine 1.0, a2a+p2p 1.12",
      .why = "It implements the exchange.",
      .fix = "a newer Transformer Engine" },
    { .id = "det-te",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_18_2,
      .check = deterministic_environment,
      .options = "--deterministic-mode $NVTE_ALLOW_NONDETERMINISTIC_ALGO",
      .what = "--deterministic-mode needs NVTE_ALLOW_NONDETERMINISTIC_ALGO=0",
      .why = "Transformer Engine chooses kernels by it; since 0.19 Megatron sets it.",
      .fix = "export NVTE_ALLOW_NONDETERMINISTIC_ALGO=0" },
    { .id = "nvte-number",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = switch_is_number,
      .options = "$NVTE_ALLOW_NONDETERMINISTIC_ALGO",
      .needs = "det-te",
      .what = "NVTE_ALLOW_NONDETERMINISTIC_ALGO, when set, is a number",
      .why = "Transformer Engine's attention reads it with int(), also when it is empty.",
      .fix = "unset NVTE_ALLOW_NONDETERMINISTIC_ALGO" },
    { .id = "window-te",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = window,
      .options = "--window-size",
      .needs = "te-installed",
      .what = "--window-size needs Transformer Engine 1.2",
      .why = "It implements the window.",
      .fix = "a newer Transformer Engine" },
    { .id = "softmax-type-te",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_15_0,
      .until = RELEASE_MAIN,
      .check = softmax_type,
      .options = "--softmax-type",
      .needs = "te-installed",
      .what = "--softmax-type other than vanilla needs Transformer Engine 2.8",
      .why = "It implements the softmax.",
      .fix = "a newer Transformer Engine" },
    { .id = "apex-grad-fusion",
      .stage = STAGE_MODEL,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = fused_gradients,
      .options = "--no-gradient-accumulation-fusion",
      .what = "fused gradient accumulation needs apex",
      .why = "Embedding and output layer use its kernel, whatever the other layers are.",
      .fix = "add --no-gradient-accumulation-fusion, or install apex with its CUDA extensions" },
};

const struct rule_section model_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
