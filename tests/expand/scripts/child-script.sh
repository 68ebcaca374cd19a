#!/bin/bash
# launch 6: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size 2
# launch 7: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size 4
# launch 8: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size 8
HERE=$(dirname "$(readlink -f "$0")")
TP=2 bash lib/child.sh
TP=4 "$HERE/lib/child.sh"
sh $HERE/lib/child.sh 8
