#!/bin/bash
# launch 13: srun torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --lr 1
# launch 13: srun torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --lr 2
# launch 15: torchrun --nnodes 1 pretrain_gpt.py --num-layers 4 --train-iters 3
for lr in 1 2; do
    cat > job-$lr.sbatch <<EOT
#!/bin/bash
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
srun torchrun --nnodes \$SLURM_NNODES --nproc-per-node 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --lr $lr
EOT
    [ "$(ls job-$lr.sbatch)" ] || exit 1
    id=$(sbatch --parsable --nodes 2 job-$lr.sbatch); [ "$id" = 1 ] || exit 1
done
sbatch -N 1 --wrap "torchrun --nnodes \$SLURM_JOB_NUM_NODES pretrain_gpt.py --num-layers 4 --train-iters 3"
