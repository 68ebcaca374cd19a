#include "memory/shape.h"

#include <stdio.h>
#include <string.h>

#include "memory/packages.h"

/* Numbers a job may leave None: 'fallback' then. Zero and less count as not given. */
static uint64_t size_or(int64_t value, uint64_t fallback)
{
    return value > 0 ? (uint64_t)value : fallback;
}

static bool on(py_bool value)
{
    return value == 1;
}

static bool is(const char *value, const char *want)
{
    return value && strcmp(value, want) == 0;
}

/* Stock vocabularies of tokenizers whose files are nearly always the public ones. */
static const struct {
    const char *tokenizer;
    uint64_t vocab_size;
} stock_vocabularies[] = {
    { "GPT2BPETokenizer", 50257 },
    { "BertWordPieceLowerCase", 30522 },
    { "BertWordPieceCase", 28996 },
};

/* Multiple of make_vocab_size_divisible_by x tp
 * (megatron/core/tokenizers/utils/build_tokenizer.py). */
static uint64_t pad_vocabulary(const struct job *job, uint64_t vocab_size, uint64_t tp)
{
    uint64_t multiple = size_or(job->make_vocab_size_divisible_by, 128) * tp;

    return (vocab_size + multiple - 1) / multiple * multiple;
}

static void read_vocabulary(const struct job *job, const struct facts *facts, struct shape *shape)
{
    uint64_t more =
        shape->release < RELEASE_0_18_2; /* NullTokenizer counted an end-of-document id */

    if (facts->padded_vocab_size.known) {
        shape->padded_vocab_size = size_or(facts->padded_vocab_size.value, 0);
    } else if (job->padded_vocab_size > 0) {
        shape->padded_vocab_size = (uint64_t)job->padded_vocab_size;
    } else if (facts->vocab_size.known) {
        shape->padded_vocab_size =
            pad_vocabulary(job, size_or(facts->vocab_size.value, 0), shape->tp);
    } else if (is(job->tokenizer_type, "NullTokenizer") && job->vocab_size > 0) {
        shape->padded_vocab_size = pad_vocabulary(job, (uint64_t)job->vocab_size + more, shape->tp);
    } else if (job->vocab_size > 0) {
        shape->padded_vocab_size = pad_vocabulary(job, (uint64_t)job->vocab_size, shape->tp);
        shape->vocab_assumed = "vocabulary: --vocab-size, the tokenizer's files were not read";
    } else {
        for (size_t i = 0; i < sizeof(stock_vocabularies) / sizeof(stock_vocabularies[0]); i++)
            if (is(job->tokenizer_type, stock_vocabularies[i].tokenizer))
                shape->padded_vocab_size =
                    pad_vocabulary(job, stock_vocabularies[i].vocab_size, shape->tp);
        shape->vocab_assumed = shape->padded_vocab_size
                                   ? "vocabulary: the stock size of this tokenizer"
                                   : "vocabulary: unknown, counted as nothing";
    }
}

/* parallel_state.py: dense and expert grids; 0.8 and 0.9 carve experts out of the dense one. */
static bool read_parallel(const struct job *job, struct shape *shape, const char **why)
{
    uint64_t model;

    shape->world_size = size_or(job->world_size, 0);
    shape->tp = size_or(job->tensor_model_parallel_size, 1);
    shape->cp = size_or(job->context_parallel_size, 1);
    shape->pp = size_or(job->pipeline_model_parallel_size, 1);
    shape->vpp = shape->pp > 1 ? size_or(job->virtual_pipeline_model_parallel_size, 1) : 1;
    shape->ep = size_or(job->expert_model_parallel_size, 1);
    shape->gtp = size_or(job->gtp_weight_remat_size, 1);
    shape->egtp = size_or(job->expert_gtp_weight_remat_size, 1);
    shape->etp = shape->release < RELEASE_0_10_0
                     ? shape->tp
                     : size_or(job->expert_tensor_parallel_size, shape->tp);
    shape->instances = size_or(job->num_distributed_optimizer_instances, 1);

    model = shape->tp * shape->cp * shape->pp * shape->gtp;
    if (shape->world_size == 0 || shape->world_size % model) {
        *why = "world size";
        return false;
    }
    shape->dp = size_or(job->data_parallel_size, shape->world_size / model);

    if (shape->release < RELEASE_0_10_0) {
        *why = "expert_model_parallel_size";
        if (shape->dp % shape->ep)
            return false;
        shape->edp = shape->dp * shape->cp / shape->ep;
        return true;
    }
    model = shape->etp * shape->ep * shape->pp * shape->egtp;
    if (shape->world_size % model) {
        *why = "expert_model_parallel_size";
        return false;
    }
    shape->edp = shape->world_size / model;
    return true;
}

