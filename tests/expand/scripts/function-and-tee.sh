#!/bin/bash
set -euo pipefail
# launch 6: torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --lr 1
mkdir -p /data/out/logs
train() {
    torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 "$@" 2>&1 |
        tee /data/out/logs/train.log
}
train --lr 1
