"""Where guides and Megatron disagree, and what each size of a job does to its memory."""
import glob
import json
import os
import re

import pytest

from test_cli import ENV, LLAMA_70B, ROOT, SCHEMA, batch, preflight
from test_config import report_of, text_of, with_key, write

LLAMA = ["estimate", "--megatron", "main", "--gpu", "H100-80GB", "--world-size", "64", "--format", "json", "--impact",
         "--", *LLAMA_70B]


def rows():
    return json.loads(preflight("rules", "guide", "--format", "json").stdout)


def test_table():
    table = rows()
    ids = [row["id"] for row in table]
    assert len(ids) == len(set(ids)) >= 25
    text = preflight("rules", "guide").stdout
    for row in table:
        assert re.fullmatch(r"guide(-[a-z0-9]+)+", row["id"])
        assert row["id"] + "\n" in text and all(row[key] for key in ("guides_say", "megatron_does", "we_do"))
    assert max(map(len, text.splitlines())) <= 101 and not re.search(r" $", text, re.M)


def test_one_row():
    text = preflight("rules", "guide-fp8").stdout
    assert text.startswith("guide-fp8\n") and text.count("Megatron ") == 1
    assert preflight("rules", "guide-nothing").returncode == 2


def test_every_note_has_a_row():
    ids = {row["id"] for row in rows()}
    for path in glob.glob(os.path.join(ROOT, "src/config/*.c")):
        if not path.endswith("/guide.c"):
            assert set(re.findall(r'"(guide-[a-z-]+)"', open(path).read())) <= ids


def changed(*words, world=64, base=LLAMA_70B):
    return batch({"argv": [*base, *words], "world": world, "megatron": "main", "gpu": "H100-80GB",
                  "env": {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}})[0]


def without(option, values=1):
    at = LLAMA_70B.index(option)
    return LLAMA_70B[:at] + LLAMA_70B[at + 1 + values:]


MOE = ["--num-experts", "8", "--moe-grouped-gemm", "--moe-token-dispatcher-type", "alltoall"]
ONE_GPU_A_STAGE = without("--tensor-model-parallel-size")


def peaks(report):
    return [rank["peak_bytes"] for rank in report["memory"]["ranks"]]


def test_what_the_table_says_of_megatron():
    """The rows whose second column can be asked of the program's own replay of Megatron."""
    assert changed(*MOE)["job"]["expert_tensor_parallel_size"] == 8
    assert changed("--context-parallel-size", "2", base=without("--sequence-parallel", 0))["verdict"] != "stop"
    assert changed(base=ONE_GPU_A_STAGE)["job"]["sequence_parallel"] is False
    stop = changed("--recompute-granularity", "full")
    assert stop["verdict"] == "stop"
    assert changed("--recompute-granularity", "full", "--recompute-method", "uniform",
                   "--recompute-num-layers", "1")["verdict"] != "stop"
    block = [changed("--recompute-granularity", "full", "--recompute-method", "block",
                     "--recompute-num-layers", str(n)) for n in (0, 5, 20)]
    assert peaks(block[0])[1] > peaks(block[1])[1] > peaks(block[2])[1]
    ep = changed(*MOE, "--expert-model-parallel-size", "2", "--expert-tensor-parallel-size", "1")
    assert ep["job"]["data_parallel_size"] == 2 and ep["job"]["expert_data_parallel_size"] == 8


def test_full_recomputation_saves_more_than_the_guide_says():
    kept = changed()["memory"]["ranks"][0]["components"]["activations"]
    full = changed("--recompute-granularity", "full", "--recompute-method", "uniform",
                   "--recompute-num-layers", "1")["memory"]["ranks"][0]["components"]["activations"]
    assert full < 0.2 * kept


def test_first_stage_keeps_its_activations():
    activations = [changed("--pipeline-model-parallel-size", str(pp))["memory"]["ranks"][0]["components"]["activations"]
                   for pp in (2, 4)]
    assert abs(activations[1] / activations[0] - 1) < 0.1


# --- impact --------------------------------------------------------------------------------------

def impact_of(*words, env=None):
    run = preflight(*LLAMA, *words, env=env)
    report = json.loads(run.stdout)
    SCHEMA.validate(report)
    return report, {row["name"]: row for row in report["impact"]}


