"""Configurations to options and back."""
import json
import lzma
import os
import random
import shlex

import pytest

from test_cli import LLAMA_70B, ROOT, batch, preflight
from test_config import BASE, KEYS, report_of, text_of, with_key, write


def convert(path, to, *words):
    run = preflight("convert", path, "--to", to, *words)
    assert run.returncode == 0, run.stderr
    return run.stdout


def flags_of(path, *words):
    """Options as a list of words, one list a line."""
    return [shlex.split(line) for line in convert(path, "flags", *words).splitlines()]


@pytest.mark.parametrize("row", [row for row in KEYS if row[4]], ids=lambda row: row[1])
def test_option_of_every_key(row, tmp_path):
    section, key, value, _, option, _ = row
    lines = flags_of(write(tmp_path, text_of(with_key(section, key, value))))
    assert [line for line in lines if line[0] == option], lines


def test_options_that_are_megatrons_default_too(tmp_path):
    """What the guide takes without a key, where Megatron takes something else."""
    lines = flags_of(write(tmp_path, text_of(with_key("model", "num_experts", "8"))))
    for words in (["--expert-tensor-parallel-size", "1"], ["--normalization", "RMSNorm"], ["--swiglu"],
                  ["--use-distributed-optimizer"], ["--bf16"]):
        assert words in lines
    assert ["--sequence-parallel"] not in lines


# Megatron's names of the guide's defaults, as a file of options that sets none of them.
PLAIN = ("--num-layers 32 --hidden-size 4096 --num-attention-heads 32 --seq-length 4096 "
         "--max-position-embeddings 4096 --vocab-size 32000 --micro-batch-size 1 --num-experts 8 "
         "--tensor-model-parallel-size 2")


def test_yaml_says_what_megatron_would_take(tmp_path):
    text = convert(write(tmp_path, PLAIN, "flags.txt"), "yaml", "--num-gpus", "8")
    for line in ("expert_tensor_parallel_size: 2", "normalization: LayerNorm", "activation_func: gelu",
                 "gated_linear_unit: false", "use_distributed_optimizer: false", "bf16: false",
                 "ffn_hidden_size: 16384", "disable_bias_linear: false", "position_embedding_type: null",
                 "mock_data: false", "lr: null"):
        assert f"  {line}\n" in text
    back = convert(write(tmp_path, text), "flags").split()
    assert "--bf16" not in back and "--disable-bias-linear" not in back and "--lr" not in back
    want = batch({"argv": PLAIN.split(), "world": 8, "megatron": "main"})[0]["job"]
    got = batch({"argv": back, "world": 8, "megatron": "main"})[0]["job"]
    assert {k for k in want if want[k] != got.get(k)} == set()


def test_launch_command(tmp_path):
    command = ("# a job\nexport CUDA_DEVICE_MAX_CONNECTIONS=1\ntorchrun --nnodes 8 --nproc-per-node 8 "
               "pretrain_gpt.py \\\n  " + " ".join(LLAMA_70B) + " --rotary-base 500000 --data-path 0.5 'a b' 0.5 c\n")
    text = convert(write(tmp_path, command, "launch.txt"), "yaml")
    assert "  world_size: 64\n" in text and "  rotary_base: 500000\n" in text
    assert '  data_path: [0.5, "a b", 0.5, c]\n' in text
    job = report_of(write(tmp_path, text))["job"]
    want = batch({"argv": [*LLAMA_70B, "--rotary-base", "500000", "--data-path", "0.5", "a b", "0.5", "c"],
                  "world": 64, "megatron": "main"})[0]["job"]
    assert {k for k in want if want[k] != job.get(k)} == set()


@pytest.mark.parametrize("text, message", [
    ("", "neither options nor a plain command"),
    ("echo hello", "not a launcher"),
    ("$(cat x)", "neither options nor a plain command"),
    ("--bf16 \0", "byte 7 is zero"),
    ("--num-layers 1 --bf16=1 2", "'2' belongs to no option"),
    ("- 1", "'-' belongs to no option"),
    ("--a " * 5000, "more than 4096 words"),
    ("-" * 300000, "larger than 256 KiB"),
])
def test_bad_file(text, message, tmp_path):
    path = write(tmp_path, text, "flags.txt")
    run = preflight("convert", path, "--to", "yaml")
    assert run.returncode == 2 and run.stdout == ""
    assert path in run.stderr and message in run.stderr


