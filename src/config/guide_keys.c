#include "config/guide_keys.h"

#include <stdbool.h>
#include <string.h>

#include "base/edit_distance.h"
#include "base/word_list.h"

enum { MANY = 1 << 16, WIDE = 1 << 22, LONG = 1 << 26 };

const struct guide_key_row guide_keys[GUIDE_KEY_COUNT] = {
    [GUIDE_NUM_LAYERS] = { "model", "num_layers", GUIDE_INT, 1, MANY, NULL, NULL, "--num-layers",
                           "parameters and activations, linearly" },
    [GUIDE_HIDDEN_SIZE] = { "model", "hidden_size", GUIDE_INT, 1, WIDE, NULL, NULL, "--hidden-size",
                            "parameters quadratically where ffn_hidden_size follows, activations "
                            "linearly" },
    [GUIDE_NUM_ATTENTION_HEADS] = { "model", "num_attention_heads", GUIDE_INT, 1, MANY, NULL, NULL,
                                    "--num-attention-heads",
                                    "next to nothing with fused attention; must divide "
                                    "hidden_size" },
    [GUIDE_NUM_QUERY_GROUPS] = { "model", "num_query_groups", GUIDE_INT, 1, MANY, NULL,
                                 "num_attention_heads",
                                 "--num-query-groups --group-query-attention",
                                 "size of keys and values, weights and activations" },
    [GUIDE_FFN_HIDDEN_SIZE] = { "model", "ffn_hidden_size", GUIDE_INT, 1, WIDE, NULL, NULL,
                                "--ffn-hidden-size",
                                "parameters and activations of the dense feed-forward, linearly" },
    [GUIDE_NUM_EXPERTS] = { "model", "num_experts", GUIDE_INT, 1, MANY, NULL, "null",
                            "--num-experts",
                            "expert parameters, linearly, divided by expert_model_parallel_size" },
    [GUIDE_MOE_ROUTER_TOPK] = { "model", "moe_router_topk", GUIDE_INT, 1, MANY, NULL, "2",
                                "--moe-router-topk", "activations of the experts, linearly" },
    [GUIDE_MOE_FFN_HIDDEN_SIZE] = { "model", "moe_ffn_hidden_size", GUIDE_INT, 1, WIDE, NULL,
                                    "ffn_hidden_size", "--moe-ffn-hidden-size",
                                    "parameters and activations of the experts, linearly" },
    [GUIDE_MOE_SHARED_EXPERT_INTERMEDIATE_SIZE] = { "model", "moe_shared_expert_intermediate_size",
                                                    GUIDE_INT, 1, WIDE, NULL, "null",
                                                    "--moe-shared-expert-intermediate-size",
                                                    "a dense feed-forward of that size in every "
                                                    "MoE "
                                                    "layer" },
    [GUIDE_VOCAB_SIZE] = { "model", "vocab_size", GUIDE_INT, 1, LONG, NULL, NULL, "--vocab-size",
                           "embedding and output layer, logits of the last stage; padded to 128 x "
                           "TP" },
    [GUIDE_MAX_POSITION_EMBEDDINGS] = { "model", "max_position_embeddings", GUIDE_INT, 1, LONG,
                                        NULL, NULL, "--max-position-embeddings",
                                        "nothing with rotary embeddings; at least seq_length" },
    [GUIDE_NORMALIZATION] = { "model", "normalization", GUIDE_CHOICE, 0, 0, "RMSNorm LayerNorm",
                              "RMSNorm", "--normalization", "the norms' biases" },
    [GUIDE_LAYERNORM_EPSILON] = { "model", "layernorm_epsilon", GUIDE_REAL, 0, 1, NULL, "1e-5",
                                  "--norm-epsilon", "no memory" },
    [GUIDE_ACTIVATION_FUNC] = { "model", "activation_func", GUIDE_CHOICE, 0, 0, "swiglu gelu",
                                "swiglu", "--swiglu", "a gated feed-forward has a third matrix" },
    [GUIDE_GATED_LINEAR_UNIT] = { "model", "gated_linear_unit", GUIDE_BOOL, 0, 0, NULL, "true",
                                  "--swiglu", "as activation_func" },
    [GUIDE_QK_LAYERNORM] = { "model", "qk_layernorm", GUIDE_BOOL, 0, 0, NULL, "false",
                             "--qk-layernorm", "activations: queries and keys are kept once more" },
    [GUIDE_MULTI_LATENT_ATTENTION] = { "model", "multi_latent_attention", GUIDE_BOOL, 0, 0, NULL,
                                       "false", "--multi-latent-attention",
                                       "weights and activations of attention" },
    [GUIDE_TENSOR_MODEL_PARALLEL_SIZE] = { "parallelism", "tensor_model_parallel_size", GUIDE_INT,
                                           1, MANY, NULL, NULL, "--tensor-model-parallel-size",
                                           "divides weights; with sequence_parallel activations" },
    [GUIDE_PIPELINE_MODEL_PARALLEL_SIZE] = { "parallelism", "pipeline_model_parallel_size",
                                             GUIDE_INT, 1, MANY, NULL, NULL,
                                             "--pipeline-model-parallel-size",
                                             "divides layers; the first stage keeps as many "
                                             "micro-batches as there are stages" },
    [GUIDE_EXPERT_MODEL_PARALLEL_SIZE] = { "parallelism", "expert_model_parallel_size", GUIDE_INT,
                                           1, MANY, NULL, "1", "--expert-model-parallel-size",
                                           "divides the experts" },
    [GUIDE_EXPERT_TENSOR_PARALLEL_SIZE] = { "parallelism", "expert_tensor_parallel_size", GUIDE_INT,
                                            1, MANY, NULL, "1", "--expert-tensor-parallel-size",
                                            "divides each expert; Megatron's default is TP" },
    [GUIDE_CONTEXT_PARALLEL_SIZE] = { "parallelism", "context_parallel_size", GUIDE_INT, 1, MANY,
                                      NULL, "1", "--context-parallel-size", "divides activations" },
    [GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE] = { "parallelism",
                                                     "virtual_pipeline_model_parallel_size",
                                                     GUIDE_INT, 1, MANY, NULL, "null",
                                                     "--num-layers-per-virtual-pipeline-stage "
                                                     "--num-virtual-stages-per-pipeline-rank",
                                                     "more micro-batches are kept: more "
                                                     "activations" },
    [GUIDE_MICRO_BATCH_SIZE] = { "training", "micro_batch_size", GUIDE_INT, 1, MANY, NULL, NULL,
                                 "--micro-batch-size", "activations, linearly" },
    [GUIDE_SEQ_LENGTH] = { "training", "seq_length", GUIDE_INT, 1, LONG, NULL, NULL, "--seq-length",
                           "activations, linearly with fused attention, quadratically without" },
    [GUIDE_USE_DISTRIBUTED_OPTIMIZER] = { "training", "use_distributed_optimizer", GUIDE_BOOL, 0, 0,
                                          NULL, "true", "--use-distributed-optimizer",
                                          "12 bytes a parameter are divided by the data-parallel "
                                          "size" },
    [GUIDE_SEQUENCE_PARALLEL] = { "training", "sequence_parallel", GUIDE_BOOL, 0, 0, NULL, "false",
                                  "--sequence-parallel",
                                  "divides by TP the activations that TP alone does not" },
    [GUIDE_RECOMPUTE_GRANULARITY] = { "training", "recompute_granularity", GUIDE_CHOICE, 0, 0,
                                      "full selective", "null",
                                      "--recompute-granularity --recompute-activations",
                                      "full: one input a unit of layers is kept; selective: all but "
                                      "core attention is" },
    [GUIDE_RECOMPUTE_METHOD] = { "training", "recompute_method", GUIDE_CHOICE, 0, 0,
                                 "uniform block", "null", "--recompute-method",
                                 "which layers of a stage" },
    [GUIDE_RECOMPUTE_NUM_LAYERS] = { "training", "recompute_num_layers", GUIDE_INT, 0, MANY, NULL,
                                     "0", "--recompute-num-layers",
                                     "block: so many layers of a stage are recomputed; uniform: "
                                     "one "
                                     "input is kept for so many layers" },
    [GUIDE_WORLD_SIZE] = { "training infrastructure", "world_size", GUIDE_INT, 1, LONG, NULL, NULL,
                           "", "data-parallel size, which divides the optimizer state" },
    [GUIDE_GPUS_PER_NODE] = { "infrastructure", "gpus_per_node", GUIDE_INT, 1, 1024, NULL, "null",
                              "", "no memory; which groups span nodes (not in the guide)" },
    [GUIDE_GPU] = { "infrastructure", "gpu", GUIDE_NAME, 0, 0, NULL, "null", "",
                    "what the peak is held against, as H100-80GB (not in the guide)" },
    [GUIDE_PARAMS_DTYPE] = { "precision", "params_dtype", GUIDE_CHOICE, 0, 0, "bf16 fp16", "bf16",
                             "--bf16 --fp16", "the same memory; Megatron's default is fp32" },
    [GUIDE_FP8] = { "precision", "fp8", GUIDE_BOOL, 0, 0, NULL, "false", "--fp8-format",
                    "weights are kept in bf16 and fp8" },
    [GUIDE_GB_PER_GPU] = { "published", "gb_per_gpu", GUIDE_REAL, 0, 1 << 16, NULL, "null", "",
                           "nothing: a figure to stand beside the estimate (not in the guide)" },
    [GUIDE_DATA_PARALLEL_SIZE] = { "published", "data_parallel_size", GUIDE_INT, 1, LONG, NULL, "null", "",
                                   "nothing: stands beside Megatron's (not in the guide)" },
    [GUIDE_ASSUMED_SHAPE] = { "published", "assumed_shape", GUIDE_NAME, 0, 0, NULL, "null", "",
                              "nothing: names the model whose sizes these are (not in the guide)" },
};

