"""A policy's paths and partitions for launches inside scripts."""
import pytest

import support

SCRIPT = """#!/bin/bash
#SBATCH --nodes=2 --partition=debug
srun torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py --num-layers 2
"""


@pytest.mark.parametrize("policy, stops", [
    ("{max_gpus: 8}", True),
    ("{max_gpus: 8, partitions: {debug: {max_gpus: 16}}}", False),
    ("{max_gpus: 8, paths: {'jobs/*': {max_gpus: 16}}}", False),
    ("{partitions: {debug: {max_gpus: 8}}}", True),
    ("{paths: {'jobs/*': {max_gpus: 8}}}", True),
    ("{paths: {'other/*': {max_gpus: 8}}}", False),
])
def test_scopes(request, policy, stops):
    tree = support.directory(request, "scopes")
    (tree / "jobs").mkdir()
    (tree / "jobs" / "train.sbatch").write_text(SCRIPT)
    support.readable(tree)
    done = support.run("check", "--policy", policy, "jobs/train.sbatch", cwd=tree)
    assert ("policy-max-gpus" in done.stdout.decode()) == stops, done.stderr.decode()
    assert b"train.sbatch:3" in done.stdout
