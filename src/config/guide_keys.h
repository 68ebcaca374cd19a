/* The keys of the configuration guide, one row each: where they stand in the YAML, what they may
 * be, what the guide takes without them and what of Megatron's they become. Reading, writing, the
 * README's table and the tests walk these rows. Keys have Megatron's own names, so a field of the
 * job has the same one. */
#ifndef CONFIG_GUIDE_KEYS_H
#define CONFIG_GUIDE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum guide_key {
    GUIDE_NUM_LAYERS,
    GUIDE_HIDDEN_SIZE,
    GUIDE_NUM_ATTENTION_HEADS,
    GUIDE_NUM_QUERY_GROUPS,
    GUIDE_FFN_HIDDEN_SIZE,
    GUIDE_NUM_EXPERTS,
    GUIDE_MOE_ROUTER_TOPK,
    GUIDE_MOE_FFN_HIDDEN_SIZE,
    GUIDE_MOE_SHARED_EXPERT_INTERMEDIATE_SIZE,
    GUIDE_VOCAB_SIZE,
    GUIDE_MAX_POSITION_EMBEDDINGS,
    GUIDE_NORMALIZATION,
    GUIDE_LAYERNORM_EPSILON,
    GUIDE_ACTIVATION_FUNC,
    GUIDE_GATED_LINEAR_UNIT,
    GUIDE_QK_LAYERNORM,
    GUIDE_MULTI_LATENT_ATTENTION,
    GUIDE_TENSOR_MODEL_PARALLEL_SIZE,
    GUIDE_PIPELINE_MODEL_PARALLEL_SIZE,
    GUIDE_EXPERT_MODEL_PARALLEL_SIZE,
    GUIDE_EXPERT_TENSOR_PARALLEL_SIZE,
    GUIDE_CONTEXT_PARALLEL_SIZE,
    GUIDE_VIRTUAL_PIPELINE_MODEL_PARALLEL_SIZE,
    GUIDE_MICRO_BATCH_SIZE,
    GUIDE_SEQ_LENGTH,
    GUIDE_USE_DISTRIBUTED_OPTIMIZER,
    GUIDE_SEQUENCE_PARALLEL,
    GUIDE_RECOMPUTE_GRANULARITY,
    GUIDE_RECOMPUTE_METHOD,
    GUIDE_RECOMPUTE_NUM_LAYERS,
    GUIDE_WORLD_SIZE,
    GUIDE_GPUS_PER_NODE,
    GUIDE_GPU,
    GUIDE_PARAMS_DTYPE,
    GUIDE_FP8,
    GUIDE_GB_PER_GPU,
    GUIDE_DATA_PARALLEL_SIZE,
    GUIDE_ASSUMED_SHAPE,
    GUIDE_KEY_COUNT
};

struct guide_key_row {
    const char *sections; /* that may hold it, separated by blanks; writing uses the first */
    const char *name;
    enum { GUIDE_INT, GUIDE_BOOL, GUIDE_REAL, GUIDE_CHOICE, GUIDE_NAME } kind;
    int64_t least, most; /* of a number */
    const char *choices; /* separated by blanks, or NULL */
    const char
        *fallback; /* the guide's default as YAML, or the key whose value it is; NULL: required */
    const char *options; /* Megatron's, separated by blanks; the first is set to the value */
    const char *changes; /* what the key changes, for README */
};

extern const struct guide_key_row guide_keys[GUIDE_KEY_COUNT];

/* The sections in the order of the guide, NULL at the end. */
extern const char *const guide_sections[];

/* Is that a section of the file? "megatron" is one, too: other options of Megatron's by name. */
bool guide_is_section(const char *name);

/* The key, or GUIDE_KEY_COUNT. */
enum guide_key guide_key_find(const char *name);

/* The key or section nearest to a mistyped name, or NULL when none is near. */
const char *guide_nearest(const char *name);

/* The key whose value is that option's own: "seq_length" of "--seq-length"; NULL: none. */
const char *guide_key_named_as(const char *option);

/* The key that sets that option of Megatron's, or NULL. */
const char *guide_key_of_option(const char *option);

#endif
