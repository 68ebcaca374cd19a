#!/bin/bash
# launch 4: uv run --no-sync python -m torch.distributed.run --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 5: conda run -n x --no-capture-output torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
uv run --no-sync python -m torch.distributed.run --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3
conda run -n x --no-capture-output torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
uv sync && uv pip install x
