#!/bin/bash
# gap 7: '/b' is not here
# launch 6: singularity exec --nv -B /data:/data img.sif torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 7: docker run --rm --gpus all -v /a:/b -e X=1 nvcr.io/nvidia/pytorch:24.01-py3 torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
docker pull nvcr.io/nvidia/pytorch:24.01-py3
singularity exec --nv -B /data:/data img.sif bash -c 'torchrun pretrain_gpt.py --num-layers 2 --train-iters 3'
docker run --rm --gpus all -v /a:/b -e X=1 nvcr.io/nvidia/pytorch:24.01-py3 bash -c "cd /b && torchrun pretrain_gpt.py --num-layers 3 --train-iters 3"
