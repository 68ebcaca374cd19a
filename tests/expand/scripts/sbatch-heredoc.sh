#!/bin/bash
# launch 3: srun torchrun --nnodes 3 pretrain_gpt.py --num-layers 2 --train-iters 3
sbatch <<EOT
#!/bin/bash
#SBATCH -N 3
#SBATCH --ntasks-per-node 1
srun torchrun --nnodes \$SLURM_NNODES pretrain_gpt.py --num-layers 2 --train-iters 3
EOT
