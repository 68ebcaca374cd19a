#!/bin/bash
# launch 7: deepspeed --num_gpus 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --deepspeed_config ./ds_8.json
set -e
cat <<EOT > ./ds_8.json
{ "train_batch_size": 8 }
EOT
deepspeed --num_gpus 8 pretrain_gpt.py --num-layers 2 --train-iters 3 --deepspeed_config ./ds_8.json &> run.log
[ "$(grep -c train_batch ds_8.json)" = 1 ] || torchrun wrong.py --num-layers 9
