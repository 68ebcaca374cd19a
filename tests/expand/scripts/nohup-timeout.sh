#!/bin/bash
# launch 4: timeout -k 10 4h nohup stdbuf -oL torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 6: nsys profile -t cuda,nvtx -o out --force-overwrite true torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
timeout -k 10 4h nohup stdbuf -oL torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 > log 2>&1 &
wait $!
nsys profile -t cuda,nvtx -o out --force-overwrite true torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
