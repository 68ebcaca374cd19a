#!/bin/sh -eu
# launch 5: torchrun --nproc_per_node=8 pretrain_gpt.py --num-layers 2 --train-iters 3
OPTS="--num-layers 2"
[ "$OPTS" = x ] && exit 2
torchrun --nproc_per_node=8 pretrain_gpt.py $OPTS --train-iters 3
