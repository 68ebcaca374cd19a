#include "memory/weights.h"

uint64_t weight_elements(const struct weight *weight)
{
    return weight->columns ? weight->rows * weight->columns : weight->rows;
}

uint64_t weight_total(const struct weight *weight)
{
    return weight_elements(weight) * weight->copies;
}

void weights_add(struct weights *weights, struct weight weight)
{
    if (!weight.rows)
        return;
    if (!weight.copies)
        weight.copies = 1;
    weight.quantized =
        weights->quantize && (weight.gemm == GEMM_TE || weight.gemm == GEMM_TE_GROUPED);
    weights->weight = arena_grow(weights->arena, weights->weight, &weights->capacity,
                                 weights->count + 1, sizeof(weight));
    weights->weight[weights->count++] = weight;
}

void weights_of_norm(const struct shape *shape, const char *name, uint64_t width,
                     enum parameter_part part, struct weights *weights)
{
    weights_add(weights, (struct weight) { .name = name,
                                           .part = part,
                                           .rows = width,
                                           .copies = shape->norm_vectors,
                                           .shards = 1 });
}

void weights_of_layer(const struct shape *shape, struct layer layer, enum parameter_part part,
                      struct weights *weights)
{
    weights_of_mixer(shape, layer, part, weights);
    weights_of_feed_forward(shape, layer.feed_forward, part, weights);
}

/* VocabParallelEmbedding [V / tp, h] and learned positions [max_position_embeddings, h], the latter
 * replicated (models/common/embeddings/language_model_embedding.py). Where the output layer has no
 * weight of its own, it multiplies with this one. */
static void weights_of_embedding(const struct shape *shape, const struct chunk *chunk,
                                 struct weights *weights)
{
    bool shared = shape->pp > 1 && (shape->tied || shape->mtp_num_layers);
    bool multiplied = chunk->post_process && !chunk->output_weight;

    weights_add(weights, (struct weight) { .name = "embedding.word_embeddings.weight",
                                           .part = PART_EMBEDDING,
                                           .rows = shape->padded_vocab_size / shape->tp,
                                           .columns = shape->hidden_size,
                                           .shards = chunk->embedding_copy ? 0 : shape->tp,
                                           .shared_embedding = shared,
                                           .gemm = multiplied ? GEMM_MEGATRON : GEMM_NONE });
    if (shape->learned_positions)
        weights_add(weights, (struct weight) { .name = "embedding.position_embeddings.weight",
                                               .part = PART_EMBEDDING,
                                               .rows = shape->max_position_embeddings,
                                               .columns = shape->hidden_size,
                                               .shards = chunk->embedding_copy ? 0 : 1 });
}

/* [V / tp, h] (models/gpt/gpt_model.py output_layer). */
static void weights_of_output(const struct shape *shape, const struct chunk *chunk,
                              struct weights *weights)
{
    weights_add(weights,
                (struct weight) { .name = "output_layer.weight",
                                  .part = PART_OUTPUT,
                                  .rows = shape->padded_vocab_size / shape->tp,
                                  .columns = shape->hidden_size,
                                  .shards = chunk->output_copy ? 0 : shape->tp,
                                  .shared_embedding = chunk->output_copy && !chunk->mtp_count,
                                  .gemm = GEMM_MEGATRON });
}

/* One depth: two norms, the projection of [embedding, hidden] 2h -> h, its layers and a norm
 * (transformer/multi_token_prediction.py MultiTokenPredictionLayer). */
static void weights_of_mtp(const struct shape *shape, const struct chunk *chunk,
                           struct weights *weights)
{
    weights_of_norm(shape, "mtp.enorm", shape->hidden_size, PART_MTP, weights);
    weights_of_norm(shape, "mtp.hnorm", shape->hidden_size, PART_MTP, weights);
    weights_add(weights,
                (struct weight) { .name = "mtp.eh_proj.weight",
                                  .part = PART_MTP,
                                  .rows = shape->hidden_size / shape->tp,
                                  .columns = 2 * shape->hidden_size,
                                  .shards = shape->tp,
                                  .gemm = shape->transformer_engine ? GEMM_TE : GEMM_MEGATRON });
    for (int64_t i = 0; i < chunk->mtp_layer_count; i++)
        weights_of_layer(shape, chunk->mtp_layer[i], PART_MTP, weights);
    weights_of_norm(shape, "mtp.final_layernorm", shape->hidden_size, PART_MTP, weights);
}

/* Is this decoder layer computed in 8 or 4 bits? */
static bool layer_is_quantized(const struct shape *shape, uint64_t layer)
{
    return shape->low_precision != PRECISION_FULL && layer >= shape->bf16_layers_first &&
           layer + shape->bf16_layers_last < shape->num_layers;
}

void weights_of_chunk(const struct shape *shape, const struct chunk *chunk, struct weights *weights)
{
    if (chunk->embedding)
        weights_of_embedding(shape, chunk, weights);
    for (int64_t i = 0; i < chunk->layer_count; i++) {
        weights->quantize = layer_is_quantized(shape, (uint64_t)(chunk->first_layer + i));
        weights_of_layer(shape, chunk->layer[i], PART_DECODER, weights);
    }
    weights->quantize = shape->low_precision != PRECISION_FULL;
    if (chunk->final_norm)
        weights_of_norm(shape, "decoder.final_layernorm", shape->hidden_size, PART_FINAL_NORM,
                        weights);
    for (int64_t i = 0; i < chunk->mtp_count; i++)
        weights_of_mtp(shape, chunk, weights);
    weights->quantize = false;
    if (chunk->output_weight)
        weights_of_output(shape, chunk, weights);
}
