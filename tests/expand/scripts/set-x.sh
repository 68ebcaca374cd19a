#!/bin/bash
# launch 6: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
set -x
export FOO=bar
shopt -s nullglob 2> /dev/null
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 *.nothing
