#!/bin/bash
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
# launch 11: srun --ntasks-per-node=1 torchrun --nnodes 4 --nproc-per-node 8 --node_rank 0 --master_addr node1 --master_port 6000 pretrain_gpt.py --num-layers 2 --train-iters 3
export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=6000
LAUNCHER="torchrun --nnodes $SLURM_NNODES --nproc-per-node 8 --node_rank \$SLURM_PROCID \
    --master_addr $MASTER_ADDR --master_port $MASTER_PORT"
ARGS="--num-layers 2 --train-iters 3"
srun --ntasks-per-node=1 bash -c "$LAUNCHER pretrain_gpt.py $ARGS" 2>&1 | tee main.log
