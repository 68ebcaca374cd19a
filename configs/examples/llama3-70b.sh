#!/bin/sh
# Llama 3 70B on 64 GPUs of 80 GB. The words of PREFIX go in front of torchrun; options given to this script are
# added to the trainer's.
#
#   configs/examples/llama3-70b.sh                                        start it
#   PREFIX=megatron-preflight configs/examples/llama3-70b.sh              start it if it can run
#   PREFIX='megatron-preflight check' configs/examples/llama3-70b.sh      only say whether it can
export CUDA_DEVICE_MAX_CONNECTIONS=1

exec ${PREFIX-} torchrun --nnodes "${NNODES:-8}" --nproc-per-node 8 \
    --rdzv-backend c10d --rdzv-endpoint "${HEAD_NODE:-localhost}:29500" \
    "${MEGATRON:-.}/pretrain_gpt.py" \
    --num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 \
    --num-attention-heads 64 --group-query-attention --num-query-groups 8 \
    --seq-length 8192 --max-position-embeddings 8192 \
    --normalization RMSNorm --norm-epsilon 1e-5 --swiglu --disable-bias-linear \
    --position-embedding-type rope --rotary-base 500000 --no-rope-fusion \
    --untie-embeddings-and-output-weights --attention-dropout 0 --hidden-dropout 0 \
    --tokenizer-type NullTokenizer --vocab-size 128256 --mock-data \
    --tensor-model-parallel-size 8 --pipeline-model-parallel-size 4 --sequence-parallel \
    --micro-batch-size 1 --global-batch-size 256 \
    --bf16 --use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather \
    --lr 1.5e-4 --min-lr 1e-5 --lr-decay-style cosine --lr-warmup-iters 500 --train-iters 10000 \
    --weight-decay 0.1 --clip-grad 1.0 --eval-interval 1000 --eval-iters 10 --log-interval 10 \
    "$@"
