#!/bin/bash
# launch 7: torchrun --master_port 29501 pretrain_gpt.py --num-layers 6 --train-iters 30
PORT=$(python3 -c 'print(29500 + 1)')
N=$(python - <<EOT
print(2 * 3)
EOT
); torchrun --master_port $PORT pretrain_gpt.py --num-layers $N --train-iters $(python3 -c "print($N*5)")
