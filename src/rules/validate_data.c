/* validate_args, after the model: checkpoint formats that shard it, sources of data, determinism.
 */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static void softmax_fp32(struct walk *walk)
{
    if (is_on(walk->job->apply_query_key_layer_scaling))
        walk->job->attention_softmax_in_fp32 = 1;
}

static enum answer legacy_dist_ckpt(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_legacy_models))
        return NOT_APPLICABLE;
    if (!is_on(job->use_dist_ckpt))
        return HOLDS;
    return violated(walk, finding, "legacy models cannot write distributed checkpoints");
}

static enum answer dcp_limits(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->ckpt_format, "torch_dcp"))
        return NOT_APPLICABLE;
    if (!is_on(job->use_torch_fsdp2))
        return violated_at(walk, finding, 0,
                           "'--ckpt-format torch_dcp' comes without --use-torch-fsdp2");
    if (job->tensor_model_parallel_size > 1 ||
        value_or(job->encoder_tensor_model_parallel_size, 0) > 1)
        return violated_at(walk, finding, 1,
                           "'--ckpt-format torch_dcp' does not know tensor parallelism");
    if (job->pipeline_model_parallel_size > 1 ||
        value_or(job->encoder_pipeline_model_parallel_size, 0) > 1)
        return violated_at(walk, finding, 2, "'--ckpt-format torch_dcp' does not know pipelines");
    return HOLDS;
}

static enum answer fsdp_dtensor(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_word(job->ckpt_format, "fsdp_dtensor"))
        return NOT_APPLICABLE;
    if (is_on(job->use_megatron_fsdp))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "'--ckpt-format fsdp_dtensor' comes without --use-megatron-fsdp");
}

static enum answer data_sources(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int splits = job->train_data_path.count > 0 || job->valid_data_path.count > 0 ||
                 job->test_data_path.count > 0;
    int sources = is_on(job->mock_data) + (job->data_path.count > 0) + splits;

    if (sources <= 1)
        return HOLDS;
    return violated_at(walk, finding, walk->release >= RELEASE_0_10_0 ? 2 : 0,
                       "%d sources of data: %s%s%s", sources,
                       is_on(job->mock_data) ? "--mock-data " : "",
                       job->data_path.count > 0 ? "--data-path " : "",
                       splits ? "--train-data-path and its kin" : "");
}

static enum answer fim(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int legacy = walk->release == RELEASE_0_16_0; /* places it alone asks for */

    if (!is_on(job->fim_data))
        return NOT_APPLICABLE;
    if (is_on(job->mock_data))
        return violated(walk, finding, "--fim-data cuts real documents, --mock-data has none");
    if (legacy && is_on(job->legacy_tokenizer))
        return violated_at(walk, finding, 1, "--fim-data does not work with --legacy-tokenizer");
    if (job->fim_rate == 0)
        return violated_at(walk, finding, 1 + legacy, "a --fim-rate of 0 cuts no document");
    if (job->fim_spm_rate == 0)
        return violated_at(walk, finding, 2 + legacy, "a --fim-spm-rate of 0");
    return HOLDS;
}

static enum answer te_ce_fusion(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->cross_entropy_loss_fusion) || !is_word(job->cross_entropy_fusion_impl, "te"))
        return NOT_APPLICABLE;
    return violated(walk, finding,
                    "the cross entropy of Transformer Engine is switched off since 0.18");
}

static enum answer old_mapping(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->use_tp_pp_dp_mapping))
        return NOT_APPLICABLE;
    if (job->context_parallel_size * job->expert_model_parallel_size <= 1)
        return HOLDS;
    return violated(walk, finding,
                    "--use-tp-pp-dp-mapping knows neither context nor expert "
                    "parallelism, CP x EP = %" PRId64 " x %" PRId64,
                    job->context_parallel_size, job->expert_model_parallel_size);
}

