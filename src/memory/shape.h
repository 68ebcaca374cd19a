/* The sizes of a resolved job as memory formulas need them: every value effective (no None, no
 * default left to apply), so that a formula reads like the paper. Elements and counts, not bytes,
 * unless the name says so. Fields keep Megatron's names; what Megatron has no name for is
 * explained. */
#ifndef MEMORY_SHAPE_H
#define MEMORY_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "facts/facts.h"
#include "megatron/job.h"
#include "megatron/release.h"

enum activation {
    ACTIVATION_GELU,
    ACTIVATION_SILU,
    ACTIVATION_QUICK_GELU,
    ACTIVATION_SQUARED_RELU
};

/* The recipe of 8- and 4-bit GEMMs. */
enum low_precision { PRECISION_FULL, FP8_TENSOR, FP8_BLOCKWISE, FP8_MX, FP4_NV };

/* What kind of model the trainer builds. */
enum model_kind { MODEL_GPT, MODEL_HYBRID };

struct shape {
    enum release release;
    enum model_kind model;

    /* Parallel sizes, all >= 1. */
    uint64_t world_size;
    uint64_t tp, cp, pp, vpp, dp; /* vpp: model chunks of a pipeline rank, 1 when off */
    uint64_t ep, etp, edp;        /* up to 0.9 etp is tp and edp is dp cp / ep */
    uint64_t gtp, egtp;           /* weight shards at rest beyond tp / etp */
    uint64_t instances;           /* num_distributed_optimizer_instances */
    uint64_t dense_shards; /* ranks that share one dense optimizer state: dp cp / instances, or 1 */
    uint64_t expert_shards; /* the same for expert buffers */
    bool expert_buffers;    /* experts have DDP buffers of their own (allreduce False) */
    bool sequence_parallel; /* and tp > 1 */

    /* Tokens. */
    uint64_t seq_length, micro_batch_size, num_microbatches;
    uint64_t tokens;         /* of one micro-batch on one rank: seq_length micro_batch_size / cp */
    uint64_t tokens_sharded; /* tokens / tp under sequence parallelism, else tokens */

    /* Model. */
    uint64_t num_layers, hidden_size, max_position_embeddings;
    uint64_t padded_vocab_size;
    const char *vocab_assumed; /* how the vocabulary was guessed, or NULL when it is known */
    bool learned_positions;    /* position embedding table */
    bool rope;                 /* any rotary kind */
    bool tied;                 /* embedding and output layer share the weight */
    uint64_t norm_vectors;     /* vectors of one norm: 1 RMSNorm, 2 LayerNorm */
    bool bias, qkv_bias;
    bool router_bias;        /* since 0.15 the router follows add_bias_linear */
    bool transformer_engine; /* transformer_impl is not local */

    uint64_t num_attention_heads, num_query_groups, kv_channels;
    uint64_t qkv_width;  /* rows of linear_qkv over all tp ranks, the output gate included */
    uint64_t proj_width; /* columns of linear_proj over all tp ranks */
    bool qk_layernorm, attention_output_gate;

    bool multi_latent_attention;
    uint64_t q_lora_rank; /* 0: none */
    uint64_t kv_lora_rank, qk_head_dim, qk_pos_emb_head_dim, v_head_dim;
    bool mla_down_proj_fusion; /* q and kv down projections are one matrix */

    enum activation activation;
    bool gated_linear_unit;
    uint64_t ffn_hidden_size;
    uint64_t gates; /* fc1 rows per ffn_hidden_size: 2 gated, 1 not */

    uint64_t num_experts; /* 0: dense */
    uint64_t local_experts;
    uint64_t moe_router_topk, moe_ffn_hidden_size;
    uint64_t expert_hidden;   /* width in and out of an expert: latent or hidden_size */
    uint64_t moe_latent_size; /* 0: none */
    uint64_t moe_shared_expert_intermediate_size; /* 0: none */
    bool moe_shared_expert_gate, moe_grouped_gemm;
    bool te_grouped_gemm; /* moe_grouped_gemm through Transformer Engine */

    uint64_t mtp_num_layers;
    bool mtp_use_repeated_layer; /* one physical layer for all depths */

    /* Sparse attention (experimental_attention_variant dsa). */
    uint64_t dsa_indexer_n_heads, dsa_indexer_head_dim;

    /* Gated delta net (experimental_attention_variant gdn, gdn2). */
    bool gdn2;
    uint64_t linear_num_key_heads, linear_num_value_heads, linear_key_head_dim,
        linear_value_head_dim;
    uint64_t linear_conv_kernel_dim;

    /* Mamba (hybrid models). */
    uint64_t mamba_inner; /* d_inner: heads x head dim */
    uint64_t mamba_num_heads, mamba_head_dim, mamba_num_groups, mamba_state_dim;

    /* Bytes of an element. */
    uint64_t param_bytes; /* of params_dtype: 4 or 2 */
    uint64_t grad_bytes;  /* of the DDP gradient buffer */
    enum low_precision
        low_precision;      /* of TE's linears; FP8_TENSOR is delayed or current scaling */
    bool quantized_weights; /* their weights exist in that type alone (fp8-param-gather) */
    uint64_t bf16_layers_first, bf16_layers_last; /* decoder layers left out of it */

    /* What the machine adds. */
    int64_t gpu_arch;       /* compute capability x 10; -1 unknown */
    const char *torch, *te; /* versions, "" not installed; the release's usual ones where unknown */
    bool torch_known, te_known;
    bool expandable_segments;        /* of torch's allocator */
    uint64_t cublas_workspace_bytes; /* torch allocates for each thread that calls cuBLAS */
};

/* Reads 'job'. False when the sizes make no model (a size missing or a division with a rest); then
 * '*why' names the field. 'release' must be known. */
bool shape_of(const struct job *job, enum release release, const struct facts *facts,
              struct shape *shape, const char **why);

#endif
