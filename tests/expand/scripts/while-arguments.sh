#!/bin/bash
# args: --tp 4 --name 'a b' --flag
# launch 13: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size 4 --save /data/a b
TP=1
while [[ $# -gt 0 ]]; do
    case "$1" in
    --tp) TP=$2; shift 2 ;;
    --name) NAME=$2; shift 2 ;;
    --flag) shift ;;
    *) echo "unknown $1"; exit 1 ;;
    esac
done
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size "$TP" --save "/data/$NAME"
