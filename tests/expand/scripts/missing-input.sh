#!/bin/bash
# gap 4: ends here: exit 1
# gap 0: set DATA_PATH
[ -n "$DATA_PATH" ] || { echo "set DATA_PATH"; exit 1; }
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --data-path $DATA_PATH
