#!/bin/bash
# env: NNODES=4
# options: --gpus-per-node 8
# launch 8: torchrun --nnodes 4 --nproc-per-node 8 pretrain_gpt.py --num-layers 24 --train-iters 250 --global-batch-size 128
GPUS=$(nvidia-smi -L | wc -l)
WORLD=$(($GPUS * ${NNODES:-1}))
((GBS = WORLD * 4)); let L=6*4
torchrun --nnodes $NNODES --nproc-per-node $GPUS pretrain_gpt.py --num-layers $L --train-iters `expr 500 / 2` --global-batch-size $GBS
