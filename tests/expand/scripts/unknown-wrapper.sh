#!/bin/bash
# launch 4: torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 4: 'site-launch' is not here: went on with 'torchrun' behind it
site-launch --queue x --bind=y torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3
