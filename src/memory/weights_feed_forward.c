#include "memory/weights.h"

static enum gemm linear(const struct shape *shape)
{
    return shape->transformer_engine ? GEMM_TE : GEMM_MEGATRON;
}

/* fc1 [gates f / tp, h] and fc2 [h, f / tp]; fc1's bias is cut, fc2's is not (transformer/mlp.py).
 */
static void weights_of_mlp(const struct shape *shape, uint64_t ffn, bool bias,
                           enum parameter_part part, struct weights *weights)
{
    uint64_t fc1_rows = shape->gates * ffn / shape->tp;

    weights_add(weights, (struct weight) { .name = "mlp.linear_fc1.weight",
                                           .part = part,
                                           .rows = fc1_rows,
                                           .columns = shape->hidden_size,
                                           .shards = shape->tp,
                                           .gemm = linear(shape) });
    if (bias)
        weights_add(weights, (struct weight) { .name = "mlp.linear_fc1.bias",
                                               .part = part,
                                               .rows = fc1_rows,
                                               .shards = shape->tp });
    weights_add(weights, (struct weight) { .name = "mlp.linear_fc2.weight",
                                           .part = part,
                                           .rows = shape->hidden_size,
                                           .columns = ffn / shape->tp,
                                           .shards = shape->tp,
                                           .gemm = linear(shape) });
    if (bias)
        weights_add(weights, (struct weight) { .name = "mlp.linear_fc2.bias",
                                               .part = part,
                                               .rows = shape->hidden_size,
                                               .shards = 1 });
}

/* TopKRouter: weight [E, h] and, since 0.15, a bias (transformer/moe/router.py). Replicated. */
static void weights_of_router(const struct shape *shape, enum parameter_part part,
                              struct weights *weights)
{
    weights_add(weights, (struct weight) { .name = "mlp.router.weight",
                                           .part = part,
                                           .rows = shape->num_experts,
                                           .columns = shape->hidden_size,
                                           .shards = 1 });
    if (shape->router_bias)
        weights_add(weights, (struct weight) { .name = "mlp.router.bias",
                                               .part = part,
                                               .rows = shape->num_experts,
                                               .shards = 1 });
}

/* Into and out of the experts' own width, replicated (transformer/moe/moe_layer.py). */
static void weights_of_latent(const struct shape *shape, enum parameter_part part,
                              struct weights *weights)
{
    const struct {
        const char *weight, *bias;
        uint64_t rows, columns;
    } projections[] = {
        { "mlp.fc1_latent_proj.weight", "mlp.fc1_latent_proj.bias", shape->moe_latent_size,
          shape->hidden_size },
        { "mlp.fc2_latent_proj.weight", "mlp.fc2_latent_proj.bias", shape->hidden_size,
          shape->moe_latent_size },
    };

    for (int i = 0; i < 2 && shape->moe_latent_size; i++) {
        weights_add(weights, (struct weight) { .name = projections[i].weight,
                                               .part = part,
                                               .rows = projections[i].rows,
                                               .columns = projections[i].columns,
                                               .shards = 1,
                                               .gemm = GEMM_TE });
        if (shape->bias)
            weights_add(weights, (struct weight) { .name = projections[i].bias,
                                                   .part = part,
                                                   .rows = projections[i].rows,
                                                   .shards = 1 });
    }
}

/* Each local expert fc1 [gates m / etp, hx] and fc2 [hx, m / etp], hx the latent width or h
 * (transformer/moe/experts.py). The older grouped MLP of Megatron's own keeps all local experts in
 * two tensors and has no bias. */
static void weights_of_experts(const struct shape *shape, enum parameter_part part,
                               struct weights *weights)
{
    bool one_tensor = shape->moe_grouped_gemm && !shape->te_grouped_gemm;
    uint64_t fc1_rows = shape->gates * shape->moe_ffn_hidden_size / shape->etp;
    uint64_t fc2_columns = shape->moe_ffn_hidden_size / shape->etp;
    uint64_t grouped = one_tensor ? shape->local_experts : 1;
    struct weight weight = { .part = part,
                             .copies = shape->local_experts / grouped,
                             .shards = shape->etp * shape->ep,
                             .expert = shape->expert_buffers,
                             .gemm = shape->te_grouped_gemm ? GEMM_TE_GROUPED
                                     : one_tensor           ? GEMM_NONE
                                                            : linear(shape) };

    weight.name = "mlp.experts.linear_fc1.weight";
    weight.rows = fc1_rows * grouped;
    weight.columns = shape->expert_hidden;
    weights_add(weights, weight);
    weight.name = "mlp.experts.linear_fc2.weight";
    weight.rows = shape->expert_hidden * grouped;
    weight.columns = fc2_columns;
    weights_add(weights, weight);
    if (!shape->bias || one_tensor)
        return;
    weight.gemm = GEMM_NONE;
    weight.columns = 0;
    weight.name = "mlp.experts.linear_fc1.bias";
    weight.rows = fc1_rows;
    weights_add(weights, weight);
    weight.name = "mlp.experts.linear_fc2.bias";
    weight.rows = shape->expert_hidden;
    weight.shards = shape->ep;
    weights_add(weights, weight);
}

/* An MLP that every token passes, cut by tp, never with a bias (transformer/moe/shared_experts.py).
 */
static void weights_of_shared_experts(const struct shape *shape, enum parameter_part part,
                                      struct weights *weights)
{
    if (!shape->moe_shared_expert_intermediate_size)
        return;
    if (shape->moe_shared_expert_gate)
        weights_add(weights, (struct weight) { .name = "mlp.shared_experts.gate_weight",
                                               .part = part,
                                               .rows = 1,
                                               .columns = shape->hidden_size,
                                               .shards = 1 });
    weights_of_mlp(shape, shape->moe_shared_expert_intermediate_size, false, part, weights);
}

void weights_of_feed_forward(const struct shape *shape, enum feed_forward feed_forward,
                             enum parameter_part part, struct weights *weights)
{
    if (feed_forward == FEED_FORWARD_NONE)
        return;
    weights_of_norm(shape, "pre_mlp_layernorm", shape->hidden_size, part, weights);
    if (feed_forward == FEED_FORWARD_DENSE) {
        weights_of_mlp(shape, shape->ffn_hidden_size, shape->bias, part, weights);
        return;
    }
    weights_of_router(shape, part, weights);
    weights_of_latent(shape, part, weights);
    weights_of_experts(shape, part, weights);
    weights_of_shared_experts(shape, part, weights);
}
