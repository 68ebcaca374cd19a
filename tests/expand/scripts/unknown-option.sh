#!/bin/bash
# launch 4: srun --site-plugin x -N 2 torchrun --nnodes 2 pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 4: 'srun': '--site-plugin' is not an option
srun --site-plugin x -N 2 torchrun --nnodes 2 pretrain_gpt.py --num-layers 2 --train-iters 3
