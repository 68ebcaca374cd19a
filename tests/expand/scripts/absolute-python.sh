#!/bin/bash
# launch 6: python -m torch.distributed.run --nproc_per_node 2 pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 7: torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
# launch 8: python3 pretrain_gpt.py --num-layers 4 --train-iters 3
VENV=/opt/envs/megatron
$VENV/bin/python -m torch.distributed.run --nproc_per_node 2 pretrain_gpt.py --num-layers 2 --train-iters 3
CUDA_VISIBLE_DEVICES=0 "${VENV}"/bin/torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
/usr/bin/python3 pretrain_gpt.py --num-layers 4 --train-iters 3
