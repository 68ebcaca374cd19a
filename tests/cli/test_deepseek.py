"""DeepSeek-V3 style JSON: every field of the guide, the shipped sizes, the guide's examples."""
import copy
import glob
import json
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
SHIPPED = sorted(glob.glob(os.path.join(HERE, "..", "..", "configs", "deepseek", "deepseek_v3_*.json")))
SIZES = {1, 5, 8, 10, 13, 16, 20, 25, 30, 35, 40, 50}

# The fields that the guide names, with a value each.
GUIDE = {
    "model": {"mla": {"d_model": 7168, "d_latent": 1536, "use_fp8_kv": True, "max_context_length": 128000,
                      "use_flash_mla": True},
              "moe": {"num_experts": 64, "num_experts_per_token": 4, "expert_intermediate_size": 2048,
                      "use_aux_loss_free": True, "capacity_factor": 1.0, "use_deep_ep": True, "deep_ep_fp8": True,
                      "router_aux_loss_weight": 0.01}},
    "distributed": {"tensor_parallel_size": 1, "pipeline_parallel_size": 1, "expert_parallel_size": 8,
                    "data_parallel_size": -1, "zero_stage": 1, "overlap_grad_reduce": True},
    "training": {"global_batch_size": 4096, "micro_batch_size": 1, "learning_rate": 1e-4, "lr_warmup_steps": 2000,
                 "grad_clip": 1.0, "weight_decay": 0.05, "use_fp8": False, "seq_length": 2048},
    "data": {}, "checkpointing": {}, "logging": {},
}
EXAMPLES = {
    "smaller GPUs": {"model": {"mla": {"d_model": 4096, "d_latent": 1024, "use_fp8_kv": False},
                               "moe": {"num_experts": 64, "num_experts_per_token": 4}},
                     "training": {"global_batch_size": 2048, "micro_batch_size": 1, "seq_length": 2048}},
    "throughput": {"model": {"mla": {"use_fp8_kv": True, "use_flash_mla": True},
                             "moe": {"use_deep_ep": True, "deep_ep_fp8": True}},
                   "distributed": {"zero_stage": 1, "overlap_grad_reduce": True}, "training": {"use_fp8": True}},
    "quality": {"model": {"mla": {"d_latent": 2048}, "moe": {"router_aux_loss_weight": 0.01, "capacity_factor": 1.25}},
                "training": {"grad_clip": 0.5, "weight_decay": 0.05}},
}


def merged(base, over):
    result = copy.deepcopy(base)
    for key, value in over.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result


def shipped(size):
    return json.load(open(next(p for p in SHIPPED if p.endswith(f"_{size}b.json"))))


def estimate(path, *options):
    run = subprocess.run([os.path.join(BUILD, "megatron-preflight"), "estimate", "--deepseek", str(path), "--format", "json",
                          *options], capture_output=True, text=True, timeout=60)
    return run, json.loads(run.stdout) if run.stdout else None


def of(tmp_path, config, *options):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(config))
    return estimate(path, "--megatron", "main", *options)


def errors(report, memory=True):
    return [f"{f['id']}: {f['message']}" for f in report["findings"]
            if f["severity"] == "error" and (memory or f["stage"] != "memory")]


def ids(report):
    return [f["id"] for f in report["findings"]]