/* Which ranks share optimizer state. Experts have buffers of their own where Megatron sets
 * allreduce == False: ep > 1, and since 0.19 also where the expert tensor group differs
 * (tensor_parallel/layers.py, extensions/transformer_engine.py). */
static void read_sharding(const struct job *job, struct shape *shape)
{
    bool sharded = on(job->use_distributed_optimizer);

    shape->expert_buffers =
        shape->ep > 1 || (shape->release >= RELEASE_0_19_0 &&
                          (shape->etp != shape->tp || shape->egtp != shape->gtp));
    shape->dense_shards = 1;
    shape->expert_shards = 1;
    if (sharded && shape->dp * shape->cp >= shape->instances)
        shape->dense_shards = shape->dp * shape->cp / shape->instances;
    if (sharded && shape->edp >= shape->instances)
        shape->expert_shards = shape->edp / shape->instances;
}

static void read_tokens(const struct job *job, struct shape *shape)
{
    shape->seq_length = size_or(job->seq_length, size_or(job->encoder_seq_length, 0));
    shape->micro_batch_size = size_or(job->micro_batch_size, 1);
    shape->num_microbatches = size_or(job->num_microbatches, 0);
    if (!shape->num_microbatches)
        shape->num_microbatches =
            size_or(job->global_batch_size, shape->micro_batch_size * shape->dp * shape->gtp) /
            (shape->micro_batch_size * shape->dp * shape->gtp);
    if (!shape->num_microbatches)
        shape->num_microbatches = 1;
    shape->sequence_parallel = on(job->sequence_parallel) && shape->tp > 1;
    shape->tokens = shape->seq_length * shape->micro_batch_size / shape->cp;
    shape->tokens_sharded = shape->sequence_parallel ? shape->tokens / shape->tp : shape->tokens;
}

/* argument_utils.py core_transformer_config_from_args: --squared-relu wins over --quick-geglu. */
static void read_activation(const struct job *job, struct shape *shape)
{
    if (on(job->swiglu))
        shape->activation = ACTIVATION_SILU;
    else if (on(job->squared_relu))
        shape->activation = ACTIVATION_SQUARED_RELU;
    else if (on(job->quick_geglu))
        shape->activation = ACTIVATION_QUICK_GELU;
    shape->gated_linear_unit =
        shape->activation == ACTIVATION_SILU || shape->activation == ACTIVATION_QUICK_GELU;
    shape->gates = shape->gated_linear_unit ? 2 : 1;
}

/* Up to 0.11 selecting experts with a dense ffn size was the only way; the option came with 0.10.
 */
static void read_experts(const struct job *job, struct shape *shape)
{
    shape->num_experts = size_or(job->num_experts, 0);
    if (!shape->num_experts)
        return;
    shape->local_experts = shape->num_experts / shape->ep;
    shape->moe_router_topk = size_or(job->moe_router_topk, 2);
    shape->moe_ffn_hidden_size = size_or(job->moe_ffn_hidden_size, shape->ffn_hidden_size);
    shape->moe_latent_size = size_or(job->moe_latent_size, 0);
    shape->expert_hidden = shape->moe_latent_size ? shape->moe_latent_size : shape->hidden_size;
    shape->moe_shared_expert_intermediate_size =
        size_or(job->moe_shared_expert_intermediate_size, 0);
    shape->moe_shared_expert_gate = on(job->moe_shared_expert_gate);
    shape->moe_grouped_gemm = on(job->moe_grouped_gemm);
    shape->te_grouped_gemm = shape->moe_grouped_gemm && shape->transformer_engine &&
                             shape->release >= RELEASE_0_9_0 &&
                             !on(job->moe_use_legacy_grouped_gemm);
    shape->router_bias = shape->bias && shape->release >= RELEASE_0_15_0;
}

