"""Models and configurations that were published with their sizes: the report must give the same ones."""
import json
import os
import re
import shlex

import pytest

from test_cli import ROOT, SCHEMA, batch, preflight

# Narayanan et al. 2021 (arXiv:2104.04473), table 1: name in billions (1.7 and 18 are rounded from 1.65 and
# 18.4: such a name is met by the same rounding), heads, hidden, layers, TP, PP, DP, GPUs,
# micro and global batch.
TABLE_2021 = [
    ("1.7", 24, 2304, 24, 1, 1, 32, 32, 16, 512),
    ("3.6", 32, 3072, 30, 2, 1, 32, 64, 16, 512),
    ("7.5", 32, 4096, 36, 4, 1, 32, 128, 16, 512),
    ("18", 48, 6144, 40, 8, 1, 32, 256, 8, 1024),
    ("39", 64, 8192, 48, 8, 2, 32, 512, 4, 1536),
    ("76", 80, 10240, 60, 8, 4, 32, 1024, 2, 1792),
    ("145", 96, 12288, 80, 8, 8, 24, 1536, 2, 2304),
    ("310", 128, 16384, 96, 8, 16, 15, 1920, 1, 2160),
    ("530", 128, 20480, 105, 8, 35, 9, 2520, 1, 2520),
    ("1000", 160, 25600, 128, 8, 64, 6, 3072, 1, 3072),
]


def argv_2021(heads, hidden, layers, tp, pp, micro, batch_size):
    """The flags of that time: fp16, full recompute, no distributed optimizer."""
    return (
        f"--num-layers {layers} --hidden-size {hidden} --num-attention-heads {heads} "
        f"--seq-length 2048 --max-position-embeddings 2048 --micro-batch-size {micro} "
        f"--global-batch-size {batch_size} --tensor-model-parallel-size {tp} "
        f"--pipeline-model-parallel-size {pp} --fp16 --recompute-granularity full "
        "--recompute-method uniform --recompute-num-layers 1 --tokenizer-type NullTokenizer "
        "--vocab-size 51200 --mock-data --lr 1e-4 --train-iters 1000 --eval-interval 1000"
    ).split()


@pytest.mark.parametrize("row", TABLE_2021, ids=lambda row: f"{row[0]}B")
def test_models_of_2021(row):
    name, heads, hidden, layers, tp, pp, dp, gpus, micro, batch_size = row
    argv = argv_2021(heads, hidden, layers, tp, pp, micro, batch_size)
    env = {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}
    report = batch({"argv": argv, "world": gpus, "megatron": "main", "gpu": "A100-80GB", "env": env})[0]
    job = report["job"]
    assert report["verdict"] in ("go", "warn"), report["findings"]
    assert not [f for f in report["findings"] if f["severity"] == "error"]
    assert job["data_parallel_size"] == dp
    assert job["tensor_model_parallel_size"] * job["pipeline_model_parallel_size"] * dp == gpus
    assert report["memory"]["modelled"] is True
    assert max(r["peak_bytes"] for r in report["memory"]["ranks"]) <= report["memory"]["usable_bytes"]
    text = preflight("estimate", "--megatron", "main", "--gpu", "A100-80GB", "--world-size", str(gpus),
                     "--", *argv, env=env).stdout
    billions = float(re.search(r"([\d.]+) B parameters", text).group(1))
    digits = len(name.partition(".")[2])
    assert abs(billions / float(name) - 1) < 0.02 or f"{billions:.{digits}f}" == name


# Shapes the strategies guide leaves open are those of Llama 2 7B, Mixtral 8x7B and DeepSeek-V2-Lite.
@pytest.mark.parametrize("name, dp, gigabytes", [("dense-7b", 4, 30), ("mixtral-8x7b", 2, 60), ("deepseek-lite", 4, 50)])
@pytest.mark.parametrize("release", ["main", "0.16.0"])
def test_configurations_of_the_strategies_guide(name, dp, gigabytes, release):
    path = os.path.join(ROOT, f"configs/guide/{name}.yaml")
    run = preflight("estimate", "--config", path, "--megatron", release, "--format", "json")
    report = json.loads(run.stdout)
    SCHEMA.validate(report)
    assert report["verdict"] in ("go", "warn"), report["findings"]
    assert report["job"]["data_parallel_size"] == dp and report["memory"]["modelled"] is True
    peak = max(rank["peak_bytes"] for rank in report["memory"]["ranks"]) / 1e9
    note = next(f["message"] for f in report["findings"] if f["id"] == "config-published")
    assert f"{gigabytes} GB a GPU, DP {dp}; here: {peak:.1f} GB" in note and note.endswith(f", DP {dp}, in the shape of "
                                                                                          + SHAPES[name])
    argv = shlex.split(preflight("convert", path, "--to", "flags").stdout)
    alone = batch({"argv": argv, "world": report["world_size"]["value"], "megatron": release,
                   "env": {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}})[0]
    assert not [f for f in alone["findings"] if f["severity"] != "note"]


SHAPES = {"dense-7b": "Llama 2 7B", "mixtral-8x7b": "Mixtral 8x7B", "deepseek-lite": "DeepSeek-V2-Lite with 28 layers"}