def test_what_is_lost_is_said(tmp_path):
    run = preflight("convert", write(tmp_path, "--num-layers 2 --no-such-option 3", "f.txt"), "--to", "yaml")
    assert "'--no-such-option' is no option of Megatron main" in run.stderr
    assert "the guide requires also: hidden_size" in run.stderr and "world_size" in run.stderr


def test_usage(tmp_path):
    path = write(tmp_path, text_of(BASE))
    for words, message in (((), "write --to flags or --to yaml"), ((path,), "write --to flags or --to yaml"),
                           ((path, "--to", "json"), "'json' is neither"), (("--to", "flags"), "takes one file"),
                           ((path, path, "--to", "flags"), "one file at a time")):
        run = preflight("convert", *words)
        assert run.returncode == 2 and message in run.stderr, run.stderr


# --- random configurations ----------------------------------------------------------------------

def random_value(rng, key):
    pick = {
        "num_layers": [1, 2, 24, 33, 64], "hidden_size": [64, 1024, 4096, 7168], "num_attention_heads": [1, 16, 32, 33],
        "num_query_groups": [1, 8, 32], "ffn_hidden_size": [256, 11008], "num_experts": [1, 8, 256],
        "moe_router_topk": [1, 2, 8], "moe_ffn_hidden_size": [512, 2048], "vocab_size": [1000, 128256],
        "moe_shared_expert_intermediate_size": [5632], "max_position_embeddings": [2048, 131072],
        "normalization": ["RMSNorm", "LayerNorm"], "layernorm_epsilon": ["1e-5", "1e-6", "0.00001"],
        "gpu": ["H100-80GB", "A100-40GB"], "gpus_per_node": [4, 8], "params_dtype": ["bf16", "fp16"],
        "tensor_model_parallel_size": [1, 2, 8], "pipeline_model_parallel_size": [1, 2, 8],
        "expert_model_parallel_size": [1, 2, 8], "expert_tensor_parallel_size": [1, 2], "context_parallel_size": [1, 2],
        "virtual_pipeline_model_parallel_size": [2, 3, 4], "micro_batch_size": [1, 3], "seq_length": [1024, 4096],
        "recompute_granularity": ["full", "selective"], "recompute_method": ["uniform", "block"],
        "recompute_num_layers": [0, 1, 5], "world_size": [1, 8, 64, 4096],
    }
    return rng.choice(pick.get(key, ["true", "false"]))


OPTIONS = {"rotary_base": "500000", "disable_bias_linear": "false", "untie_embeddings_and_output_weights": "false",
           "rotary_percent": "0.5", "data_path": '[0.3, "a b", 0.7, /c]', "position_embedding_type": "null",
           "recompute_modules": "[core_attn, mlp]", "global_batch_size": "512", "bf16": "false", "lr": "3e-4",
           "kv_lora_rank": "512", "wandb_project": '"it\'s: a \\"name\\" #1"', "wandb_exp_name": '"true"',
           "tokenizer_type": "HuggingFaceTokenizer", "tokenizer_model": "null-model", "fp8_recipe": "mxfp8",
           "moe_grouped_gemm": "false", "mock_data": "false", "rerun_mode": "disabled", "attention_dropout": "0.1"}


def random_config(rng):
    config = {name: dict(keys) for name, keys in BASE.items()}
    for section, key, *_ in KEYS:
        if section != "published" and key not in ("activation_func", "gated_linear_unit") and rng.random() < 0.4:
            config.setdefault(section, {})[key] = random_value(rng, key)
    if rng.random() < 0.3:
        config["model"].update(activation_func="gelu", gated_linear_unit="false")
    config["megatron"] = {key: value for key, value in OPTIONS.items() if rng.random() < 0.2}
    if "bf16" in config["megatron"]:
        config.setdefault("precision", {}).pop("params_dtype", None)
    return {section: keys for section, keys in config.items() if keys}


