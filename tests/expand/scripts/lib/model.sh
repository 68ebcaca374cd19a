HIDDEN=64
launch() { torchrun --nproc-per-node 4 pretrain_gpt.py --num-layers 2 --train-iters 3 --hidden-size "$HIDDEN"; }
launch
