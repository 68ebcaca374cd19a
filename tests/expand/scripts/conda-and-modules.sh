#!/bin/bash -l
# launch 11: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 6: '/opt/conda/etc/profile.d/conda.sh' is not here
# options: --gpus-per-node 8
set -eo pipefail
source /opt/conda/etc/profile.d/conda.sh
conda activate megatron
module purge && module load cuda/12.4 nccl
eval "$(conda shell.bash hook)"; ml gcc; ulimit -n 1048576; ulimit -l unlimited
pip install -q -e . && nvidia-smi > /dev/null
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
