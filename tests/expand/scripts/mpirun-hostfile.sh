#!/bin/bash
# launch 5: mpirun --allow-run-as-root -np 16 -N 8 -x NCCL_DEBUG=INFO -x PATH --hostfile hosts python pretrain_gpt.py --num-layers 2 --train-iters 3 --rank 0
printf 'n1 slots=8\nn2 slots=8\n' > hosts
RUN='python pretrain_gpt.py --num-layers 2 --train-iters 3'
mpirun --allow-run-as-root -np 16 -N 8 -x NCCL_DEBUG=INFO -x PATH --hostfile hosts sh -c "$RUN --rank \$OMPI_COMM_WORLD_RANK"
