#!/bin/bash
# launch 8: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --data-path 0.5 /data/my corpus --name it's "quoted" $HOME `x`
MODEL=(--num-layers 2
    --train-iters 3
) # --hidden-size 1
declare -A data=([a]="0.5 /data/my" [b]=corpus)
NAME=$'it\'s "quoted" $HOME `x`'
torchrun pretrain_gpt.py "${MODEL[@]}" --data-path ${data[a]} "${data[b]}" --name "$NAME"
