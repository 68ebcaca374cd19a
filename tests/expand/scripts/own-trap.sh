#!/bin/bash
# launch 7: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 1: torchrun pretrain_gpt.py --num-layers 9 --train-iters 3
trap 'torchrun pretrain_gpt.py --num-layers 9 --train-iters 3' EXIT
trap 'echo failed' ERR
set -E -o pipefail
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 | cat
