#include "memory/weights.h"

/* Weight [rows / shards, columns] and, if wanted, bias of a column-parallel linear; the bias is cut
 * like the rows. */
static void add_column_parallel(const struct shape *shape, const char *name, uint64_t rows,
                                uint64_t columns, bool bias, enum parameter_part part,
                                struct weights *weights)
{
    weights_add(weights,
                (struct weight) { .name = name,
                                  .part = part,
                                  .rows = rows / shape->tp,
                                  .columns = columns,
                                  .shards = shape->tp,
                                  .gemm = shape->transformer_engine ? GEMM_TE : GEMM_MEGATRON });
    if (bias)
        weights_add(weights, (struct weight) { .name = "bias",
                                               .part = part,
                                               .rows = rows / shape->tp,
                                               .shards = shape->tp });
}

/* Weight [rows, columns / tp] and a replicated bias. */
static void add_row_parallel(const struct shape *shape, const char *name, uint64_t rows,
                             uint64_t columns, bool bias, enum parameter_part part,
                             struct weights *weights)
{
    weights_add(weights,
                (struct weight) { .name = name,
                                  .part = part,
                                  .rows = rows,
                                  .columns = columns / shape->tp,
                                  .shards = shape->tp,
                                  .gemm = shape->transformer_engine ? GEMM_TE : GEMM_MEGATRON });
    if (bias)
        weights_add(weights,
                    (struct weight) { .name = "bias", .part = part, .rows = rows, .shards = 1 });
}

/* MLA's down projections: replicated by TE's linear since 0.14, column-parallel before and in the
 * local implementation (transformer/multi_latent_attention.py). */
static void add_down_projection(const struct shape *shape, const char *name, uint64_t rows,
                                enum parameter_part part, struct weights *weights)
{
    if (!shape->transformer_engine || shape->release < RELEASE_0_14_0) {
        add_column_parallel(shape, name, rows, shape->hidden_size, false, part, weights);
        return;
    }
    weights_add(weights, (struct weight) { .name = name,
                                           .part = part,
                                           .rows = rows,
                                           .columns = shape->hidden_size,
                                           .shards = 1,
                                           .gemm = GEMM_TE });
}

/* SelfAttention (transformer/attention.py): input norm h, qkv [(A + 2G) d / tp, h] (output gate: +
 * A d rows), proj [h, A d / tp], q and k norms of d. */
static void weights_of_attention(const struct shape *shape, enum parameter_part part,
                                 struct weights *weights)
{
    add_row_parallel(shape, "self_attention.linear_proj.weight", shape->hidden_size,
                     shape->proj_width, shape->bias, part, weights);
    weights_of_norm(shape, "input_layernorm", shape->hidden_size, part, weights);
    add_column_parallel(shape, "self_attention.linear_qkv.weight", shape->qkv_width,
                        shape->hidden_size, shape->qkv_bias, part, weights);
    if (!shape->qk_layernorm)
        return;
    weights_of_norm(shape, "self_attention.q_layernorm", shape->kv_channels, part, weights);
    weights_of_norm(shape, "self_attention.k_layernorm", shape->kv_channels, part, weights);
}

/* MLASelfAttention (transformer/multi_latent_attention.py): q [A (qk + rope) / tp, h] or down [ql,
 * h] and up [A (qk + rope) / tp, ql]; kv down [kl + rope, h] and up [A (qk + v) / tp, kl]; norms of
 * what the up projections read with qk_layernorm (a q without down projection since 0.19:
 * mla_qk_norm_config.py); proj [h, A v / tp]. No biases but proj's. The fused down projection is
 * column-parallel. */
static void weights_of_mla(const struct shape *shape, enum parameter_part part,
                           struct weights *weights)
{
    uint64_t heads = shape->num_attention_heads;
    uint64_t q_rows = heads * (shape->qk_head_dim + shape->qk_pos_emb_head_dim);
    uint64_t q_columns = shape->q_lora_rank ? shape->q_lora_rank : shape->hidden_size;

    weights_of_norm(shape, "input_layernorm", shape->hidden_size, part, weights);
    add_row_parallel(shape, "self_attention.linear_proj.weight", shape->hidden_size,
                     heads * shape->v_head_dim, shape->bias, part, weights);
    if (shape->mla_down_proj_fusion) {
        add_column_parallel(shape, "self_attention.linear_qkv_down_proj.weight",
                            shape->q_lora_rank + shape->kv_lora_rank + shape->qk_pos_emb_head_dim,
                            shape->hidden_size, false, part, weights);
    } else if (shape->q_lora_rank) {
        add_down_projection(shape, "self_attention.linear_q_down_proj.weight", shape->q_lora_rank,
                            part, weights);
    }
    if (shape->qk_layernorm && (shape->q_lora_rank || shape->release >= RELEASE_0_19_0))
        weights_of_norm(shape, "self_attention.q_layernorm", q_columns, part, weights);
    add_column_parallel(shape, "self_attention.linear_q_up_proj.weight", q_rows, q_columns, false,
                        part, weights);
    if (!shape->mla_down_proj_fusion)
        add_down_projection(shape, "self_attention.linear_kv_down_proj.weight",
                            shape->kv_lora_rank + shape->qk_pos_emb_head_dim, part, weights);
    if (shape->qk_layernorm)
        weights_of_norm(shape, "self_attention.kv_layernorm", shape->kv_lora_rank, part, weights);
    add_column_parallel(shape, "self_attention.linear_kv_up_proj.weight",
                        heads * (shape->qk_head_dim + shape->v_head_dim), shape->kv_lora_rank,
                        false, part, weights);
}

/* DSAIndexer (experimental_attention_variant/dsa.py): queries [heads d, ql or h], keys [d, h], head
 * weights [heads, h] and a LayerNorm of d, all replicated. */
