#!/bin/bash
# launch 6: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --save Specify_path --data-path path_of_data/x --load a_b
# gap 0: placeholders as <path> are no values
CHECKPOINT_PATH=<Specify path>
DATA=<path of data>/x
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --save $CHECKPOINT_PATH --data-path $DATA --load "<a b>"
