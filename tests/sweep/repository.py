"""A small repository with launches, and the program to sweep it with."""
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
PREFLIGHT = BUILD / "megatron-preflight"

OPTIONS = (
    "--num-layers 24 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 --max-position-embeddings 2048 "
    "--position-embedding-type rope --micro-batch-size 1 --global-batch-size 256 --bf16 --train-iters 10 "
    "--eval-interval 10 --lr 1e-4 --mock-data --tokenizer-type NullTokenizer --vocab-size 32000"
)


def sbatch(nodes=2, tp=8, before=""):
    return (
        f"#!/bin/bash\n#SBATCH --nodes={nodes}\n#SBATCH --gpus-per-node=8\n#SBATCH --ntasks-per-node=8\n{before}"
        f"export CUDA_DEVICE_MAX_CONNECTIONS=1\nsrun python pretrain_gpt.py {OPTIONS} "
        f"--tensor-model-parallel-size {tp}\n"
    )


def model_config(**options):
    lines = {**dict(zip(*[iter(OPTIONS.replace("--bf16", "--bf16 true").replace("--mock-data", "--mock-data true")
                               .split())] * 2)), **options}
    return ("ENV_VARS:\n  CUDA_DEVICE_MAX_CONNECTIONS: 1\nTEST_TYPE: regular\nMODEL_ARGS:\n"
            + "".join(f"  {k}: {v}\n" for k, v in lines.items()))


RECIPE = """type: basic
spec:
  model: gpt
  nodes: {nodes}
  gpus: {gpus}
  script: |-
    ARGUMENTS=(
        "DATA_PATH=/mnt/data"
        "TRAINING_SCRIPT_PATH=pretrain_gpt.py"
    )
    {export}
    bash run_ci_test.sh ${{{{ARGUMENTS[@]}}}}
products:
  - test_case: [{case}]
    products:
      - environment: [dev]
"""


class Repository:
    """A directory that an ordinary user can read; scripts in it are expanded as nobody where we are root."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="preflight-sweep."))
        self.path.chmod(0o755)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def remove(self):
        shutil.rmtree(self.path)

    def sweep(self, *words, paths=(".",), env=None, **more):
        user = ["--user", "nobody"] if os.geteuid() == 0 else []
        return subprocess.run(
            [PREFLIGHT, "check", "--megatron", "main", *user, "--all", *paths, *words],
            cwd=self.path, env={"PATH": os.environ["PATH"], **(env or {})}, capture_output=True, text=True,
            timeout=120, **more)