const char *const guide_sections[] = { "model",          "parallelism", "training", "precision",
                                       "infrastructure", "published", "megatron", NULL };

bool guide_is_section(const char *name)
{
    for (int s = 0; guide_sections[s]; s++)
        if (strcmp(guide_sections[s], name) == 0)
            return true;
    return false;
}

enum guide_key guide_key_find(const char *name)
{
    int k = 0;

    while (k < GUIDE_KEY_COUNT && strcmp(guide_keys[k].name, name) != 0)
        k++;
    return (enum guide_key)k;
}

static void consider(const char *name, const char *known, size_t *limit, const char **nearest)
{
    size_t edits;

    if (strlen(name) > EDIT_DISTANCE_LONGEST)
        return;
    edits = edit_distance(name, strlen(name), known, strlen(known), *limit);
    if (edits > *limit || (*nearest && edits == *limit))
        return;
    *nearest = known;
    *limit = edits;
}

const char *guide_nearest(const char *name)
{
    size_t limit = strlen(name) / 3 + 1;
    const char *nearest = NULL;

    for (int k = 0; k < GUIDE_KEY_COUNT; k++)
        consider(name, guide_keys[k].name, &limit, &nearest);
    for (int s = 0; guide_sections[s]; s++)
        consider(name, guide_sections[s], &limit, &nearest);
    return nearest;
}

const char *guide_key_of_option(const char *option)
{
    for (int k = 0; k < GUIDE_KEY_COUNT; k++)
        if (word_list_has(guide_keys[k].options, option))
            return guide_keys[k].name;
    return NULL;
}

const char *guide_key_named_as(const char *option)
{
    const char *key = guide_key_of_option(option);
    size_t length = strlen(option) - 2;

    if (!key || strlen(key) != length || edit_distance(option + 2, length, key, length, 0))
        return NULL;
    return key;
}
