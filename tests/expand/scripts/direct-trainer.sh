#!/bin/bash
# launch 4: python3 ./trainer.py --num-layers 2 --train-iters 3
printf '#!/usr/bin/env python3\n' > trainer.py; chmod +x trainer.py
./trainer.py --num-layers 2 --train-iters 3
