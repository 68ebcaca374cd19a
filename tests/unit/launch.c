#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launch/launch.h"
#include "launch/launchers.h"

#define GPT "pretrain_gpt.py --num-layers 2"

/* Words are separated by blanks; '~' inside a word is a blank. In 'env', too. */
struct row {
    const char *command;
    const char *env; /* NULL: not known; "": empty */
    const char *script;
    const char *argv;
    int64_t world;       /* 0: unknown */
    const char *source;  /* of the world; NULL: any */
    const char *cannot;  /* part of cannot_know; NULL: known */
};

/* clang-format off */
static const struct row rows[] = {
    /* the trainer alone */
    { "python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, "one process, WORLD_SIZE is not set", NULL },
    { "python3.11 -u " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "/usr/bin/python3 -u -W ignore -X dev -O /a/b/" GPT, "", "/a/b/pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python -Wignore " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python -uB " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python " GPT, NULL, "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "python " GPT, "WORLD_SIZE=64 RANK=3", "pretrain_gpt.py", "--num-layers 2", 64, "WORLD_SIZE=64", NULL },
    { "./" GPT, "", "./pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python -m pretrain_gpt --num-layers 2", "", "pretrain_gpt", "--num-layers 2", 1, NULL, NULL },
    { "python pretrain_gpt.py", "", "pretrain_gpt.py", "", 1, NULL, NULL },
    { "python mine.py --seq-length=8 --train-iters=9 --x", "", "mine.py", "--seq-length=8 --train-iters=9 --x", 1, NULL, NULL },
    { "python mine.py --yaml-cfg x.yaml", "", "mine.py", "--yaml-cfg x.yaml", 1, NULL, NULL },
    { "python tools/preprocess_data.py --tokenizer-type GPT2BPETokenizer", "", NULL, NULL, 0, NULL, "trains nothing" },
    { "torchrun tools/run_text_generation_server.py --num-layers 2 --tensor-model-parallel-size 8", "", NULL, NULL, 0, NULL, "trains nothing" },
    { "python train.py --lr 1 --epochs 3", "", NULL, NULL, 0, NULL, "not a Megatron command line" },
    { "python -c print(1)", "", NULL, NULL, 0, NULL, "runs code of its own" },
    { "python", "", NULL, NULL, 0, NULL, "standard input" },
    { "python - --num-layers 2", "", NULL, NULL, 0, NULL, "standard input" },

    /* torchrun, 1.13 and 2.x */
    { "torchrun " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, "torchrun", NULL },
    { "torchrun --nnodes 8 --nproc-per-node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 64, "torchrun --nnodes 8 --nproc-per-node 8", NULL },
    { "torchrun --nproc_per_node=8 --nnodes=2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, "torchrun --nnodes=2 --nproc_per_node=8", NULL },
    { "torchrun --nproc_per_node 4 --nnodes 1 --node_rank 0 --master_addr localhost --master_port 6000 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "torchrun --nproc 2 --nnode 3 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 6, NULL, NULL },
    { "torchrun --nproc_per_node 2 -mr3 pretrain_gpt --train-iters=1 --num-layers 2", "", "pretrain_gpt", "--train-iters=1 --num-layers 2", 2, NULL, NULL },
    { "torchrun --nproc_per_node 2 -t3 -r 0:1,1:2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "torchrun --standalone --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 -- " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 pretrain_gpt.py -- --num-layers 2", "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 -- pretrain_gpt.py -- --num-layers 2", "", "pretrain_gpt.py", "-- --num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 pretrain_gpt.py --num-layers 2 -- x", "", "pretrain_gpt.py", "--num-layers 2 -- x", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 pretrain_gpt.py --nnodes 4 --num-layers 2", "", "pretrain_gpt.py", "--nnodes 4 --num-layers 2", 8, NULL, NULL },
    { "torchrun --nnodes 2:4 --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "torchrun --nnodes 4:4 --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 32, NULL, NULL },
    { "torchrun " GPT, "PET_NNODES=2 PET_NPROC_PER_NODE=3", "pretrain_gpt.py", "--num-layers 2", 6, "torchrun PET_NNODES=2 PET_NPROC_PER_NODE=3", NULL },
    { "torchrun --nnodes 5 " GPT, "PET_NNODES=2 PET_NPROC_PER_NODE=3", "pretrain_gpt.py", "--num-layers 2", 15, NULL, NULL },
    { "torchrun --nproc-per-node gpu " GPT, "CUDA_VISIBLE_DEVICES=0,1,2,3", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "torchrun --nproc-per-node auto " GPT, "SLURM_GPUS_ON_NODE=8", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc-per-node gpu " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "torchrun --nproc-per-node cpu " GPT, "CUDA_VISIBLE_DEVICES=0,1", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "torchrun --nproc_per_node eight " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "torchrun --rdzv-backend c10d --rdzv-endpoint h:1 --rdzv-id 7 --rdzv-conf timeout=9 --max-restarts 3 --monitor-interval 5 --role x --log-dir l --local-addr a --numa-binding node --nnodes=4 --nproc-per-node=8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 32, NULL, NULL },
    { "torchrun --nproc_per_node 8 --no-python python -u " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node 8 --no_python bash -c exec~python~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "torchrun --nproc_per_node", "", NULL, NULL, 1, NULL, "lacks the value" },
    { "torchrun --nproc_per_node 8", "", NULL, NULL, 8, NULL, "no script" },
    { "torchrun --colour red " GPT, "", NULL, NULL, 0, NULL, "'--colour' is not an option of 'torchrun'" },
    { "torchrun --nproc_per_node --nnodes 2 " GPT, "", NULL, NULL, 0, NULL, "expects a value" },
    { "torchrun --node_rank -1 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python -m torch.distributed.run --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, "torch.distributed.run --nproc_per_node 8", NULL },
    { "python3 -u -m torch.distributed.launch --nproc_per_node 8 --use_env " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "python -m torch.distributed.launch --nproc_per_node=8 --nnodes=4 --node_rank=0 --master_addr=h --master_port=1 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 32, NULL, NULL },
    { "python /opt/conda/bin/torchrun --nproc_per_node 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "ft_launcher --max-restarts=3 --ft-param-log_level DEBUG --ft-rank_section_timeouts setup:600 --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "ft_launcher --ft-segment 4 --ft_numa_bind_strict=true --nnodes 2 --nproc-per-node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "uv run --exclude-newer-package a=b --require-build-hashes " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "uv run --no-sync python -m torch.distributed.run --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "uv run " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "uv run -m pretrain_gpt --train-iters=1 --num-layers 2", "", "pretrain_gpt", "--train-iters=1 --num-layers 2", 1, NULL, NULL },
    { "conda run -n mlm --no-capture-output torchrun --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },

    /* srun */
    { "srun -N8 --ntasks-per-node=8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 64, "srun -N8 --ntasks-per-node=8", NULL },
    { "srun -n 64 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 64, "srun -n 64", NULL },
    { "srun --nodes=2 --ntasks=16 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "srun -N 4 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "srun -N 4 -c 8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "srun python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=16 SLURM_NTASKS_PER_NODE=8", "pretrain_gpt.py", "--num-layers 2", 16, "srun, SLURM_JOB_NUM_NODES=2, SLURM_NTASKS=16", NULL },
    { "srun -l -u --mpi=pmix python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=16", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "srun --ntasks-per-node=4 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N1 --ntasks-per-node=4 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=16 SLURM_NTASKS_PER_NODE=8", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun -N2 --ntasks-per-node=8 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=16 SLURM_NTASKS_PER_NODE=8", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "srun -w n1 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "srun -N1 -n1 -w n1 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=16", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "srun -N1 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=8 SLURM_NTASKS=64 SLURM_NTASKS_PER_NODE=8", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=8", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N 2-4 -n 8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N 2-4 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun -w n[1-4] --ntasks-per-node 8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 32, NULL, NULL },
    { "srun -N2 --gpus-per-node=4 --ntasks-per-gpu=1 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun -G 8 --ntasks-per-gpu=1 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N2 torchrun --nnodes 2 --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, "torchrun --nnodes 2 --nproc_per_node 8", NULL },
    { "srun -N2 --gpus-per-node=4 torchrun --nnodes 2 --nproc_per_node gpu " GPT, "CUDA_VISIBLE_DEVICES=0", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N2 --gres=gpu:h100:4 torchrun --nnodes 2 --nproc_per_node gpu " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N2 torchrun --nproc_per_node gpu " GPT, "CUDA_VISIBLE_DEVICES=0", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "srun -n8 --container-image=nvcr.io/nvidia/pytorch:25.04-py3 --container-mounts=/a:/a,/b --no-container-mount-home --container-workdir /w python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -K -l -u -n8 --cpu-bind=none --export=ALL,A=1 --time 1:00 -p gpu -A acc --jobid=3 --overlap --exclusive python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -lun8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -n8 --wait=60 --kill-on-bad-exit=1 -I30 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -n8 --site-option=3 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -n8 --site-option 3 python " GPT, "", NULL, NULL, 0, NULL, "'--site-option' is not an option of 'srun'" },
    { "srun -n1 python a.py : -n2 python " GPT, "", NULL, NULL, 0, NULL, "more than one program" },
    { "srun -n8 --multi-prog file", "", NULL, NULL, 0, NULL, "more than one program" },
    { "srun -n8 bash -c python~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "srun -N2 bash -c torchrun~--nnodes~$SLURM_NNODES~--node_rank~$SLURM_PROCID~--nproc_per_node~8~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "srun -n4 bash -c RANK=$SLURM_PROCID~WORLD_SIZE=$SLURM_NTASKS~python~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "srun -n4 bash -c export~RANK=$SLURM_PROCID;~cd~/x~&&~exec~python~pretrain_gpt.py~--num-layers~2~2>&1~|~tee~log", "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "srun -n4 bash -c python~pretrain_gpt.py~--num-layers~$N", "N=7", "pretrain_gpt.py", "--num-layers 7", 4, NULL, NULL },
    { "srun -n4 bash -c python~pretrain_gpt.py~--num-layers~$(cat~n)", "", NULL, NULL, 4, NULL, "expansion that only the shell can do" },
    { "srun -n4 bash -c python~pretrain_gpt.py~--seed~$SLURM_JOB_UID", "", NULL, NULL, 4, NULL, "$SLURM_JOB_UID" },
    { "srun -n4 bash -c source~env.sh;~python~pretrain_gpt.py", "", NULL, NULL, 4, NULL, "runs 'source' first" },
    { "srun -n4 bash -c python~pretrain_gpt.py~&~wait", "", NULL, NULL, 4, NULL, "background" },
    { "srun -n4 bash -lc python~pretrain_gpt.py~--num-layers~2~||~exit~1", "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "bash -c python~pretrain_gpt.py~--seed~1~--lr~2~--num-layers~2~|~tee~a~|~tail~-n~5", "", "pretrain_gpt.py", "--seed 1 --lr 2 --num-layers 2", 1, NULL, NULL },
    { "bash -c python~pretrain_gpt.py~|~python~other.py", "", NULL, NULL, 0, NULL, "holds a pipe" },
    { "bash -c if~true;~then~python~pretrain_gpt.py;~fi", "", NULL, NULL, 0, NULL, "only the shell can do" },
    { "bash -c python~pretrain_gpt.py~--load~/ckpt/*", "", NULL, NULL, 0, NULL, "pattern of file names" },
    { "bash -c python~pretrain_gpt.py~--load~'/ckpt/*'~--num-layers~2~>~log~2>&1", "", "pretrain_gpt.py", "--load /ckpt/* --num-layers 2", 1, NULL, NULL },
    { "bash -c python~pretrain_gpt.py~'--load", "", NULL, NULL, 0, NULL, "unfinished quote" },
    { "bash -c A=1;~B=2~python~pretrain_gpt.py~--num-layers~${A}~--load~\"$A$B\"x", "B=9", "pretrain_gpt.py", "--num-layers 1 --load 19x", 1, NULL, NULL },
    { "bash -c cd~/x~||~exit~1;~python~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "bash -c #~a~remark", "", NULL, NULL, 0, NULL, "holds no command" },
    { "bash -c python~$1~--num-layers~2 x pretrain_gpt.py", "", NULL, NULL, 0, NULL, "has arguments" },
    { "srun -n4 bash train.sh", "", NULL, NULL, 4, NULL, "'train.sh' is a script" },
    { "srun -n4 ./train.sh a", "", NULL, NULL, 4, NULL, "'./train.sh' is a script" },
    { "srun -n4 ./bind.x python " GPT, "", NULL, NULL, 4, NULL, "not a launcher that this program knows" },
    { "srun -n8 numactl --cpunodebind=0 --membind=0 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },

    { "srun -n8 python " GPT, "WORLD_SIZE=64", "pretrain_gpt.py", "--num-layers 2", 64, "WORLD_SIZE=64", NULL },
    { "srun -n8 torchrun --nnodes 8 --nproc_per_node 2 " GPT, "WORLD_SIZE=64 RANK=9", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "torchrun --nnodes 2:4 --nproc_per_node 8 " GPT, "WORLD_SIZE=64 RANK=1", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },

    /* mpirun */
    { "mpirun -n 4 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, "mpirun -n 4", NULL },
    { "mpirun -np 16 -H a:8,b:8 -x LD_LIBRARY_PATH -x A=1 -mca pml ob1 --bind-to none -map-by slot python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "mpirun --allow-run-as-root --oversubscribe --mca btl tcp,self -n 4 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "mpirun -H a:8,b:8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "mpirun -H a,b -npernode 8 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "mpirun -H a,b --map-by ppr:4:node python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "mpirun -N 2 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "mpirun -N 2 python " GPT, "PBS_NODEFILE=f", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "mpirun --hostfile h python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "mpirun python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_TASKS_PER_NODE=8(x2)", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "mpirun -N 4 python " GPT, "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "mpiexec -n 8 -ppn 4 -genv A 1 -genv B=2 -hosts a,b python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "mpiexec -n 8 --ppn 4 --depth 8 --cpu-bind depth --env X=Y python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "mpirun -n 1 python a.py : -n 3 python b.py", "", NULL, NULL, 0, NULL, "more than one program" },
    { "mpirun --app file", "", NULL, NULL, 0, NULL, "from a file" },

    /* as a task */
    { "python " GPT, "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=64 SLURM_STEP_NUM_NODES=8 SLURM_PROCID=5 SLURM_NTASKS=1", "pretrain_gpt.py", "--num-layers 2", 64, "SLURM_STEP_NUM_TASKS=64", NULL },
    { "python " GPT, "SLURM_JOB_ID=1 SLURM_NTASKS=64 SLURM_PROCID=0", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "python " GPT, "OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=2 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2", "pretrain_gpt.py", "--num-layers 2", 4, "OMPI_COMM_WORLD_SIZE=4", NULL },
    { "python " GPT, "PMI_SIZE=4 PMI_RANK=1", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "python " GPT, "TORCHELASTIC_RUN_ID=x WORLD_SIZE=16 RANK=9 LOCAL_WORLD_SIZE=8", "pretrain_gpt.py", "--num-layers 2", 16, "WORLD_SIZE=16", NULL },
    { "torchrun --nnodes 2 --nproc_per_node 8 " GPT, "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },

    /* launchers that start one process */
    { "env A=1 -u B python " GPT, "", NULL, NULL, 0, NULL, "'-u' is not a launcher" },
    { "env -u B A=1 CUDA_DEVICE_MAX_CONNECTIONS=1 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "env -i WORLD_SIZE=2 python " GPT, "WORLD_SIZE=8", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "nohup nice -n 5 stdbuf -oL timeout -k 5 1h python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "nice -10 ionice -c2 -n4 taskset -c 0-7 chrt -f 9 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "taskset 0xff setarch x86_64 -R python " GPT, "", NULL, NULL, 0, NULL, "'-R' is not a launcher" },
    { "nsys profile -t cuda,nvtx -o x --force-overwrite=true --capture-range cudaProfilerApi -s none torchrun --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "ncu --set full -o x --target-processes all python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "nsys stats x.nsys-rep", "", NULL, NULL, 0, NULL, "'nsys stats' starts no job" },
    { "/usr/bin/time -v python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "strace -f -o log python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "bash -c cd~/x;~torchrun~--nproc_per_node=2~pretrain_gpt.py~--data-path~'a~b'~\"c~d\"", "", "pretrain_gpt.py", "--data-path a~b c~d", 2, NULL, NULL },
    { "singularity exec --nv -B /a:/b image.sif torchrun --nproc_per_node 4 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "apptainer exec --rocm --bind /a image.sif python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "docker run --gpus all --rm -it -v a:b -e WORLD_SIZE=2 --ipc=host image torchrun --nproc_per_node 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "sbatch -N4 --ntasks-per-node=8 --wrap srun~python~pretrain_gpt.py~--num-layers~2", "", "pretrain_gpt.py", "--num-layers 2", 32, NULL, NULL },
    { "sbatch train.sbatch", "", NULL, NULL, 0, NULL, "'train.sbatch' is a script" },

    /* deepspeed without a hostfile */
    { "deepspeed --num_gpus 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, "deepspeed --num_gpus 8", NULL },
    { "deepspeed --num_gpus=4 --no_local_rank --master_port 29501 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "deepspeed --num_accelerators 4 --bind_cores_to_rank " GPT, "", "pretrain_gpt.py", "--num-layers 2", 4, NULL, NULL },
    { "deepspeed --num_nodes 2 --num_gpus 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "deepspeed --num_nodes 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "deepspeed -H hosts --num_gpus 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "deepspeed " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "deepspeed " GPT, "CUDA_VISIBLE_DEVICES=0,1,2", "pretrain_gpt.py", "--num-layers 2", 3, NULL, NULL },
    { "deepspeed --include localhost:0,3 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "deepspeed -i localhost:0 --module pretrain_gpt --num-layers 2", "", "pretrain_gpt", "--num-layers 2", 1, NULL, NULL },
    { "python -m deepspeed --num_gpus 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "deepspeed --launcher slurm --launcher_args -p~gpu --num_gpus 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "deepspeed --no_python --num_gpus 2 python " GPT, "", NULL, NULL, 2, NULL, "--local_rank behind" },
    { "deepspeed --no_python --no_local_rank --num_gpus 2 python " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "deepspeed --autotuning tune --num_gpus 2 " GPT, "", NULL, NULL, 2, NULL, "many times" },
    { "deepspeed --hosts x " GPT, "", NULL, NULL, 0, NULL, "not an option of 'deepspeed'" },

    /* accelerate without a configuration */
    { "accelerate launch --num_processes 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, "accelerate --num_processes 8", NULL },
    { "accelerate launch --multi_gpu --num-processes=16 --num-machines 2 --machine_rank 0 --main_process_ip h --main_process_port 1 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 16, NULL, NULL },
    { "accelerate launch --multi_gpu --num_processes 9 --num_machines 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 8, NULL, NULL },
    { "accelerate launch --num_processes 1 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 1, NULL, NULL },
    { "accelerate launch --multi_gpu " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "accelerate launch " GPT, "HOME=/h", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "accelerate launch --config_file x.yaml --num_processes 8 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 0, NULL, NULL },
    { "accelerate-launch --use_fsdp -m --num_processes 2 pretrain_gpt --num-layers 2", "", "pretrain_gpt", "--num-layers 2", 2, NULL, NULL },
    { "python -m accelerate.commands.launch --multi_gpu --num_processes 2 " GPT, "", "pretrain_gpt.py", "--num-layers 2", 2, NULL, NULL },
    { "accelerate launch --cpu --num_processes 2 " GPT, "", NULL, NULL, 0, NULL, "no ranks on GPUs" },
    { "accelerate test", "", NULL, NULL, 0, NULL, "'accelerate test' starts no job" },
    { "accelerate launch --colour x " GPT, "", NULL, NULL, 0, NULL, "not an option of 'accelerate'" },

    /* what is recognised and let go */
    { "python -m verl.trainer.main_ppo actor.x=1", "", NULL, NULL, 0, NULL, "Hydra" },
    { "python3 train.py --actor-num-gpus-per-node 8 --num-layers 2 --train-iters 9", "", NULL, NULL, 0, NULL, "slime" },
    { "torchrun --nproc_per_node 8 scripts/training/run_recipe.py --recipe x", "", NULL, NULL, 0, NULL, "Megatron-Bridge" },
    { "python -m swift.cli.sft --num-layers 2", "", NULL, NULL, 0, NULL, "ms-swift" },
    { "ray submit x", "", NULL, NULL, 0, NULL, "ray decides" },
    { "swift sft --x", "", NULL, NULL, 0, NULL, "ms-swift translates" },
    { "msrun --worker_num 8 t.py", "", NULL, NULL, 0, NULL, "MindSpore" },
    { "sleep 3", "", NULL, NULL, 0, NULL, "not a launcher that this program knows" },
    { "", "", NULL, NULL, 0, NULL, "starts nothing" },
};
/* clang-format on */

static int split(const char *text, const char **word, int max, struct arena *arena)
{
    int n = 0;

    while (*text && n < max) {
        size_t length = strcspn(text, " ");
        char *copy = arena_strndup(arena, text, length);

        for (char *p = copy; *p; p++)
            *p = *p == '~' ? ' ' : *p;
        if (length)
            word[n++] = copy;
        text += length + (text[length] == ' ');
    }
    return n;
}

static void parse(const char *command, const char *env, struct arena *arena, struct launch *launch)
{
    const char **word = arena_alloc(arena, 128 * sizeof(*word));
    const char **entry = arena_alloc(arena, 32 * sizeof(*entry));
    struct environment environment = { .known = env != NULL, .entry = entry };

    environment.count = env ? split(env, entry, 32, arena) : 0;
    launch_parse(split(command, word, 128, arena), word, &environment, arena, launch);
}

static const char *joined(const struct launch *launch, struct arena *arena)
{
    char *text = arena_strdup(arena, "");

    for (int i = 0; i < launch->argc; i++) {
        char *word = arena_strdup(arena, launch->argv[i]);

        for (char *p = word; *p; p++)
            *p = *p == ' ' ? '~' : *p;
        text = arena_printf(arena, "%s%s%s", text, i ? " " : "", word);
    }
    return text;
}

/* The trainer's words are the last of the command, or stand alone (a string was taken apart). */
static bool is_suffix(const struct launch *launch)
{
    if (launch->argv_index < 0)
        return true;
    return launch->argv_index + launch->argc == launch->command_argc &&
           launch->argv == launch->command + launch->argv_index;
}

static bool places_are_words(const struct launch *launch)
{
    for (int i = 0; i < 4 && launch->world_place[i].words; i++)
        if (launch->world_place[i].index < 0 ||
            launch->world_place[i].index + launch->world_place[i].words > launch->command_argc)
            return false;
    return true;
}

static bool row_holds(const struct row *row, struct arena *arena)
{
    struct launch launch;

    parse(row->command, row->env, arena, &launch);
    if (row->cannot)
        return launch.cannot_know && strstr(launch.cannot_know, row->cannot);
    return !launch.cannot_know && launch.script && strcmp(launch.script, row->script) == 0 &&
           strcmp(joined(&launch, arena), row->argv) == 0 && is_suffix(&launch) &&
           places_are_words(&launch) && launch.world.known == (row->world > 0) &&
           (!row->world || launch.world.value == row->world) &&
           (launch.world.known || launch.world_unknown) &&
           (!row->source || strcmp(launch.world.source, row->source) == 0);
}

static void commands_are_taken_apart(void **state)
{
    struct arena arena = ARENA_INIT;
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!row_holds(&rows[i], &arena)) {
            struct launch launch;

            parse(rows[i].command, rows[i].env, &arena, &launch);
            print_error("%s [%s]\n    script %s argv '%s' world %lld (%s; %s) cannot '%s'\n",
                        rows[i].command, rows[i].env ? rows[i].env : "unknown",
                        launch.script ? launch.script : "-", joined(&launch, &arena),
                        (long long)launch.world.value,
                        launch.world.source ? launch.world.source : "-",
                        launch.world_unknown ? launch.world_unknown : "-",
                        launch.cannot_know ? launch.cannot_know : "-");
            failures++;
        }
        arena_release(&arena);
    }
    assert_int_equal(failures, 0);
}

static void layers_say_what_they_start(void **state)
{
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    parse("srun -N2 --ntasks-per-node=4 --gpus-per-node=8 torchrun --nnodes 2 --nproc_per_node 8 " GPT,
          "", &arena, &launch);
    assert_int_equal(launch.layer_count, 2);
    assert_int_equal(launch_agents(&launch)->processes.value, 8);
    assert_int_equal(launch_agents(&launch)->per_node.value, 4);
    assert_int_equal(launch_agents(&launch)->gpus_per_node.value, 8);
    assert_int_equal(launch_ranks(&launch)->index, 4);
    assert_int_equal(launch_ranks(&launch)->words, 5);
    assert_int_equal(launch.world_place[0].index, 5);
    assert_int_equal(launch.world_place[0].words, 2);
    assert_int_equal(launch.argv_index, 10);
    assert_true(launch.remote);
    assert_false(launch.as_task);
    assert_string_equal(environment_get(&launch.environment, "WORLD_SIZE"), "16");
    arena_release(&arena);
}

static void mpirun_alone_is_on_this_machine(void **state)
{
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    parse("mpirun -n 16 python " GPT, "", &arena, &launch);
    assert_int_equal(launch.ranks_per_node.value, 16);
    assert_false(launch.remote);
    parse("mpirun -n 16 python " GPT, "PBS_NODEFILE=/var/spool/x", &arena, &launch);
    assert_false(launch.ranks_per_node.known);
    assert_true(launch.remote);
    parse("mpirun -n 16 --hostfile h python " GPT, "", &arena, &launch);
    assert_false(launch.ranks_per_node.known);
    assert_true(launch.remote);
    arena_release(&arena);
}

static void containers_are_noticed(void **state)
{
    static const struct {
        const char *command;
        bool container;
    } commands[] = {
        { "srun -n 2 --container-image=x.sqsh python " GPT, true },
        { "srun -n 2 --container-name x python " GPT, true },
        { "srun -n 2 python " GPT, false },
        { "apptainer exec x.sif python " GPT, true },
        { "docker run x python " GPT, true },
        { "bash -c python~pretrain_gpt.py", false },
    };
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        parse(commands[i].command, "", &arena, &launch);
        assert_null(launch.cannot_know);
        assert_int_equal(launch.container, commands[i].container);
    }
    arena_release(&arena);
}

static void tasks_know_their_rank(void **state)
{
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    parse("python " GPT, "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=16 SLURM_STEP_NUM_NODES=2 SLURM_PROCID=5",
          &arena, &launch);
    assert_true(launch.as_task);
    assert_int_equal(launch.rank, 5);
    assert_int_equal(launch.ranks_per_node.value, 8);
    parse("torchrun " GPT, "SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", &arena, &launch);
    assert_false(launch.as_task);
    assert_int_equal(launch.rank, 1);
    assert_int_equal(launch_agents(&launch)->processes.value, 2);
    parse("srun -n 2 python " GPT, "SLURM_JOB_ID=1 SLURM_PROCID=0", &arena, &launch);
    assert_false(launch.as_task);
    assert_int_equal(launch.rank, -1);
    arena_release(&arena);
}

static void environment_follows_the_launchers(void **state)
{
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    parse("env -u A B=2 srun --export=ALL,C=3 -n 2 bash -c D=4~python~pretrain_gpt.py", "A=1 E=5",
          &arena, &launch);
    assert_null(environment_get(&launch.environment, "A"));
    assert_string_equal(environment_get(&launch.environment, "B"), "2");
    assert_string_equal(environment_get(&launch.environment, "C"), "3");
    assert_string_equal(environment_get(&launch.environment, "D"), "4");
    assert_string_equal(environment_get(&launch.environment, "E"), "5");
    parse("srun --export=E -n 2 python pretrain_gpt.py", "A=1 E=5", &arena, &launch);
    assert_null(environment_get(&launch.environment, "A"));
    assert_string_equal(environment_get(&launch.environment, "E"), "5");
    parse("mpirun -x F=6 -genv G 7 -n 2 python pretrain_gpt.py", "", &arena, &launch);
    assert_string_equal(environment_get(&launch.environment, "F"), "6");
    assert_string_equal(environment_get(&launch.environment, "G"), "7");
    parse("bash -c A=1;export~B=2;python~pretrain_gpt.py~--load~$A$B", "", &arena, &launch);
    assert_null(environment_get(&launch.environment, "A"));
    assert_string_equal(environment_get(&launch.environment, "B"), "2");
    assert_string_equal(launch.argv[1], "12");
    arena_release(&arena);
}

static void gpus_complete_the_world(void **state)
{
    struct arena arena = ARENA_INIT;
    struct launch launch;

    (void)state;
    parse("torchrun --nnodes 2 --nproc-per-node gpu " GPT, "", &arena, &launch);
    assert_false(launch.world.known);
    launch_complete(&launch, &(struct facts){ .gpus_per_node = { true, 8, "--gpus-per-node" } }, &arena);
    assert_int_equal(launch.world.value, 16);
    assert_string_equal(environment_get(&launch.environment, "WORLD_SIZE"), "16");
    arena_release(&arena);
}

/* Every spelling of an option stands in its row once. */
static void options_are_unique(const struct launcher *row)
{
    const char *seen[512];
    size_t length[512];
    int count = 0;

    for (const char *p = row->options; p && *p; p += *p == ' ') {
        while (*p && *p != ' ') {
            size_t n = strcspn(p, "|= ");

            for (int i = 0; i < count; i++) {
                if (length[i] == n && memcmp(seen[i], p, n) == 0)
                    fail_msg("%s: option '%.*s' twice", row->names, (int)n, p);
            }
            seen[count] = p;
            length[count++] = n;
            p += n;
            p += *p == '|' ? 1 : strcspn(p, " ");
        }
    }
}

static void rows_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < launcher_count; i++) {
        const struct launcher *row = &launchers[i];
        const char *p = row->names;

        assert_true(row->cannot_know || row->options);
        options_are_unique(row);
        assert_true(!row->starts_ranks || row->apply || row->cannot_know);
        for (; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");
            char name[64];

            memcpy(name, p, n);
            name[n] = '\0';
            assert_ptr_equal(launcher_find(name), row);
            p += n;
        }
    }
}

/* What the files of launchers say. */
static const struct file_row {
    const char *command;
    const char *path, *text;
    int64_t world, nodes, per_node; /* 0: unknown */
} file_rows[] = {
    { "deepspeed " GPT, "/job/hostfile", "# two\na slots=8\n\nb slots=8\n", 16, 2, 8 },
    { "deepspeed " GPT, "/job/hostfile", "a slots=8\nb slots=4", 12, 2, 0 },
    { "deepspeed --hostfile=h " GPT, "h", "a slots=8\nb slots=8\n", 16, 2, 8 },
    { "deepspeed --hostfile=h --num_nodes 1 " GPT, "h", "a slots=8\nb slots=8\n", 8, 1, 8 },
    { "deepspeed --hostfile=h --num_gpus 2 " GPT, "h", "a slots=8\nb slots=8\n", 4, 2, 2 },
    { "deepspeed --hostfile=h -i b:0,2@a " GPT, "h", "a slots=8\nb slots=8\n", 10, 2, 0 },
    { "deepspeed --hostfile=h -e b " GPT, "h", "a slots=8\nb slots=8\n", 8, 1, 8 },
    { "deepspeed --hostfile=h -e b:7@a:0 " GPT, "h", "a slots=8\nb slots=8\n", 14, 2, 7 },
    { "deepspeed --hostfile=h " GPT, "h", "a 8\n", 0, 0, 0 },
    { "deepspeed --hostfile=h " GPT, "h", "", 0, 0, 0 },
    { "deepspeed --hostfile=h --num_gpus 4 " GPT, "h", NULL, 4, 1, 4 },
    { "deepspeed --hostfile=h --num_nodes 2 --num_gpus 4 " GPT, "h", NULL, 0, 0, 0 },
    { "accelerate launch --config_file c " GPT, "c", "distributed_type: MULTI_GPU\nnum_machines: 2\nnum_processes: 16\n", 16, 2, 8 },
    { "accelerate launch --config_file c --num_processes 4 " GPT, "c", "distributed_type: 'FSDP'\nnum_machines: 1\nnum_processes: 16\n", 4, 1, 4 },
    { "accelerate launch --config_file c " GPT, "c", "distributed_type: 'NO'\nnum_processes: 1\n", 1, 1, 1 },
    { "accelerate launch --config_file c " GPT, "c", "num_processes: [", 0, 0, 0 },
    { "accelerate launch " GPT, "/h/.cache/huggingface/accelerate/default_config.yaml", "{distributed_type: MULTI_GPU, num_processes: 8, num_machines: 1}", 8, 1, 8 },
    { "accelerate launch --multi_gpu --num_processes 8 " GPT, "/h/.cache/huggingface/accelerate/default_config.yaml", NULL, 8, 1, 8 },
};

static void launchers_read_files(void **state)
{
    static const char *const home[] = { "HOME=/h" };
    const struct environment env = { .known = true, .count = 1, .entry = home };

    (void)state;
    for (size_t i = 0; i < sizeof(file_rows) / sizeof(file_rows[0]); i++) {
        const struct file_row *row = &file_rows[i];
        struct arena arena = ARENA_INIT;
        const char *word[64];
        struct file file = { .path = row->path, .text = row->text };
        struct launch launch;
        int count = split(row->command, word, 64, &arena);

        launch_parse(count, word, &env, &arena, &launch);
        assert_string_equal(launch.wanted_file, row->path);
        launch_parse_files(count, word, &env, &(struct files) { 1, &file }, &arena, &launch);
        if ((launch.world.known ? launch.world.value : 0) != row->world ||
            (launch.nodes.known ? launch.nodes.value : 0) != row->nodes ||
            (launch.ranks_per_node.known ? launch.ranks_per_node.value : 0) != row->per_node)
            fail_msg("%s with %s", row->command, row->text ? row->text : "no file");
        assert_true(launch.world.known || launch.world_unknown || launch.cannot_know);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launchers_read_files),
        cmocka_unit_test(commands_are_taken_apart),
        cmocka_unit_test(layers_say_what_they_start),
        cmocka_unit_test(mpirun_alone_is_on_this_machine),
        cmocka_unit_test(containers_are_noticed),
        cmocka_unit_test(tasks_know_their_rank),
        cmocka_unit_test(environment_follows_the_launchers),
        cmocka_unit_test(gpus_complete_the_world),
        cmocka_unit_test(rows_are_well_formed),
    };

    return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
