#!/bin/bash
#SBATCH -N 2
#SBATCH --ntasks-per-node 4
#SBATCH --gres=gpu:a100:4
# launch 10: srun --container-image=img.sqsh --container-mounts /a:/b numactl --cpunodebind=0 python -u pretrain_gpt.py --num-layers 2 --train-iters 3 --ranks 8
cat > wrapper.sh <<'EOT'
export LOCAL_RANK=$SLURM_LOCALID RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS
exec numactl --cpunodebind=$SLURM_LOCALID python -u pretrain_gpt.py --num-layers 2 --train-iters 3 --ranks $WORLD_SIZE
EOT
srun --container-image=img.sqsh --container-mounts /a:/b bash wrapper.sh
