"""convert of a script: the first launch it starts."""
import os

from support import directory, readable, run

SCRIPT = """#!/bin/bash
SIZES=(--num-layers 24 --hidden-size 1024)
for seq in 2048 4096; do
    torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py "${SIZES[@]}" --seq-length $seq --micro-batch-size 2
done
"""


def test_first_launch(request):
    path = directory(request, "convert")
    (path / "train.sh").write_text(SCRIPT)
    readable(path)
    done = run("convert", path / "train.sh", "--to", "yaml", env={"PATH": os.environ["PATH"]})
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    for line in ("num_layers: 24", "seq_length: 2048", "world_size: 16", "hidden_size: 1024"):
        assert f"  {line}\n" in text
    assert b"of 2 launches this first one is taken" in done.stderr


def test_nothing_to_convert(request):
    path = directory(request, "convert")
    (path / "train.sh").write_text("#!/bin/bash\necho none\n")
    readable(path)
    done = run("convert", path / "train.sh", "--to", "yaml", env={"PATH": os.environ["PATH"]})
    assert done.returncode == 2 and b"starts no job" in done.stderr and not done.stdout
