#!/bin/bash
# launch 4: torchrun pretrain_gpt.py --num-layers 2 --train-iters 3
set -u
a() { torchrun pretrain_gpt.py --num-layers $1 --train-iters 3; }
b() { (a "$1"); }
c() { local out; out=$(b "$1"); echo "$out"; }
{ c 2; } 2>&1 | while IFS= read -r line; do echo "$line"; done
