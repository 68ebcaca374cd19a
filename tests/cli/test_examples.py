"""Launches as Megatron-LM's own example scripts start them, on one node of 8 H100. What stops three of them was asked of
Megatron: its parser and validator refuse the 175B example on one node, its process groups the Mixtral one."""
import json
import os

import pytest

from test_cli import ROOT, batch

EXAMPLES = [json.loads(line) for line in open(os.path.join(ROOT, "tests/data/examples.jsonl"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_example(example):
    report = batch({"command": example["command"], "megatron": example["megatron"], "gpu": "H100-80GB",
                    "env": {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}})[0]
    errors = [f["id"] for f in report["findings"] if f["severity"] == "error"]
    assert report["world_size"]["value"] == 8
    if example["stopped_by"]:
        assert report["verdict"] == "stop"
        assert errors[0] == example["stopped_by"]
    else:
        assert report["verdict"] in ("go", "warn") and not errors


def test_there_are_ten():
    assert len(EXAMPLES) >= 10
