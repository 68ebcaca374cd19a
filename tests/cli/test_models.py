"""models: what comes with the program, and the selector."""
import json
import os
import re
import shlex

import pytest

from test_cli import ROOT, batch, preflight
from test_published import TABLE_2021

HF = json.load(open(os.path.join(ROOT, "tests/data/hf.json")))


def test_list():
    text = preflight("models").stdout
    for name in HF:
        assert re.search(rf"^  {re.escape(name)} ", text, re.M), name
    assert len(re.findall(r"^  deepseek_v3_\d+b .* GPUs of ", text, re.M)) == 12


def test_table_of_2021():
    """As published: model parallel size, percentage of the peak of 312 TFLOP/s, the aggregate."""
    rows = re.findall(r"^  (\S+[BT]) +(\d.*)$", preflight("models").stdout, re.M)
    rows = [(name, [float(x) for x in rest.split()]) for name, rest in rows if len(rest.split()) == 13]
    assert len(rows) == len(TABLE_2021) == 10
    for (name, have), row in zip(rows, TABLE_2021):
        _, heads, hidden, layers, tp, pp, dp, gpus, micro, batch_size = row
        assert have[:6] == [heads, hidden, layers, tp, pp, dp]
        assert have[6:10] == [tp * pp, gpus, micro, batch_size]
        assert have[11] == pytest.approx(100 * have[10] / 312, abs=1)
        assert have[12] == pytest.approx(have[10] * gpus / 1000, rel=0.02)


def test_selector():
    small = preflight("models", "--gpus", "2", "--gpu", "RTX4090-24GB").stdout
    assert re.search(r"^deepseek_v3_1b .* fits$", small, re.M)
    assert re.search(r"^deepseek_v3_50b .* does not fit$", small, re.M)
    large = preflight("models", "--gpus", "64", "--gpu", "H100-80GB").stdout
    assert len(re.findall(r"^deepseek_v3_\d+b .* fits$", large, re.M)) == 12


@pytest.mark.parametrize("name", [*HF, "deepseek_v3_20b"])
def test_name_prints_the_configuration(name, tmp_path):
    folder = "deepseek" if name.startswith("deepseek_v3") else "models"
    assert preflight("models", name).stdout == open(os.path.join(ROOT, "configs", folder, name + ".json")).read()
    option = "--deepseek" if folder == "deepseek" else "--hf"
    assert json.loads(preflight("estimate", option, name, "--megatron", "main", "--num-gpus", "64", "--format",
                                "json").stdout)["memory"]["ranks"]


@pytest.mark.parametrize("words, said", [
    (["models", "nope"], "no model 'nope'"),
    (["models", "--gpus", "3"], "go together"),
    (["models", "--gpus", "3", "--gpu", "Z80"], "'Z80' is not in the table"),
    (["models", "--megatron", "9"], "no table for '9'"),
])
def test_errors(words, said):
    run = preflight(*words)
    assert run.returncode == 2 and said in run.stderr and len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", [n for n in ("deepseek_v3_1b", "deepseek_v3_50b", "deepseek-v3", "gpt-oss-20b",
                                              "qwen3-30b-a3b", "llama-3.1-70b")])
def test_json_to_flags_to_yaml_and_back(name, tmp_path):
    folder = "deepseek" if name.startswith("deepseek_v3") else "models"
    sizes = ["--num-gpus", "64", "--pp", "2"]
    flags = preflight("convert", os.path.join(ROOT, "configs", folder, name + ".json"), "--to", "flags", *sizes).stdout
    (tmp_path / "flags.txt").write_text(flags)
    (tmp_path / "job.yaml").write_text(
        preflight("convert", str(tmp_path / "flags.txt"), "--to", "yaml", "--num-gpus", "64").stdout)
    again = preflight("convert", str(tmp_path / "job.yaml"), "--to", "flags").stdout
    # What equals Megatron's own default may be left unsaid: the job is the same.
    jobs = [report["job"] for report in batch(*({"argv": shlex.split(text), "world": 64, "megatron": "main"}
                                                for text in (flags, again)))]
    assert flags and jobs[0] == jobs[1]


def test_bf16_on_a_gpu_without_it():
    run = preflight("check", "--hf", "llama-3.2-1b", "--megatron", "main", "--gpu", "V100-32GB", "--num-gpus", "8",
                    "--", "--seq-length", "1024")
    assert "warning bf16-arch" in run.stdout
