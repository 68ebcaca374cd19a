#!/bin/bash
# launch 6: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
for try in 1 2 3 4 5; do
    sleep 600
    [ -f latest ] && echo resuming
    torchrun pretrain_gpt.py --num-layers 2 --train-iters 3 && break
done
curl -s https://example.org/notify; wget -q http://example.org; git pull; scancel 1
