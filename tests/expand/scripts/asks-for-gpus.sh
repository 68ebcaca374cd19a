#!/bin/bash
# launch 5: torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 4: asks for the GPUs of this node
GPUS=$(nvidia-smi --query-gpu=name --format=csv,noheader | wc -l)
torchrun --nproc-per-node $GPUS pretrain_gpt.py --num-layers 2 --train-iters 3