static void read_attention(const struct job *job, struct shape *shape)
{
    uint64_t heads = size_or(job->num_attention_heads, 1);

    shape->num_attention_heads = heads;
    shape->num_query_groups =
        on(job->group_query_attention) ? size_or(job->num_query_groups, heads) : heads;
    shape->kv_channels = size_or(job->kv_channels, shape->hidden_size / heads);
    shape->attention_output_gate = on(job->attention_output_gate);
    shape->proj_width = heads * shape->kv_channels;
    shape->qkv_width = (heads + 2 * shape->num_query_groups) * shape->kv_channels;
    if (shape->attention_output_gate)
        shape->qkv_width += shape->proj_width;
    shape->qk_layernorm = on(job->qk_layernorm);

    shape->multi_latent_attention = on(job->multi_latent_attention);
    shape->q_lora_rank = size_or(job->q_lora_rank, 0);
    shape->kv_lora_rank = size_or(job->kv_lora_rank, 0);
    shape->qk_head_dim = size_or(job->qk_head_dim, 0);
    shape->qk_pos_emb_head_dim = size_or(job->qk_pos_emb_head_dim, 0);
    shape->v_head_dim = size_or(job->v_head_dim, 0);

    shape->mla_down_proj_fusion = on(job->mla_down_proj_fusion) && shape->q_lora_rank;

    shape->dsa_indexer_n_heads = size_or(job->dsa_indexer_n_heads, 0);
    shape->dsa_indexer_head_dim = size_or(job->dsa_indexer_head_dim, 0);
    shape->gdn2 = is(job->experimental_attention_variant, "gdn2");
    shape->linear_num_key_heads = size_or(job->linear_num_key_heads, 0);
    shape->linear_num_value_heads = size_or(job->linear_num_value_heads, 0);
    shape->linear_key_head_dim = size_or(job->linear_key_head_dim, 0);
    shape->linear_value_head_dim = size_or(job->linear_value_head_dim, 0);
    shape->linear_conv_kernel_dim = size_or(job->linear_conv_kernel_dim, 0);
}

/* Defaults of MambaMixer before the options existed (0.8 .. 0.12). */
static void read_mamba(const struct job *job, struct shape *shape)
{
    shape->mamba_head_dim = size_or(job->mamba_head_dim, 64);
    shape->mamba_num_groups = size_or(job->mamba_num_groups, 8);
    shape->mamba_state_dim = size_or(job->mamba_state_dim, 128);
    shape->mamba_num_heads =
        size_or(job->mamba_num_heads, 2 * shape->hidden_size / shape->mamba_head_dim);
    shape->mamba_inner = shape->mamba_num_heads * shape->mamba_head_dim;
}

static void read_model(const struct job *job, struct shape *shape)
{
    const char *positions = job->position_embedding_type;

    shape->model =
        job->hybrid_layer_pattern || job->hybrid_override_pattern ? MODEL_HYBRID : MODEL_GPT;
    shape->num_layers = size_or(job->num_layers, size_or(job->encoder_num_layers, 0));
    shape->hidden_size = size_or(job->hidden_size, 0);
    shape->max_position_embeddings = size_or(job->max_position_embeddings, 0);
    shape->learned_positions = !positions || is(positions, "learned_absolute");
    shape->rope = is(positions, "rope") || is(positions, "mrope") || is(positions, "yarn");
    shape->tied = !on(job->untie_embeddings_and_output_weights);
    shape->norm_vectors = is(job->normalization, "RMSNorm") ? 1 : 2;
    shape->bias = job->add_bias_linear != 0;
    shape->qkv_bias = shape->bias || on(job->add_qkv_bias);
    shape->transformer_engine = !is(job->transformer_impl, "local");
    shape->ffn_hidden_size = size_or(job->ffn_hidden_size, 4 * shape->hidden_size);
    shape->mtp_num_layers = size_or(job->mtp_num_layers, 0);
    shape->mtp_use_repeated_layer = on(job->mtp_use_repeated_layer);
}

/* fp8_utils.py get_fp8_context, fp4_utils.py; the recipe option came with 0.12, before it was
 * delayed. */
static void read_low_precision(const struct job *job, struct shape *shape)
{
    if (!shape->transformer_engine)
        return;
    if (job->fp4) {
        shape->low_precision = FP4_NV;
        shape->quantized_weights = on(job->fp4_param_gather);
    } else if (job->fp8) {
        shape->low_precision = is(job->fp8_recipe, "mxfp8")       ? FP8_MX
                               : is(job->fp8_recipe, "blockwise") ? FP8_BLOCKWISE
                                                                  : FP8_TENSOR;
        shape->quantized_weights = on(job->fp8_param_gather);
    }
    if (on(job->first_last_layers_bf16)) {
        shape->bf16_layers_first = size_or(job->num_layers_at_start_in_bf16, 0);
        shape->bf16_layers_last = size_or(job->num_layers_at_end_in_bf16, 0);
    }
}

/* Gradient buffers are fp32 exactly when accumulate_allreduce_grads_in_fp32 is (distributed/
 * param_and_grad_buffer.py), otherwise of the parameter's dtype. */
static void read_dtypes(const struct job *job, struct shape *shape)
{
    bool half = on(job->bf16) || on(job->fp16);

    shape->param_bytes = half ? 2 : 4;
    shape->grad_bytes = on(job->accumulate_allreduce_grads_in_fp32) ? 4 : shape->param_bytes;
    read_low_precision(job, shape);
}

/* CUBLAS_WORKSPACE_CONFIG ":KiB:count[:KiB:count ...]" in bytes; false when it is not of that form.
 */
