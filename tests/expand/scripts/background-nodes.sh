#!/bin/bash
# launch 6: torchrun --nnodes 2 --node_rank 0 pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 6: torchrun --nnodes 2 --node_rank 1 pretrain_gpt.py --num-layers 2 --train-iters 3
i=0
for node in $(cat hostfile 2>/dev/null || echo a b); do
    ssh -o StrictHostKeyChecking=no $node "cd $PWD && torchrun --nnodes 2 --node_rank $i pretrain_gpt.py --num-layers 2 --train-iters 3"
    i=$((i + 1))
done
wait