def test_impact_is_what_the_edited_job_has():
    report, impact = impact_of()
    own = max(peaks(report))
    for name, option in (("num_layers", "--num-layers"), ("hidden_size", "--hidden-size"),
                         ("ffn_hidden_size", "--ffn-hidden-size"), ("vocab_size", "--vocab-size")):
        for side, factor in (("half", 0.5), ("twice", 2)):
            value = int(impact[name]["value"] * factor)
            assert impact[name][side] == {"value": value, "why_not": None,
                                          "peak_bytes": max(peaks(changed(option, str(value))))}
    assert impact["num_layers"]["exponent"] == pytest.approx(1, abs=0.02)
    assert impact["seq_length"]["exponent"] == pytest.approx(1, abs=0.1)
    changes = [abs(row["twice"]["peak_bytes"] - own) for row in report["impact"]]
    assert changes == sorted(changes, reverse=True)
    assert "quadratic" in impact["seq_length"]["note"] and "num_experts" not in impact


def test_scores_of_unfused_attention_are_quadratic():
    _, impact = impact_of("--transformer-impl", "local", "--no-persist-layer-norm", "--normalization", "LayerNorm",
                          "--no-gradient-accumulation-fusion", "--no-masked-softmax-fusion")
    assert impact["seq_length"]["exponent"] > 1.4


def test_values_that_are_not_valid():
    _, impact = impact_of()
    assert impact["micro_batch_size"]["half"]["peak_bytes"] is None
    _, impact = impact_of("--num-layers", "84", "--pipeline-model-parallel-size", "4")
    assert impact["num_layers"]["half"]["why_not"] and impact["num_layers"]["half"]["peak_bytes"] is None
    assert impact["num_layers"]["exponent"] is None


def test_impact_of_a_configuration(tmp_path):
    path = write(tmp_path, text_of(with_key("model", "num_experts", "8")))
    text = preflight("estimate", "--config", path, "--megatron", "main", "--impact").stdout
    assert "impact on the largest stage's peak" in text and "num_experts" in text
    assert preflight("check", "--config", path, "--impact").returncode == 2


# --- troubleshooting -----------------------------------------------------------------------------

def notes_of(*words, base=LLAMA_70B, gpu="H100-80GB"):
    run = preflight("estimate", "--megatron", "main", "--gpu", gpu, "--world-size", "64", "--format", "json", "--",
                    *base, *words)
    return {f["id"]: f["message"] for f in json.loads(run.stdout)["findings"] if f["severity"] == "note"}


def gib(report):
    return f"{max(peaks(report)) / 2**30:.1f} GiB"


def test_steps_when_memory_exceeds():
    base = ["--pipeline-model-parallel-size", "1"]
    message = notes_of(*base)["guide-memory-exceeds"]
    for name, words in (("full recomputation", ["--recompute-granularity", "full", "--recompute-method", "uniform",
                                                "--recompute-num-layers", "1"]),
                        ("TP doubled", ["--tensor-model-parallel-size", "16"]),
                        ("PP doubled", ["--pipeline-model-parallel-size", "2"])):
        after = changed(*base, *words)
        stops = [f["id"] for f in after["findings"] if f["severity"] == "error" and f["stage"] != "memory"]
        assert f"{name} is not valid here ({stops[0]})" in message if stops else f"{name} {gib(after)}" in message
    assert "distributed optimizer" not in message and "EP" not in message and "micro batch" not in message
    assert "distributed optimizer " in notes_of(*base, base=without("--use-distributed-optimizer", 0))[
        "guide-memory-exceeds"]
    assert "guide-headroom" in notes_of(*base)  # near the limit: it may still run
    assert "guide-headroom" not in notes_of(*base, "--seq-length", "8192", "--max-position-embeddings", "8192")


def test_why_it_may_be_slow():
    message = notes_of("--global-batch-size", "16", "--recompute-granularity", "full", "--recompute-method", "uniform",
                       "--recompute-num-layers", "1")["guide-slow"]
    assert "stages wait 27 % of the time with PP 4 and 8 micro-batches" in message  # 3 / (8 + 3)
    assert f"selective would need {gib(changed('--recompute-granularity', 'selective'))}" in message
    assert "stages wait" not in notes_of("--global-batch-size", "1024")["guide-slow"]
    wide = notes_of("--tensor-model-parallel-size", "16", "--pipeline-model-parallel-size", "2", base=[
        "32" if word == "8" and LLAMA_70B[i - 1] == "--num-query-groups" else word
        for i, word in enumerate(LLAMA_70B)])
    assert "TP 16 leaves the 8 GPUs that share NVLink" in wide["guide-slow"]


def test_headroom_has_this_jobs_numbers():
    report = changed()
    peak, usable = max(peaks(report)), report["memory"]["usable_bytes"]
    message = notes_of()["guide-headroom"]
    assert f"{peak / 2**30:.1f} GiB are {100 * peak / usable:.0f} % of" in message
    assert f"at most 80 %, {0.8 * usable / 2**30:.1f} GiB" in message
