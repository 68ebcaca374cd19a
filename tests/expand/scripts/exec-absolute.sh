#!/bin/bash
# launch 3: python pretrain_gpt.py --num-layers 2 --train-iters 3
exec /opt/conda/bin/python pretrain_gpt.py --num-layers 2 --train-iters 3