static bool workspace_config(const char *text, uint64_t *bytes)
{
    uint64_t sum = 0;
    unsigned long kib, count;
    int used;

    for (; *text; text += used) {
        if (sscanf(text, ":%lu:%lu%n", &kib, &count, &used) != 2)
            return false;
        sum += (uint64_t)kib * 1024 * count;
    }
    *bytes = sum;
    return true;
}

/* ATen/cuda/CublasHandlePool.cpp: 8 pieces of 4 MiB on Hopper and, since torch 2.12, Blackwell;
 * elsewhere 2 of 4 MiB and 8 of 16 KiB. The environment wins. */
static uint64_t cublas_workspace(const struct facts *facts, const struct shape *shape)
{
    const char *config = environment_get(&facts->environment, "CUBLAS_WORKSPACE_CONFIG");
    bool big =
        shape->gpu_arch < 0 || shape->gpu_arch / 10 == 9 ||
        (shape->gpu_arch / 10 == 10 && *shape->torch && version_compare(shape->torch, "2.12") >= 0);
    uint64_t bytes;

    if (config && workspace_config(config, &bytes))
        return bytes;
    return big ? 8 * (4u << 20) : 2 * (4u << 20) + 8 * (16u << 10);
}

/* PYTORCH_CUDA_ALLOC_CONF, since torch 2.9 also PYTORCH_ALLOC_CONF. */
static bool expandable_segments(const struct facts *facts)
{
    static const char *const names[] = { "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF" };

    for (int i = 0; i < 2; i++) {
        const char *config = environment_get(&facts->environment, names[i]);

        if (config && strstr(config, "expandable_segments:True"))
            return true;
    }
    return false;
}

static void read_machine(const struct facts *facts, struct shape *shape)
{
    shape->gpu_arch = facts->gpu_arch.known ? facts->gpu_arch.value : -1;
    shape->torch_known = facts->torch.known;
    shape->te_known = facts->transformer_engine.known;
    shape->torch = shape->torch_known ? facts->torch.value : usual_torch(shape->release);
    shape->te = shape->te_known ? facts->transformer_engine.value
                                : usual_transformer_engine(shape->release);
    shape->expandable_segments = expandable_segments(facts);
    shape->cublas_workspace_bytes = cublas_workspace(facts, shape);
}

/* A hybrid model with layers of experts, of which there are none. */
static bool lacks_experts(const struct job *job, const struct shape *shape)
{
    const char *pattern =
        job->hybrid_layer_pattern ? job->hybrid_layer_pattern : job->hybrid_override_pattern;

    return !shape->num_experts && pattern && strchr(pattern, 'E');
}

/* The field without which, or with which, no tensor has a size: what a rule has stopped, or NULL.
 */
static const char *indivisible(const struct job *job, const struct shape *shape)
{
    if (job->num_attention_heads <= 0 || shape->num_attention_heads % shape->tp)
        return "num_attention_heads";
    if (!shape->kv_channels || !shape->tokens || !shape->tokens_sharded)
        return shape->kv_channels ? "seq_length" : "kv_channels";
    if ((shape->num_experts && (shape->num_experts % shape->ep || !shape->local_experts)) ||
        lacks_experts(job, shape))
        return "num_experts";
    return NULL;
}

/* Sizes no pipeline or machine has: the time an estimate takes grows with them. */
static const char *too_many(const struct shape *shape)
{
    enum { MOST = 1 << 16, MOST_TENSORS = 1 << 22 };
    uint64_t layers = shape->num_layers + shape->mtp_num_layers;

    if (layers > MOST || shape->mtp_num_layers > MOST)
        return "num_layers";
    if (shape->pp > MOST || shape->vpp > MOST || shape->pp * shape->vpp > MOST)
        return "pipeline_model_parallel_size";
    if (shape->local_experts > MOST || layers * shape->local_experts > MOST_TENSORS)
        return "num_experts";
    return NULL;
}

bool shape_of(const struct job *job, enum release release, const struct facts *facts,
              struct shape *shape, const char **why)
{
    memset(shape, 0, sizeof(*shape));
    shape->release = release;
    if (!read_parallel(job, shape, why))
        return false;
    read_sharding(job, shape);
    read_tokens(job, shape);
    read_model(job, shape);
    if (!shape->num_layers || !shape->hidden_size || !shape->seq_length) {
        *why = !shape->num_layers    ? "num_layers"
               : !shape->hidden_size ? "hidden_size"
                                     : "seq_length";
        return false;
    }
    read_vocabulary(job, facts, shape);
    read_activation(job, shape);
    read_attention(job, shape);
    read_experts(job, shape);
    read_mamba(job, shape);
    read_dtypes(job, shape);
    read_machine(facts, shape);
    *why = too_many(shape);
    if (!*why)
        *why = indivisible(job, shape);
    return !*why;
}
