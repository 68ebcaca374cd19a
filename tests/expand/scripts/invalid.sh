#!/bin/bash
# launch 4: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 5: syntax error near unexpected token
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
if then fi
