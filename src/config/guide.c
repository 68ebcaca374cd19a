#include "config/guide.h"

#include <string.h>

const struct guide_row guide_rows[] = {
    { "guide-world-size",
      "world_size = TP x PP x EP x ETP x CP x DP: 64 GPUs with TP 4, PP 2, EP 4 have DP 2",
      "world_size = TP x PP x CP x DP, and for the experts the same ranks are dealt anew: "
      "world_size = ETP x EP x "
      "PP x expert DP. There DP is 8, and each expert has 8 replicas. The strategies guide's own "
      "examples (16 GPUs, "
      "DP 2; 64 GPUs, DP 4) count so, too",
      "Megatron's DP; both are computed and a note says where they differ. Policy "
      "'world_size_rule: product' makes the "
      "product a rule" },
    { "guide-expert-parallel", "EP needs GPUs of its own, as TP and PP do",
      "EP re-uses the data-parallel ranks (with ETP 1 also those of TP): more EP leaves the number "
      "of ranks and DP as "
      "they are. Weights and gradients of the experts shrink by EP; their distributed optimizer "
      "state does not, as "
      "expert DP shrinks alike",
      "as Megatron" },
    { "guide-expert-tensor-parallel", "expert_tensor_parallel_size is 1 by default",
      "without --expert-tensor-parallel-size it is TP (from 0.10; before there is no such option)",
      "a configuration with experts gets the guide's 1 as an option; convert --to yaml writes TP "
      "where the options leave "
      "it open" },
    { "guide-context-parallel", "context parallelism requires sequence_parallel and TP above 1",
      "it requires neither; the sequence must divide by 2 x CP, with sequence_parallel by 2 x CP x "
      "TP",
      "a note where sequence_parallel is off, never an error" },
    { "guide-sequence-parallel",
      "sequence_parallel requires TP above 1 and divides the activations by TP",
      "with TP 1 Megatron switches it off with a warning. It divides what TP alone does not: "
      "inputs of norms and of "
      "linear layers, dropout masks, the residual stream; the rest is divided by TP already. With "
      "experts and TP above 1 "
      "it is required",
      "as Megatron, tensor by tensor" },
    { "guide-virtual-pipeline", "virtual_pipeline_model_parallel_size is set directly",
      "it follows from --num-layers-per-virtual-pipeline-stage (or "
      "--num-virtual-stages-per-pipeline-rank from 0.11), and "
      "the number of micro-batches must then be a multiple of PP",
      "the key becomes layers per virtual stage, num_layers / (PP x VP), which every release "
      "knows; where that is no "
      "whole number the other option, and Megatron's rules say why not. The global batch that is "
      "assumed has 2 x PP "
      "micro-batches" },
    { "guide-micro-batch", "micro_batch_size is the batch of one GPU",
      "it is the batch of one model replica: TP x PP x CP GPUs work on it together",
      "as Megatron" },
    { "guide-accumulation", "out of memory: enable gradient accumulation",
      "it is always on: global batch / (micro batch x DP) micro-batches, whose gradients add up in "
      "one buffer. More of "
      "them cost no memory once every pipeline stage is busy",
      "what helps is a smaller micro batch; fixes that were checked say which" },
    { "guide-distributed-optimizer", "use_distributed_optimizer saves about 6 bytes a parameter",
      "Adam in bf16 keeps 18 bytes a parameter: weight 2, gradient 4 (fp32), master weight 4, two "
      "moments 8. The "
      "distributed optimizer divides the 12 of the optimizer by DP (experts: by expert DP): it "
      "saves 12 x (1 - 1/DP) "
      "bytes, 6 + 12/DP remain. The 6 is what cannot be saved",
      "as Megatron, bucket by bucket; --impact shows it for this job" },
    { "guide-recompute-full", "recompute_granularity full is enough by itself",
      "--recompute-granularity full also needs --recompute-method and --recompute-num-layers",
      "uniform and 1 are taken where the configuration has none" },
    { "guide-recompute-block",
      "method block keeps the first recompute_num_layers layers and recomputes the others",
      "the first N layers of every pipeline stage (of every chunk with virtual stages) are "
      "recomputed, the others kept",
      "recompute_num_layers is Megatron's, with a note" },
    { "guide-recompute-uniform",
      "method uniform recomputes every N-th layer; recompute_num_layers are those not recomputed",
      "every layer is recomputed, in units of N layers of which only the first one's input is "
      "kept; a unit is held whole "
      "while it is recomputed",
      "as Megatron; the guide's default 0 is taken as 1, because Megatron never ends with 0" },
    { "guide-recompute-saving", "full recomputation saves 50 to 70 % of the activations",
      "of every unit one input remains, 2 x tokens x hidden_size bytes (divided by TP with "
      "sequence_parallel), where a "
      "layer kept tens of tokens x hidden_size: more than 90 % of what layers keep. Logits and one "
      "recomputed layer stay",
      "computed for the job" },
    { "guide-recompute-selective", "selective recomputes some modules and saves a part",
      "without --recompute-modules it is core attention, of which fused attention keeps next to "
      "nothing: it saves where "
      "attention is not fused",
      "computed for the job; fixes name the modules that help" },
    { "guide-attention-memory", "activations grow quadratically with seq_length",
      "with fused or flash attention they grow linearly; quadratic are the scores of unfused "
      "attention, heads x seq_length^2 "
      "for each sample",
      "by the attention backend; --impact shows the exponent for this job" },
    { "guide-pipeline-activations", "more pipeline stages need less memory on each GPU",
      "weights and layers are divided, but the first stage keeps the activations of PP "
      "micro-batches: its activations "
      "stay as they are",
      "every stage is replayed" },
    { "guide-query-groups",
      "num_query_groups is the number of attention heads by default and makes the KV cache smaller",
      "the option counts only with --group-query-attention. Training has no KV cache: smaller are "
      "the projection of keys "
      "and values, and these in the activations",
      "both options are written where the number differs from that of the heads" },
    { "guide-latent-sizes", "multi_latent_attention is one switch",
      "it needs the sizes of the latent vectors; Megatron's defaults (--kv-lora-rank 32, heads of "
      "128 + 64) are no "
      "published model's: DeepSeek has 512 and 1536",
      "a warning where the section megatron does not set kv_lora_rank" },
    { "guide-fp8", "fp8 is a switch, for H100 or newer",
      "--fp8-format e4m3 or hybrid, and from 0.12 --fp8-recipe (delayed, tensorwise, blockwise, "
      "mxfp8 ...), which decide "
      "memory and hardware: the first two also run on Ada, mxfp8 needs Blackwell",
      "true is --fp8-format hybrid with the delayed recipe, unless the section megatron has "
      "fp8_recipe" },
    { "guide-gated-gelu",
      "activation_func and gated_linear_unit are set one by one, GeGLU is possible",
      "--swiglu sets both; there is no option for GeGLU (--quick-geglu is another function)",
      "gelu without gated_linear_unit is plain GELU, with true an error" },
    { "guide-defaults", "RMSNorm, swiglu, bf16 and the distributed optimizer are the defaults",
      "LayerNorm, gelu, fp32 and no distributed optimizer are; tied embeddings, biases and dropout "
      "0.1 too",
      "every option is written out. What the guide has no key for is assumed as in models of this "
      "kind and named in a "
      "note; the section megatron sets it" },
    { "guide-vocabulary", "the vocabulary is padded to a multiple of 128 or 256",
      "to a multiple of --make-vocab-size-divisible-by (128) x TP; up to 0.18 NullTokenizer counts "
      "one entry more",
      "vocab_size is taken as what the tokenizer holds" },
    { "guide-impact", "seq_length and hidden_size have a high, vocab_size a low impact on memory",
      "it depends on the job: with TP, PP and recomputation the logits of the last stage can be "
      "most of it",
      "estimate --impact replays this job with each of them halved and doubled" },
    { "guide-headroom", "leave 20 % of the memory, 10 to 15 % is framework overhead",
      "what lies outside torch does not grow with the job: CUDA context, NCCL and library buffers "
      "are 1 to 3 GiB; "
      "fragmentation of fixed shapes is 2 to 9 % of what is allocated",
      "a warning above 80 % of what the driver lets a job use (policy 'headroom'); only what is "
      "certain stops a job" },
    { "guide-memory-exceeds",
      "memory exceeds the GPU: distributed optimizer, full recomputation, TP, PP, EP, micro batch, "
      "in this order",
      "which of them helps depends on what fills the peak: more PP leaves the activations of the "
      "first stage, a smaller "
      "micro batch leaves the weights",
      "estimate says what each of them alone would give; the fixes of check combine them and were "
      "checked again" },
    { "guide-slow", "slow: too much PP or TP, a small micro batch, too much recomputation",
      "pipeline stages wait (PP - 1) / (micro-batches x VP + PP - 1) of the time; TP beyond NVLink "
      "and full recomputation "
      "cost on every layer",
      "estimate says which of these the job has, and where there is room for selective "
      "recomputation or a larger micro "
      "batch" },
    { "guide-deepseek-world", "total_gpus = TP x PP x EP x DP",
      "as guide-world-size: TP 2, PP 2, EP 2 on 32 GPUs have DP 8 and expert DP 8 with ETP 1",
      "as there" },
    { "guide-batch-unit", "global_batch_size is 4096 tokens",
      "--global-batch-size counts sequences", "sequences, unless the configuration says tokens" },
    { "guide-latent-ratio", "the latent vector has a quarter to a half of the model's dimension",
      "--kv-lora-rank is free; DeepSeek-V3 has 512 of 7168, a fourteenth",
      "any size is taken; a note compares" },
    { "guide-inference-only", "an fp8 KV cache and Flash MLA save training memory",
      "both belong to inference: training in Megatron keeps no KV cache and picks its attention by "
      "--attention-backend",
      "accepted, without effect, and said" },
};

const size_t guide_row_count = sizeof(guide_rows) / sizeof(guide_rows[0]);

const struct guide_row *guide_find(const char *id)
{
    for (size_t i = 0; i < guide_row_count; i++)
        if (strcmp(guide_rows[i].id, id) == 0)
            return &guide_rows[i];
    return NULL;
}
