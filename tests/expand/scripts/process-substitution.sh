#!/bin/bash
# launch 5: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# launch 8: torchrun pretrain_gpt.py --num-layers 4 --train-iters 3
exec > >(tee -a out.log) 2>&1
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 > >(tee a) 2> >(tee b >&2)
mapfile -t L < <(printf '%s\n' 4)
while read -r layers; do
    torchrun pretrain_gpt.py --num-layers $layers --train-iters 3 < /dev/null
done <<< "${L[0]}"
