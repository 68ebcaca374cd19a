#!/bin/bash
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 --tensor-model-parallel-size ${TP:-$1}