static void weights_of_indexer(const struct shape *shape, enum parameter_part part,
                               struct weights *weights)
{
    uint64_t heads = shape->dsa_indexer_n_heads, dim = shape->dsa_indexer_head_dim;
    const struct {
        const char *name;
        uint64_t rows, columns;
    } projections[] = {
        { "core_attention.indexer.linear_wq_b.weight", heads * dim,
          shape->q_lora_rank ? shape->q_lora_rank : shape->hidden_size },
        { "core_attention.indexer.linear_wk.weight", dim, shape->hidden_size },
        { "core_attention.indexer.linear_weights_proj.weight", heads, shape->hidden_size },
    };

    for (size_t i = 0; i < sizeof(projections) / sizeof(projections[0]); i++)
        weights_add(weights, (struct weight) { .name = projections[i].name,
                                               .part = part,
                                               .rows = projections[i].rows,
                                               .columns = projections[i].columns,
                                               .shards = 1,
                                               .gemm = GEMM_TE });
    weights_add(weights, (struct weight) { .name = "core_attention.indexer.k_norm",
                                           .part = part,
                                           .rows = dim,
                                           .copies = 2,
                                           .shards = 1 });
}

/* GatedDeltaNet (ssm/gated_delta_net/common.py, gdn.py, gdn2.py): in_proj rows are q, k, v, gate
 * and beta and alpha a value head, or, for gdn2, decay and erase gate as wide as k and write gate
 * as wide as v; depthwise convolution over q, k, v without bias; dt_bias and A_log a value head
 * (gdn2: of k's width, a key head); norm of one value head; out_proj [h, v / tp]. */
static void weights_of_gdn(const struct shape *shape, enum parameter_part part,
                           struct weights *weights)
{
    uint64_t qk = shape->linear_num_key_heads * shape->linear_key_head_dim;
    uint64_t v = shape->linear_num_value_heads * shape->linear_value_head_dim;
    uint64_t heads = shape->linear_num_value_heads;
    uint64_t extra = shape->gdn2 ? 2 * qk + v : 2 * heads;

    add_column_parallel(shape, "self_attention.in_proj.weight", 2 * qk + 2 * v + extra,
                        shape->hidden_size, false, part, weights);
    weights_of_norm(shape, "input_layernorm", shape->hidden_size, part, weights);
    weights_add(weights, (struct weight) { .name = "self_attention.conv1d.weight",
                                           .part = part,
                                           .rows = (2 * qk + v) / shape->tp,
                                           .columns = shape->linear_conv_kernel_dim,
                                           .shards = shape->tp });
    weights_add(weights, (struct weight) { .name = "self_attention.dt_bias",
                                           .part = part,
                                           .rows = (shape->gdn2 ? qk : heads) / shape->tp,
                                           .shards = shape->tp });
    weights_add(
        weights,
        (struct weight) { .name = "self_attention.A_log",
                          .part = part,
                          .rows = (shape->gdn2 ? shape->linear_num_key_heads : heads) / shape->tp,
                          .shards = shape->tp });
    weights_of_norm(shape, "self_attention.out_norm", shape->linear_value_head_dim, part, weights);
    add_row_parallel(shape, "self_attention.out_proj.weight", shape->hidden_size, v, false, part,
                     weights);
}

/* MambaMixer (ssm/mamba_mixer.py): in_proj rows are z, x, B, C and dt; convolution of 4 taps with
 * bias over x, B, C; dt_bias, A_log and D a head; gated norm of d_inner; out_proj [h, d_inner /
 * tp]. */
static void weights_of_mamba(const struct shape *shape, enum parameter_part part,
                             struct weights *weights)
{
    enum { TAPS = 4 };
    uint64_t state = shape->mamba_num_groups * shape->mamba_state_dim;
    uint64_t convolved = (shape->mamba_inner + 2 * state) / shape->tp;

    weights_add(weights, (struct weight) { .name = "mixer.dt_bias, A_log, D",
                                           .part = part,
                                           .rows = shape->mamba_num_heads / shape->tp,
                                           .copies = 3,
                                           .shards = shape->tp });
    weights_of_norm(shape, "input_layernorm", shape->hidden_size, part, weights);
    add_column_parallel(shape, "mixer.in_proj.weight",
                        2 * shape->mamba_inner + 2 * state + shape->mamba_num_heads,
                        shape->hidden_size, false, part, weights);
    weights_add(weights, (struct weight) { .name = "mixer.conv1d.weight",
                                           .part = part,
                                           .rows = convolved,
                                           .columns = TAPS,
                                           .shards = shape->tp });
    weights_add(weights, (struct weight) { .name = "mixer.conv1d.bias",
                                           .part = part,
                                           .rows = convolved,
                                           .shards = shape->tp });
    weights_add(weights, (struct weight) { .name = "mixer.norm.weight",
                                           .part = part,
                                           .rows = shape->mamba_inner / shape->tp,
                                           .shards = shape->tp });
    add_row_parallel(shape, "mixer.out_proj.weight", shape->hidden_size, shape->mamba_inner, false,
                     part, weights);
}

void weights_of_mixer(const struct shape *shape, struct layer layer, enum parameter_part part,
                      struct weights *weights)
{
    switch (layer.mixer) {
    case MIXER_NONE:
        break;
    case MIXER_ATTENTION:
        weights_of_attention(shape, part, weights);
        break;
    case MIXER_MLA:
        weights_of_mla(shape, part, weights);
        if (layer.indexer)
            weights_of_indexer(shape, part, weights);
        break;
    case MIXER_GDN:
        weights_of_gdn(shape, part, weights);
        break;
    case MIXER_MAMBA:
        weights_of_mamba(shape, part, weights);
        break;
    }
}
