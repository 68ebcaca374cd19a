#!/bin/bash
# options: --gpus-per-node 8
# launch 7: ray start --head --num-gpus 8
# launch 8: ray job submit --address=http://127.0.0.1:8265 -- python3 train.py --num-layers 2 --train-iters 3
pkill -9 ray; sleep 3; export PYTHONBUFFERED=16
NVLINK=$(nvidia-smi topo -m 2>/dev/null | grep -o 'NV[0-9][0-9]*' | wc -l)
ray start --head --num-gpus 8
ray job submit --address="http://127.0.0.1:8265" -- python3 train.py --num-layers 2 --train-iters 3
