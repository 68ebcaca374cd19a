#!/bin/bash
# launch 6: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
# gap 5: needs a module that is not installed here
set -e
python -c "import megatron_that_is_not_here"
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
