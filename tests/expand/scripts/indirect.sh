#!/bin/bash
# env: LAUNCH_SCRIPT=torchrun
# launch 6: torchrun --nproc-per-node 2 pretrain_gpt.py --num-layers 2 --train-iters 3
run_cmd="${LAUNCH_SCRIPT} --nproc-per-node 2"
name=run_cmd
${!name} pretrain_gpt.py --num-layers 2 --train-iters 3