def leaves(value, pointer=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{pointer}/{key}")
    else:
        yield pointer, value


def test_sizes_that_are_shipped():
    assert {int(os.path.basename(p)[len("deepseek_v3_"):-len("b.json")]) for p in SHIPPED} == SIZES


@pytest.mark.parametrize("release", ["main", "0.16.0"])
@pytest.mark.parametrize("path", SHIPPED, ids=os.path.basename)
def test_shipped(path, release):
    """Named for its parameters, within 5 %; passes every rule and fits the GPUs that it names."""
    _, report = estimate(path, "--megatron", release)
    assert report["verdict"] in ("go", "warn") and not errors(report)
    named = float(os.path.basename(path)[len("deepseek_v3_"):-len("b.json")]) * 1e9
    config = json.load(open(path))
    _, whole = estimate(path, "--megatron", release, "--num-gpus", "1", "--ep", "1", "--pp", "1")
    assert sum(rank["parameters"] for rank in whole["memory"]["ranks"]) == pytest.approx(named, rel=0.05)
    assert report["world_size"]["value"] == config["distributed"]["num_gpus"]
    assert max(r["peak_bytes"] for r in report["memory"]["ranks"]) < 0.8 * report["memory"]["usable_bytes"]


def test_the_smallest_is_the_guides():
    config = shipped(1)
    assert config["model"]["num_layers"] == 16
    assert config["model"]["mla"] | {"d_model": 1536, "d_latent": 384, "max_context_length": 8192} == config["model"]["mla"]
    assert (config["model"]["moe"]["num_experts"], config["model"]["moe"]["num_experts_per_token"]) == (16, 4)


@pytest.mark.parametrize("pointer, value", list(leaves(GUIDE)), ids=lambda v: str(v))
def test_each_field_of_the_guide(pointer, value, tmp_path):
    """Accepted with the guide's value; refused with a value of another kind, by its pointer."""
    config = shipped(1)
    place = config
    *sections, last = pointer[1:].split("/")
    for section in sections:
        place = place.setdefault(section, {})
    place[last] = value
    run, report = of(tmp_path, config)
    assert report, run.stderr
    place[last] = {"bool": "yes", "int": "many", "float": [1]}[type(value).__name__]
    run, report = of(tmp_path, config)
    assert run.returncode == 2 and f"{pointer}: " in run.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_customisation(name, tmp_path):
    _, report = of(tmp_path, merged(shipped(8), EXAMPLES[name]), "--gpu", "H100-80GB")
    assert not errors(report, memory=False)


@pytest.mark.parametrize("tp, pp, ep, dp", [(4, 4, 2, 1), (2, 2, 2, 4)])
def test_examples_on_32_gpus(tp, pp, ep, dp, tmp_path):
    config = shipped(8)
    config["distributed"] = {"tensor_parallel_size": tp, "pipeline_parallel_size": pp, "expert_parallel_size": ep,
                             "data_parallel_size": dp, "gpu": "H100-80GB"}
    _, report = of(tmp_path, config)
    assert report["world_size"]["value"] == 32 and not errors(report, memory=False)
    assert report["job"]["data_parallel_size"] == 32 // (tp * pp)
    note = next(f for f in report["findings"] if f["id"] == "guide-world-size")
    assert f"DP is {32 // (tp * pp)} there" in note["message"]


def test_units_of_the_batch(tmp_path):
    config = shipped(10)
    config["training"].update(global_batch_size=1 << 20, global_batch_size_unit="tokens", seq_length=4096)
    _, report = of(tmp_path, config)
    assert report["job"]["global_batch_size"] == 256 and "config-batch-unit" not in ids(report)
    config["training"].update(global_batch_size=4096, global_batch_size_unit="tokens", seq_length=1024)
    _, report = of(tmp_path, config)
    note = next(f for f in report["findings"] if f["id"] == "config-batch-unit")
    assert "4096 tokens a step; in samples it would be 4194304" in note["message"]
    config["training"].update(seq_length=3000)
    run, _ = of(tmp_path, config)
    assert run.returncode == 2 and "/training/global_batch_size: 4096 tokens are no whole number" in run.stderr


def test_deepspeed_beside_it(tmp_path):
    config = shipped(1)
    for field in ("zero_stage", "overlap_grad_reduce"):
        del config["distributed"][field]
    del config["training"]["gradient_checkpointing"]
    (tmp_path / "deepspeed_config.json").write_text(json.dumps(
        {"zero_optimization": {"stage": 0, "overlap_comm": True}, "activation_checkpointing": {}}))
    _, report = of(tmp_path, config)
    assert not report["job"]["use_distributed_optimizer"] and report["job"]["overlap_grad_reduce"]
    assert report["job"]["recompute_granularity"] == "full" and "config-deepspeed" in ids(report)


def test_latent_advice(tmp_path):
    for latent, noted in ((100, True), (384, False), (1000, True)):
        config = shipped(1)
        config["model"]["mla"]["d_latent"] = latent
        _, report = of(tmp_path, config)
        assert ("config-latent" in ids(report)) == noted


@pytest.mark.parametrize("change, said", [
    ({"model": {"mla": {"d_modell": 1}}}, "/model/mla/d_modell: is no field; the nearest is /model/mla/d_model"),
    ({"model": 4}, "/model: is no field"),
    ({"training": {"learning_rate": -1}}, "/training/learning_rate: -1 is not within"),
    ({"training": {"lr_schedule": "sine"}}, "/training/lr_schedule: 'sine' is none of"),
    ({"distributed": {"data_parallel_size": 0}}, "/distributed/data_parallel_size: 0 is neither"),
    ({"model": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, "is no field"),
    ({"model": {"num_layers": 1e300}}, "/model/num_layers:"),
])
def test_bad_fields(change, said, tmp_path):
    run, _ = of(tmp_path, merged(shipped(1), change))
    assert run.returncode == 2 and said in run.stderr, run.stderr


def test_table_of_fields():
    """Every field of the guide has a row that says what it becomes."""
    run = subprocess.run([os.path.join(BUILD, "megatron-preflight"), "rules", "deepseek", "--format", "json"],
                         capture_output=True, text=True, timeout=60)
    rows = {row["field"]: row["becomes"] for row in json.loads(run.stdout)}
    assert {pointer for pointer, _ in leaves(GUIDE)} <= set(rows)
    assert all(text.startswith("--") or " " in text for text in rows.values())
    text = subprocess.run([os.path.join(BUILD, "megatron-preflight"), "rules", "deepseek"], capture_output=True, text=True,
                          timeout=60).stdout
    assert len(text.splitlines()) == len(rows)


def test_what_is_missing(tmp_path):
    run, _ = of(tmp_path, {})
    assert run.returncode == 2 and "/model/num_layers: is missing" in run.stderr
