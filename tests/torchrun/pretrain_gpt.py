"""A trainer as far as launching goes: joins its process group and adds up the ranks."""
import os
import sys

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank()])
dist.all_reduce(total)
os.write(1, b"trainer %d of %d, sum %d, %d words\n"
         % (dist.get_rank(), dist.get_world_size(), int(total), len(sys.argv) - 1))
dist.destroy_process_group()
