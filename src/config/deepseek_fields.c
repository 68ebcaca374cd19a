#include "config/deepseek_fields.h"

#include <string.h>

#define ANY_INT 1, 1e9
#define NOTHING "no Megatron equivalent"

const struct deepseek_field deepseek_fields[] = {
    { "/experiment_name", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--wandb-exp-name", NULL },
    { "/description", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, NULL, NOTHING },

    { "/model/num_layers", DEEPSEEK_INT, 1, 10000, 0, 0, NULL, "--num-layers", NULL },
    { "/model/vocab_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--vocab-size", NULL },
    { "/model/dense_intermediate_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--ffn-hidden-size",
      NULL },
    { "/model/num_dense_layers", DEEPSEEK_INT, 0, 10000, 0, 0, NULL, NULL,
      "--moe-layer-freq: the first layers have no experts" },
    { "/model/rope_theta", DEEPSEEK_REAL, 1, 1e12, 0, 0, NULL, "--rotary-base", NULL },
    { "/model/norm_eps", DEEPSEEK_REAL, 1e-12, 1, 0, 0, NULL, "--norm-epsilon", NULL },
    { "/model/tie_embeddings", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      "without it --untie-embeddings-and-output-weights" },
    { "/model/num_mtp_layers", DEEPSEEK_INT, 0, 16, 0, 0, NULL, NULL, "--mtp-num-layers" },

    { "/model/mla/d_model", DEEPSEEK_INT, ANY_INT, 1024, 7168, NULL, "--hidden-size", NULL },
    { "/model/mla/d_latent", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, NULL,
      "--multi-latent-attention --kv-lora-rank; a note outside 1/5 to 1/2 of d_model" },
    { "/model/mla/d_latent_q", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--q-lora-rank", NULL },
    { "/model/mla/num_heads", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--num-attention-heads", NULL },
    { "/model/mla/d_head", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--qk-head-dim", NULL },
    { "/model/mla/d_rope", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--qk-pos-emb-head-dim", NULL },
    { "/model/mla/d_value", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--v-head-dim", NULL },
    { "/model/mla/max_context_length", DEEPSEEK_INT, ANY_INT, 1024, 128000, NULL,
      "--max-position-embeddings", NULL },
    { "/model/mla/use_fp8_kv", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      NOTHING ": the cache of keys and values is one of inference" },
    { "/model/mla/use_flash_mla", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      NOTHING ": Transformer Engine chooses the kernel" },

    { "/model/moe/num_experts", DEEPSEEK_INT, ANY_INT, 64, 256, NULL, "--num-experts", NULL },
    { "/model/moe/num_experts_per_token", DEEPSEEK_INT, ANY_INT, 2, 8, NULL, "--moe-router-topk",
      NULL },
    { "/model/moe/num_shared_experts", DEEPSEEK_INT, 0, 64, 0, 0, NULL, NULL,
      "--moe-shared-expert-intermediate-size: that many experts wide" },
    { "/model/moe/expert_intermediate_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL,
      "--moe-ffn-hidden-size", NULL },
    { "/model/moe/use_aux_loss_free", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      "--moe-router-enable-expert-bias --moe-router-score-function sigmoid "
      "--moe-router-load-balancing-type none" },
    { "/model/moe/router_aux_loss_weight", DEEPSEEK_REAL, 0, 100, 0, 0, NULL,
      "--moe-aux-loss-coeff", NULL },
    { "/model/moe/capacity_factor", DEEPSEEK_REAL, 0, 1000, 1.0, 1.25, NULL,
      "--moe-expert-capacity-factor", NULL },
    { "/model/moe/use_deep_ep", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      "--moe-token-dispatcher-type flex --moe-enable-deepep, where experts are split over ranks" },
    { "/model/moe/deep_ep_fp8", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      NOTHING ": tokens travel in the precision of the layer" },

    { "/distributed/tensor_parallel_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL,
      "--tensor-model-parallel-size", NULL },
    { "/distributed/pipeline_parallel_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL,
      "--pipeline-model-parallel-size", NULL },
    { "/distributed/expert_parallel_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL,
      "--expert-model-parallel-size", NULL },
    { "/distributed/data_parallel_size", DEEPSEEK_INT, -1, 1e9, 0, 0, NULL, NULL,
      "-1: from the number of GPUs; else TP x PP x EP x DP of them, as the guide counts" },
    { "/distributed/num_gpus", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, NULL, "the number of ranks" },
    { "/distributed/gpu", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, NULL, "the GPU, as --gpu" },
    { "/distributed/zero_stage", DEEPSEEK_INT, 0, 3, 0, 0, NULL, NULL,
      "1: --use-distributed-optimizer; 2 and 3 are taken as 1, which shards less" },
    { "/distributed/overlap_grad_reduce", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, "--overlap-grad-reduce",
      NULL },
    { "/distributed/sequence_parallel", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      "--sequence-parallel; without the field where TP and experts go together, as Megatron "
      "wants" },

    { "/training/global_batch_size", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, NULL,
      "--global-batch-size, in samples or as global_batch_size_unit says" },
    { "/training/global_batch_size_unit", DEEPSEEK_TEXT, 0, 0, 0, 0, "samples tokens", NULL,
      "how global_batch_size counts" },
    { "/training/micro_batch_size", DEEPSEEK_INT, ANY_INT, 1, 2, NULL, "--micro-batch-size", NULL },
    { "/training/seq_length", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--seq-length", NULL },
    { "/training/train_steps", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--train-iters", NULL },
    { "/training/learning_rate", DEEPSEEK_REAL, 1e-12, 100, 1e-4, 3e-4, NULL, "--lr", NULL },
    { "/training/min_learning_rate", DEEPSEEK_REAL, 0, 100, 0, 0, NULL, "--min-lr", NULL },
    { "/training/lr_warmup_steps", DEEPSEEK_INT, 0, 1e9, 2000, 2000, NULL, "--lr-warmup-iters",
      NULL },
    { "/training/lr_schedule", DEEPSEEK_TEXT, 0, 0, 0, 0,
      "constant linear cosine inverse-square-root WSD", "--lr-decay-style", NULL },
    { "/training/grad_clip", DEEPSEEK_REAL, 0, 1e6, 0.5, 1.0, NULL, "--clip-grad", NULL },
    { "/training/weight_decay", DEEPSEEK_REAL, 0, 100, 0, 0, NULL, "--weight-decay", NULL },
    { "/training/use_fp8", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL, "--fp8-format hybrid" },
    { "/training/precision", DEEPSEEK_TEXT, 0, 0, 0, 0, "bf16 fp16", NULL, "--bf16 or --fp16" },
    { "/training/gradient_checkpointing", DEEPSEEK_BOOL, 0, 0, 0, 0, NULL, NULL,
      "--recompute-granularity full --recompute-method uniform --recompute-num-layers 1" },
    { "/training/seed", DEEPSEEK_INT, 0, 1e9, 0, 0, NULL, "--seed", NULL },

    { "/data/train_data_path", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--data-path", NULL },
    { "/data/tokenizer_path", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, NULL,
      "--tokenizer-type HuggingFaceTokenizer --tokenizer-model, when the job is started" },
    { "/data/num_workers", DEEPSEEK_INT, 0, 4096, 0, 0, NULL, "--num-workers", NULL },
    { "/data/split", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--split", NULL },
    { "/checkpointing/save_dir", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--save", NULL },
    { "/checkpointing/save_interval", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--save-interval", NULL },
    { "/checkpointing/load_dir", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--load", NULL },
    { "/checkpointing/keep_last", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, NULL, NOTHING },
    { "/logging/log_interval", DEEPSEEK_INT, ANY_INT, 0, 0, NULL, "--log-interval", NULL },
    { "/logging/tensorboard_dir", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--tensorboard-dir", NULL },
    { "/logging/wandb_project", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, "--wandb-project", NULL },
    { "/logging/level", DEEPSEEK_TEXT, 0, 0, 0, 0, NULL, NULL, NOTHING },
};

const size_t deepseek_field_count = sizeof(deepseek_fields) / sizeof(deepseek_fields[0]);

const struct deepseek_field *deepseek_field_find(const char *pointer)
{
    for (size_t i = 0; i < deepseek_field_count; i++)
        if (strcmp(deepseek_fields[i].pointer, pointer) == 0)
            return &deepseek_fields[i];
    return NULL;
}