static enum answer det_options(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    const char *conflict = NULL;

    if (!is_on(job->deterministic_mode))
        return NOT_APPLICABLE;
    if (is_on(job->use_flash_attn) && walk->release < RELEASE_0_19_0)
        conflict = "--use-flash-attn";
    else if (is_on(job->cross_entropy_loss_fusion) && walk->release > RELEASE_0_8_0)
        conflict = "--cross-entropy-loss-fusion";
    else if (is_on(job->tp_comm_overlap) && walk->release >= RELEASE_0_19_0)
        conflict = "--tp-comm-overlap";
    if (!conflict)
        return HOLDS;
    return violated_at(walk, finding,
                       walk->release < RELEASE_0_19_0 && !is_word(conflict, "--use-flash-attn"),
                       "--deterministic-mode does not work with %s", conflict);
}

static bool in_words(const char *word, size_t length, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == length && strncmp(*words, word, length) == 0)
            return true;
    return false;
}

/* Up to 0.18: one known algorithm, which must be set. */
static enum answer det_nccl_old(struct walk *walk, struct finding *finding)
{
    static const char *const known[] = { "Tree",         "Ring",  "CollnetDirect",
                                         "CollnetChain", "^NVLS", NULL };
    const struct environment *env = &walk->facts->environment;
    const char *value = environment_get(env, "NCCL_ALGO");

    if (!is_on(walk->job->deterministic_mode) || !env->known)
        return NOT_APPLICABLE;
    if (value && in_words(value, strlen(value), known))
        return HOLDS;
    return violated(walk, finding, "--deterministic-mode needs NCCL_ALGO=Ring or Tree, it is %s",
                    variable_shown(walk, "NCCL_ALGO"));
}

/* Since 0.19: every token known, unset is filled in. */
static enum answer det_nccl(struct walk *walk, struct finding *finding)
{
    static const char *const known[] = { "Ring", "CollnetDirect", "CollnetChain", "^NVLS", NULL };
    const char *value = environment_get(&walk->facts->environment, "NCCL_ALGO");
    int tokens = 0;

    if (!is_on(walk->job->deterministic_mode) || !value)
        return NOT_APPLICABLE;
    for (const char *p = value; *p;) {
        size_t length;

        p += strspn(p, " ,\t");
        length = strcspn(p, ",");
        while (length > 0 && (p[length - 1] == ' ' || p[length - 1] == '\t'))
            length--;
        if (length > 0 && !in_words(p, length, known))
            return violated(walk, finding, "NCCL_ALGO=%s is not deterministic: '%.*s'", value,
                            (int)length, p);
        tokens += length > 0;
        p += strcspn(p, ",");
    }
    return tokens ? HOLDS : violated(walk, finding, "NCCL_ALGO is set to no algorithm");
}

static enum answer det_env(struct walk *walk, struct finding *finding)
{
    static const struct {
        const char *name, *accepted[3];
        bool prefix; /* the first letter decides */
        enum release since;
    } row[] = {
        { "NVTE_ALLOW_NONDETERMINISTIC_ALGO", { "0" }, false, RELEASE_0_19_0 },
        { "CUBLAS_WORKSPACE_CONFIG", { ":4096:8", ":16:8" }, false, RELEASE_0_19_0 },
        { "MAMBA_DETERMINISTIC", { "1" }, true, RELEASE_0_19_0 },
        { "CAUSAL_CONV1D_DETERMINISTIC", { "1" }, true, RELEASE_MAIN },
    };

    if (!is_on(walk->job->deterministic_mode))
        return NOT_APPLICABLE;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const char *value = environment_get(&walk->facts->environment, row[i].name);

        if (!value || walk->release < row[i].since || (row[i].prefix && !*value) ||
            in_words(value, row[i].prefix ? 1 : strlen(value), row[i].accepted))
            continue;
        finding_fix(walk, finding, "unset %s", row[i].name);
        return violated_at(walk, finding, row[i].prefix, "%s=%s is not deterministic", row[i].name,
                           value);
    }
    return HOLDS;
}

