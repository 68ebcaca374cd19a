#!/bin/bash
# launch 6: torchrun --nproc-per-node 4 pretrain_gpt.py --num-layers 2 --train-iters 3 --hidden-size 64
# gap 5: '/opt/site/env.sh' is not here
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source /opt/site/env.sh
. "$HERE/lib/model.sh"
