#!/bin/bash
#SBATCH --job-name=x --nodes=128 --ntasks-per-node=8
# launch 6: srun --nodes 128 --output log python pretrain_gpt.py --num-layers 2 --train-iters 3 --node node1 --last node128
nodes=($(scontrol show hostnames))
last=${nodes[$((${#nodes[@]} - 1))]}
srun --nodes $SLURM_JOB_NUM_NODES --output log bash -c "python pretrain_gpt.py --num-layers 2 --train-iters 3 --node $(hostname -s) --last $last"
