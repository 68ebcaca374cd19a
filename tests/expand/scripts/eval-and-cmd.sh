#!/bin/bash
# launch 6: torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --save /ckpt/a b
# launch 7: torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --save '/ckpt/a b'
CMD="torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --save '/ckpt/a b'"
echo $CMD
eval $CMD
$CMD
