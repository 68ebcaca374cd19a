#!/bin/bash
# launch 7: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 5: '/workspace/Megatron-LM' is not here
set -e
cd /workspace/Megatron-LM
mkdir -p logs && cd logs && cd ..
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