static const struct rule rows[] = {
    { .id = "legacy-models-dist-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_17_0,
      .options = "--use-legacy-models --ckpt-format --use-dist-ckpt",
      .needs = "legacy-models-ckpt",
      .check = legacy_dist_ckpt,
      .what = "legacy models exclude distributed checkpoints",
      .why = "They cannot describe their shards.",
      .fix = "--ckpt-format torch" },
    { .id = "dcp-limits",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .options = "--ckpt-format --use-torch-fsdp2 --tensor-model-parallel-size "
                 "--pipeline-model-parallel-size",
      .check = dcp_limits,
      .what = "--ckpt-format torch_dcp needs torch FSDP2, TP 1 and PP 1",
      .why = "It saves what FSDP2 shards.",
      .fix = "--ckpt-format torch_dist" },
    { .id = "mfsdp-ckpt",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_14_0,
      .until = RELEASE_MAIN,
      .options = "--ckpt-format --use-megatron-fsdp",
      .check = fsdp_dtensor,
      .what = "--ckpt-format fsdp_dtensor needs --use-megatron-fsdp",
      .why = "Only its shards are DTensors.",
      .fix = "--use-megatron-fsdp, or --ckpt-format torch_dist" },
    { .id = "data-sources",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--mock-data --data-path --train-data-path --valid-data-path --test-data-path",
      .check = data_sources,
      .what = "one source of data at most",
      .why = "Mock data, one blend, or a blend a split.",
      .fix = "keep one of the sources" },
    { .id = "fim",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .options = "--fim-data --mock-data --fim-rate --fim-spm-rate",
      .check = fim,
      .what = "--fim-data needs real data and rates above 0",
      .why = "Documents are cut and their middle moved to the end.",
      .fix = "--fim-rate 0.5 --fim-spm-rate 0.5, without --mock-data" },
    { .id = "te-ce-fusion",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .options = "--cross-entropy-fusion-impl --cross-entropy-loss-fusion",
      .check = te_ce_fusion,
      .what = "the loss is not fused by Transformer Engine",
      .why = "Megatron found it unstable; it worked from 0.12 to 0.17.",
      .fix = "--cross-entropy-fusion-impl native" },
    { .id = "tp-pp-dp-cp-ep-old",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_10_0,
      .options = "--use-tp-pp-dp-mapping --context-parallel-size --expert-model-parallel-size",
      .shape = true,
      .check = old_mapping,
      .what = "--use-tp-pp-dp-mapping excludes CP and EP",
      .why = "The other order of ranks knew three dimensions.",
      .fix = "remove --use-tp-pp-dp-mapping" },
    { .id = "det-options",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "--deterministic-mode --use-flash-attn --cross-entropy-loss-fusion "
                 "--tp-comm-overlap",
      .check = det_options,
      .what = "--deterministic-mode excludes what sums in any order",
      .why = "Up to 0.18 flash attention, from 0.19 tensor parallel overlap; the fused "
             "loss always.",
      .fix = "remove the option named" },
    { .id = "det-nccl",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_0_18_2,
      .options = "$NCCL_ALGO --deterministic-mode",
      .check = det_nccl_old,
      .what = "--deterministic-mode needs NCCL_ALGO",
      .why = "Tree, Ring, CollnetDirect, CollnetChain or ^NVLS; one of them, and set.",
      .fix = "export NCCL_ALGO=Ring" },
    { .id = "det-nccl",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "$NCCL_ALGO --deterministic-mode",
      .check = det_nccl,
      .what = "NCCL_ALGO holds deterministic algorithms only",
      .why = "Ring, CollnetDirect, CollnetChain, ^NVLS; unset becomes Ring.",
      .fix = "export NCCL_ALGO=Ring" },
    { .id = "det-env",
      .stage = STAGE_VALIDATE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_19_0,
      .until = RELEASE_MAIN,
      .options = "$NVTE_ALLOW_NONDETERMINISTIC_ALGO $CUBLAS_WORKSPACE_CONFIG "
                 "$MAMBA_DETERMINISTIC $CAUSAL_CONV1D_DETERMINISTIC --deterministic-mode",
      .check = det_env,
      .what = "libraries are not told to be nondeterministic",
      .why = "Unset variables are filled in.",
      .fix = "unset the variable named" },
    { .id = "softmax-fp32",
      .stage = STAGE_VALIDATE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .adjust = softmax_fp32,
      .what = "--apply-query-key-layer-scaling computes softmax in fp32",
      .why = "attention_softmax_in_fp32 is switched on." },
};

const struct rule_section validate_data_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
