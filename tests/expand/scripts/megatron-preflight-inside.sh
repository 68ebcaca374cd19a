#!/bin/bash
# launch 3: srun -N 2 megatron-preflight --quiet torchrun --nnodes 2 pretrain_gpt.py --num-layers 2 --train-iters 3
srun -N 2 megatron-preflight --quiet torchrun --nnodes 2 pretrain_gpt.py --num-layers 2 --train-iters 3
