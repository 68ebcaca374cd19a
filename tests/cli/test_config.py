"""Configurations in YAML: every key, every mistake, and the road from there to a report."""
import json

import pytest

from test_cli import SCHEMA, preflight

# Section, key, an accepted value, what must be refused, option of Megatron that appears (None: none, as the
# value is a size of the launch), field of the job and its value.
KEYS = [
    ("model", "num_layers", "32", ["0", "-1", "1.5", "many", "[1]", "99999999999999999999"], "--num-layers", 32),
    ("model", "hidden_size", "4096", ["0", "'4096'", "null"], "--hidden-size", 4096),
    ("model", "num_attention_heads", "32", ["0", "{}"], "--num-attention-heads", 32),
    ("model", "num_query_groups", "8", ["0", "true"], "--num-query-groups", 8),
    ("model", "ffn_hidden_size", "11008", ["0"], "--ffn-hidden-size", 11008),
    ("model", "num_experts", "8", ["0", "eight"], "--num-experts", 8),
    ("model", "moe_router_topk", "2", ["0"], "--moe-router-topk", 2),
    ("model", "moe_ffn_hidden_size", "1024", ["0"], "--moe-ffn-hidden-size", 1024),
    ("model", "moe_shared_expert_intermediate_size", "5632", ["0"], "--moe-shared-expert-intermediate-size", 5632),
    ("model", "vocab_size", "32000", ["0"], "--vocab-size", 32000),
    ("model", "max_position_embeddings", "4096", ["0"], "--max-position-embeddings", 4096),
    ("model", "normalization", "LayerNorm", ["layernorm", "BatchNorm", "1"], "--normalization", "LayerNorm"),
    ("model", "layernorm_epsilon", "1e-6", ["0", "2", "nan", "inf", "small", "0x1"], "--norm-epsilon", None),
    ("model", "activation_func", "swiglu", ["relu", "3"], "--swiglu", True),
    ("model", "gated_linear_unit", "true", ["1", "'true'", "false", "null"], "--swiglu", True),
    ("model", "qk_layernorm", "true", ["1", "maybe"], "--qk-layernorm", True),
    ("model", "multi_latent_attention", "true", ["1"], "--multi-latent-attention", True),
    ("parallelism", "tensor_model_parallel_size", "2", ["0", "null"], "--tensor-model-parallel-size", 2),
    ("parallelism", "pipeline_model_parallel_size", "2", ["0"], "--pipeline-model-parallel-size", 2),
    ("parallelism", "expert_model_parallel_size", "1", ["0"], "--expert-model-parallel-size", 1),
    ("parallelism", "expert_tensor_parallel_size", "2", ["0"], "--expert-tensor-parallel-size", 2),
    ("parallelism", "context_parallel_size", "2", ["0"], "--context-parallel-size", 2),
    ("parallelism", "virtual_pipeline_model_parallel_size", "2", ["0"], "--num-layers-per-virtual-pipeline-stage", 16),
    ("training", "micro_batch_size", "2", ["0"], "--micro-batch-size", 2),
    ("training", "seq_length", "2048", ["0"], "--seq-length", 2048),
    ("training", "use_distributed_optimizer", "true", ["1", "null"], "--use-distributed-optimizer", True),
    ("training", "sequence_parallel", "true", ["1"], "--sequence-parallel", True),
    ("training", "recompute_granularity", "full", ["Full", "some"], "--recompute-granularity", "full"),
    ("training", "recompute_method", "uniform", ["first"], "--recompute-method", "uniform"),
    ("training", "recompute_num_layers", "2", ["-1"], "--recompute-num-layers", 2),
    ("training", "world_size", "16", ["0", "null"], None, 16),
    ("infrastructure", "gpus_per_node", "8", ["0"], None, 8),
    ("infrastructure", "gpu", "H100-80GB", ["''", "[H100]"], None, "H100-80GB"),
    ("published", "gb_per_gpu", "30.5", ["0", "much"], None, None),
    ("published", "data_parallel_size", "4", ["0"], None, None),
    ("published", "assumed_shape", "Llama 2 7B", ["''"], None, None),
    ("precision", "params_dtype", "fp16", ["fp32", "float16"], "--fp16", True),
    ("precision", "fp8", "true", ["hybrid", "1"], "--fp8-format", "hybrid"),
]

BASE = {
    "model": {"num_layers": "32", "hidden_size": "4096", "num_attention_heads": "32", "ffn_hidden_size": "11008",
              "vocab_size": "32000", "max_position_embeddings": "4096"},
    "parallelism": {"tensor_model_parallel_size": "2", "pipeline_model_parallel_size": "1"},
    "training": {"micro_batch_size": "1", "seq_length": "4096", "world_size": "16"},
}


