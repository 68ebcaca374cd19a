#!/bin/bash
# launch 5: srun -n 8 python pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 6: torchrun pretrain_gpt.py --num-layers 3 --train-iters 3
PY=$(which python)
srun -n 8 $PY pretrain_gpt.py --num-layers 2 --train-iters 3
"$(command -v torchrun)" pretrain_gpt.py --num-layers 3 --train-iters 3
