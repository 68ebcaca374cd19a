#!/bin/bash
# launch 4: torchrun pretrain_gpt.py --num-layers 1 --train-iters 3
# launch 4: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
printf '%s\n' 1 2 2 | xargs -n1 -I{} torchrun pretrain_gpt.py --num-layers {} --train-iters 3