def text_of(config):
    return "".join(f"{section}:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items())
                   for section, keys in config.items())


def with_key(section, key, value):
    config = {name: dict(keys) for name, keys in BASE.items()}
    config.setdefault(section, {})[key] = value
    return config


def write(tmp_path, text, name="job.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def report_of(path, *words):
    run = preflight("check", "--config", path, "--megatron", "main", "--format", "json", *words)
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    SCHEMA.validate(report)
    return report


def error_of(path, *words):
    run = preflight("check", "--config", path, *words)
    assert run.returncode == 2 and not run.stdout, run.stdout
    return run.stderr


def position(text, key):
    """'line:column' of the key in the text."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith(key + ":"):
            return f"{number}:{len(line) - len(line.lstrip()) + 1}"
    raise KeyError(key)


@pytest.mark.parametrize("row", KEYS, ids=lambda row: row[1])
def test_key_is_read(row, tmp_path):
    section, key, value, _, option, want = row
    job = report_of(write(tmp_path, text_of(with_key(section, key, value))))["job"]
    field = {"--norm-epsilon": "layernorm_epsilon", "--num-layers-per-virtual-pipeline-stage":
             "num_layers_per_virtual_pipeline_stage", "--fp8-format": "fp8"}.get(
                 option, option and option[2:].replace("-", "_"))
    if option and want is not None:
        assert job[field] == want
    if key == "world_size":
        assert job["world_size"] == want


@pytest.mark.parametrize("section, key, value", [(r[0], r[1], bad) for r in KEYS for bad in r[3]])
def test_wrong_value_says_where(section, key, value, tmp_path):
    text = text_of(with_key(section, key, value))
    path = write(tmp_path, text)
    line = position(text, key).partition(":")[0]
    message = error_of(path)
    assert f"{path}:{line}:" in message
    assert key in message


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("just words", "1:1: a configuration must be a mapping"),
        ("modle:\n  num_layers: 1\n", "1:1: unknown section 'modle'; did you mean 'model'?"),
        ("model:\n  num_layres: 1\n", "2:3: unknown key 'num_layres'; did you mean 'num_layers'?"),
        ("model:\n  seq_length: 1\n", "2:3: 'seq_length' does not belong in model; its section is training"),
        ("seq_length: 1\n", "1:1: 'seq_length' does not belong at the top; its section is training"),
        ("model: 7\n", "1:8: model: must be a mapping"),
        ("model:\n  num_layers: 1\n  num_layers: 2\n", "3:3: 'num_layers' is given twice, first in line 2"),
        ("training:\n  world_size: 1\ninfrastructure:\n  world_size: 2\n", "4:3: world_size is given twice"),
        ("model: [", "1:"),
        ("model:\n\t- x\n", "2:1:"),
        ("model: {num_layers: 32}\n--- \nmodel: {}\n", "2:1: a second document"),
        ("? [a]\n: b\n", "1:3: a key must be a word"),
        ("a: &x [*x]\n", "1:1: unknown section 'a'"),
        ("<<: {model: 1}\n", "unknown section '<<'"),
        (b"\xc3\x28\x00\x01", "this is not a YAML text"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "this is not a YAML text"),
        ("a: " + "[" * 100000, "nested too deeply"),
        ("".join(" " * i + "a:\n" for i in range(400)), "nested too deeply"),
        ("".join(f"k{i}: &a{i} 1\n" for i in range(10000)), "too many anchors"),
        ("a: &a [1]\n" + "".join(f"k{i}: *a\n" for i in range(20000)), "too many anchors"),
        ("model:\n" + "".join(f"  k{i}: 1\n" for i in range(20000)), "too many entries"),
        ("#" * 300000, "larger than 256 KiB"),
        ("model:\n  num_layers: 32\n", "the guide requires: hidden_size, num_attention_heads, ffn_hidden_size"),
        ("megatron:\n  rotary_bas: 1\n", "2:3: Megatron has no option --rotary-bas; did you mean --rotary-base?"),
        ("megatron:\n  hidden_size: 1\n", "2:3: --hidden-size is set by the key hidden_size"),
        ("megatron:\n  disable_bias_linear: 3\n", "--disable-bias-linear: must be true or false"),
    ],
    ids=range(27),
)
def test_bad_file(text, message, tmp_path):
    path = write(tmp_path, text)
    error = error_of(path)
    assert path in error and message in error
    assert len(error) < 600


def test_missing_file():
    assert "cannot read '/nonexistent'" in error_of("/nonexistent")
    assert "cannot read '/tmp'" in error_of("/tmp")


def test_contradiction(tmp_path):
    text = text_of(with_key("model", "activation_func", "gelu"))
    assert report_of(write(tmp_path, text))["job"]["swiglu"] is False
    path = write(tmp_path, text.replace("  activation_func: gelu", "  activation_func: gelu\n  gated_linear_unit: true"))
    assert "no gated gelu" in error_of(path)


def test_findings_point_into_the_file(tmp_path):
    text = text_of(with_key("model", "num_attention_heads", "33"))
    path = write(tmp_path, text)
    report = report_of(path)
    assert report["verdict"] == "stop"
    where = [w for f in report["findings"] if f["severity"] == "error" for w in f["where"]]
    line, column = position(text, "num_attention_heads").split(":")
    assert {"in": "file", "path": path, "line": int(line), "column": int(column)} in where
    assert not [w for w in where if w["in"] == "argv"]
    shown = preflight("check", "--config", path, "--megatron", "main").stdout
    assert f"in {path}:" in shown and f"{path}:{line}:{column}" in shown


def test_fixes_are_edits_of_keys(tmp_path):
    path = write(tmp_path, text_of(with_key("parallelism", "tensor_model_parallel_size", "3")))
    report = report_of(path)
    edits = [e for fix in report["fixes"] for e in fix["edits"]]
    assert {"target": "config", "option": "tensor_model_parallel_size", "value": "2", "remove": False} in edits


def test_sizes_on_the_command_line(tmp_path):
    path = write(tmp_path, text_of(BASE))
    job = report_of(path, "--tp", "4", "--pp", "2", "--cp", "2", "--num-gpus", "64")["job"]
    assert (job["tensor_model_parallel_size"], job["pipeline_model_parallel_size"], job["context_parallel_size"],
            job["world_size"], job["data_parallel_size"]) == (4, 2, 2, 64, 4)
    fragment = {section: {k: v for k, v in keys.items() if k not in ("tensor_model_parallel_size", "world_size")}
                for section, keys in BASE.items()}
    path = write(tmp_path, text_of(fragment))
    assert "the guide requires: tensor_model_parallel_size, world_size" in error_of(path)
    assert report_of(path, "--tp", "1", "--num-gpus", "8")["job"]["world_size"] == 8


def test_sizes_need_a_configuration():
    run = preflight("check", "--tp", "2", "--", "--bf16")
    assert run.returncode == 2 and "--tensor-model-parallel-size" in run.stderr


def test_defaults_are_the_guides(tmp_path):
    job = report_of(write(tmp_path, text_of(with_key("model", "num_experts", "8"))))["job"]
    assert job["expert_tensor_parallel_size"] == 1 and job["normalization"] == "RMSNorm"
    assert job["swiglu"] and job["use_distributed_optimizer"] and job["bf16"]
    assert job["moe_router_topk"] == 2 and job["moe_ffn_hidden_size"] == 11008
    assert not job["sequence_parallel"] and job["recompute_granularity"] is None


def test_options_of_the_trainer(tmp_path):
    config = {**BASE, "megatron": {"rotary-base": "500000", "disable_bias_linear": "false", "data_path": "[1.0, a]",
                                   "recompute_modules": "[core_attn, mlp]", "attention_dropout": "0.1"}}
    path = write(tmp_path, text_of(config))
    job = report_of(path, "--", "--qk-layernorm")["job"]
    assert job["rotary_base"] == 500000 and job["add_bias_linear"] is True and job["data_path"] == ["1.0", "a"]
    assert job["recompute_modules"] == ["core_attn", "mlp"] and job["attention_dropout"] == 0.1
    assert job["qk_layernorm"] is True and job["mock_data"] is False


def test_world_size_of_the_guide(tmp_path):
    """The guide's own example: 64 GPUs, TP 4, PP 2, EP 4 give DP 2 there and 8 in Megatron."""
    config = with_key("model", "num_experts", "8")
    config["parallelism"].update({"tensor_model_parallel_size": "4", "pipeline_model_parallel_size": "2",
                                  "expert_model_parallel_size": "4"})
    config["training"]["world_size"] = "64"
    report = report_of(write(tmp_path, text_of(config)))
    assert report["job"]["data_parallel_size"] == 8
    note = next(f for f in report["findings"] if f["id"] == "guide-world-size")
    assert "= 2;" in note["message"] and "= 8," in note["message"]
