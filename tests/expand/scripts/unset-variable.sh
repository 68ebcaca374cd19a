#!/bin/bash
# gap 5: EXPERIMENT: unbound variable
# gap 0: ended with status 1 before it started anything
set -eu
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --save $EXPERIMENT