@pytest.mark.parametrize("seed", range(60))
def test_round_trip_loses_nothing(seed, tmp_path):
    """YAML to options and back is the YAML again, as the program itself writes it."""
    text = text_of(random_config(random.Random(seed)))
    path = write(tmp_path, text)
    once = convert(path, "yaml")
    flags = write(tmp_path, convert(path, "flags"), "flags.txt")
    sizes = {key: value for key, value in
             (line.strip().split(": ", 1) for line in once.splitlines() if line.startswith("  "))
             if key in ("world_size", "gpu", "gpus_per_node")}
    back = convert(flags, "yaml", "--num-gpus", sizes["world_size"])
    kept = "".join(line + "\n" for line in once.splitlines()
                   if line.strip().split(":")[0] not in ("gpu", "gpus_per_node", "infrastructure"))
    assert back == kept
    again = write(tmp_path, once, "again.yaml")
    assert convert(again, "yaml") == once
    assert convert(again, "flags") == open(flags).read() or job_of(again) == job_of(path)


def job_of(path):
    return report_of(path)["job"]


def test_published_figures_are_kept(tmp_path):
    text = text_of({**BASE, "published": {"gb_per_gpu": "30", "data_parallel_size": "4", "assumed_shape": "A 7B"}})
    assert 'published:\n  gb_per_gpu: 30\n  data_parallel_size: 4\n  assumed_shape: "A 7B"\n' in convert(
        write(tmp_path, text), "yaml")


@pytest.mark.parametrize("seed", range(25))
def test_options_are_the_same_job(seed, tmp_path):
    config = random_config(random.Random(1000 + seed))
    config.get("infrastructure", {}).pop("gpu", None)
    path = write(tmp_path, text_of({section: keys for section, keys in config.items() if keys}))
    report = report_of(path)
    argv = [word for line in flags_of(path) for word in line]
    other = batch({"argv": argv, "world": report["world_size"]["value"], "megatron": "main",
                   "facts": {"vocab_size": report["job"]["vocab_size"]}})[0]
    assert report["job"] == other["job"]
    stops = [[f["id"] for f in r["findings"] if f["severity"] == "error" and f["stage"] != "memory"]
             for r in (report, other)]
    assert stops[0] == stops[1]


# Two ways to say the same.
SAME = {"num_layers_per_virtual_pipeline_stage", "num_virtual_stages_per_pipeline_rank", "recompute_activations",
        "vocab_size"}
LAUNCHES = [json.loads(line) for line in lzma.open(os.path.join(ROOT, "tests/data/launches.jsonl.xz"), "rt")]


@pytest.mark.parametrize("launch", LAUNCHES[::25], ids=lambda launch: launch["id"])
def test_published_launches(launch, tmp_path):
    """Options to YAML and back are the same job; where the guide requires more than they say, that is said."""
    path = write(tmp_path, "\n".join(map(shlex.quote, launch["argv"])), "flags.txt")
    world = str(launch.get("world") or 8)
    run = preflight("convert", path, "--to", "yaml", "--num-gpus", world)
    assert run.returncode == 0, run.stderr
    back = preflight("convert", write(tmp_path, run.stdout), "--to", "flags")
    if "the guide requires also" in run.stderr:
        assert back.returncode == 2 and "the guide requires" in back.stderr
        return
    argv = [word for line in back.stdout.splitlines() for word in shlex.split(line)]
    jobs = [r["job"] for r in batch(*({"argv": a, "world": int(world), "megatron": "main"}
                                      for a in (launch["argv"], argv)))]
    dense = {"expert_tensor_parallel_size", "expert_tensor_parallel_num_weight_shards", "expert_data_parallel_size"}
    assert {k for k in jobs[0] if jobs[0][k] != jobs[1].get(k)} <= SAME | (set() if jobs[0]["num_experts"] else dense)
