#!/usr/bin/env bash
# launch 5: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
[ -f /etc/hostname ] && true
export CUDA_DEVICE_MAX_CONNECTIONS=1
exec torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
torchrun never.py --num-layers 3
