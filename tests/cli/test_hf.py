"""Hugging Face config.json: published totals of parameters, and options that pass every rule."""
import json
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
# What a model's config.json says of its shape, and the elements its repository on the Hub counts.
PARAMETERS = json.load(open(os.path.join(HERE, "..", "data", "hf.json")))
MODELS = {name: {"parameters": parameters,
                 "config": json.load(open(os.path.join(HERE, "..", "..", "configs", "models", name + ".json")))}
          for name, parameters in PARAMETERS.items()}


def estimate(path, *options):
    run = subprocess.run([os.path.join(BUILD, "megatron-preflight"), "estimate", "--hf", str(path), "--num-gpus", "1",
                          "--format", "json", *options], capture_output=True, text=True, timeout=60)
    return run, json.loads(run.stdout) if run.stdout else None


def errors(report):
    return [f"{f['id']}: {f['message']}" for f in report["findings"]
            if f["severity"] == "error" and f["stage"] != "memory"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_parameters(name, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MODELS[name]["config"]))
    _, report = estimate(path, "--megatron", "main")
    total = sum(rank["parameters"] for rank in report["memory"]["ranks"])
    assert total == pytest.approx(MODELS[name]["parameters"], rel=1e-4)
    assert not errors(report)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_rules_of_an_older_release(name, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MODELS[name]["config"]))
    _, report = estimate(path, "--megatron", "0.16.0")
    assert not errors(report)


def test_sizes_of_the_launch(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MODELS["qwen3-30b-a3b"]["config"]))
    _, report = estimate(path, "--megatron", "main", "--tp", "2", "--pp", "4", "--ep", "4", "--num-gpus", "32",
                         "--gpu", "H100-80GB", "--", "--seq-length", "8192")
    job = report["job"]
    assert (job["tensor_model_parallel_size"], job["pipeline_model_parallel_size"],
            job["expert_model_parallel_size"], job["world_size"]) == (2, 4, 4, 32)
    assert job["seq_length"] == 8192 and job["sequence_parallel"] and job["expert_tensor_parallel_size"] == 1
    assert len(report["memory"]["ranks"]) == 4 and not errors(report)


@pytest.mark.parametrize("text, said", [
    ("", "config.json:1:0"),
    ("[]", "must be a JSON object"),
    ('{"model_type": "llama", "model_type": "llama"}', "duplicate"),
    ('{"model_type": "whisper", "hidden_size": 1}', "/model_type: 'whisper' is no architecture"),
    ('{"model_type": "llama", "hidden_size": 4096}', "/num_hidden_layers: is missing; a llama needs it"),
    ('{"hidden_size": 4096}', "/model_type: is missing"),
    ('{"model_type": "llama", "num_hidden_layers": "32"}', '/num_hidden_layers: "32" is not a whole number'),
    ('{"model_type": "llama", "num_hidden_layers": 1e12}', "/num_hidden_layers:"),
    ('{"model_type": "llama", "num_hidden_layers": -1}', "/num_hidden_layers: -1 is not within"),
    ('{"text_config": {"model_type": "llama", "num_hidden_layers": []}}', "/text_config/num_hidden_layers:"),
    ("\x00\x01\x02", "config.json:1:"),
    ("[" * 100000, "config.json:1:"),
])
def test_bad_files(text, said, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    run, _ = estimate(path)
    assert run.returncode == 2 and said in run.stderr, run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_without_a_number_of_gpus():
    run = subprocess.run([os.path.join(BUILD, "megatron-preflight"), "check", "--hf", "llama-3.1-8b"], capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == 0 and "(--num-gpus N), so there is no estimate" in run.stdout.splitlines()[0]


def test_text_part_of_a_model_that_sees(tmp_path):
    config = {"model_type": "gemma3", "text_config": dict(MODELS["gemma-2b"]["config"], model_type="gemma3_text")}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    _, report = estimate(path, "--megatron", "main")
    assert "config-text-part" in [f["id"] for f in report["findings"]] and not errors(report)
