#!/bin/bash
# launch 5: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
mkdir -p "$PWD/bin"; printf '#!/bin/sh\nexit 3\n' > bin/torchrun; chmod +x bin/torchrun
export PATH=$PWD/bin:/opt/conda/bin:$PATH
torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
