"""check --all: what is looked at, baseline, budget, statuses, order."""
import json
import os
import pty
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from repository import PREFLIGHT, RECIPE, ROOT, Repository, model_config, sbatch  # noqa: E402


@pytest.fixture
def repo():
    repository = Repository()
    yield repository
    repository.remove()


def launches(run):
    return json.loads(run.stdout)["launches"]


def by_place(run):
    return {(e["path"], e["line"]): e for e in launches(run)}


def verdicts(run):
    return {e["path"]: e["report"]["verdict"] if e["report"] else "error" for e in launches(run)}


def test_every_kind_of_file_is_found_and_the_rest_is_skipped(repo):
    repo.write("jobs/good.sbatch", sbatch())
    repo.write("jobs/bad", sbatch(tp=5))  # no ending, but #!
    repo.write("tests/functional_tests/test_cases/gpt/small/model_config.yaml", model_config())
    repo.write("guide.yaml", GUIDE)
    repo.write("setup.sh", "#!/bin/sh\npip install something\n")
    repo.write("README.md", "srun python pretrain_gpt.py\n")
    repo.write("values.yaml", "a: {b: [c]}\n")
    repo.write(".hidden/bad.sbatch", sbatch(tp=5))
    os.symlink("/etc", repo.path / "linked")
    run = repo.sweep("--format", "json")
    assert run.stderr == ""
    assert verdicts(run) == {
        "guide.yaml": "go", "jobs/bad": "stop", "jobs/good.sbatch": "go",
        "tests/functional_tests/test_cases/gpt/small/model_config.yaml": "go",
    }
    assert run.returncode == 1


GUIDE = """model: {num_layers: 24, hidden_size: 1024, num_attention_heads: 16, ffn_hidden_size: 4096,
  vocab_size: 32000, max_position_embeddings: 2048}
parallelism: {tensor_model_parallel_size: 2, pipeline_model_parallel_size: 1}
training: {micro_batch_size: 1, seq_length: 2048}
infrastructure: {world_size: 8}
"""


DEEPSEEK = json.loads((ROOT / "configs/deepseek/deepseek_v3_1b.json").read_text())


def test_a_json_configuration_with_a_launch_is_one(repo):
    repo.write("small.json", json.dumps(DEEPSEEK))
    odd = {**DEEPSEEK, "distributed": {**DEEPSEEK["distributed"], "tensor_parallel_size": 5}}
    repo.write("odd.json", json.dumps(odd))
    repo.write("word.json", json.dumps({**DEEPSEEK, "distributed": {"num_gpus": "two"}}))
    repo.write("alone.json", json.dumps({"model": DEEPSEEK["model"]}))
    repo.write("config.json", '{"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32}')
    repo.write("tokenizer.json", '{"model": {"vocab": {}}, "version": "1.0"}')
    repo.write("torn.json", '{"model": {}, "distributed": {}')
    run = repo.sweep("--format", "json")
    assert run.returncode == 1 and run.stderr == ""
    assert verdicts(run) == {"small.json": "go", "odd.json": "stop", "word.json": "error"}
    faults = {e["path"]: e for e in launches(run)}
    assert "/distributed/num_gpus" in faults["word.json"]["error"]
    assert "/distributed/" in json.dumps(faults["odd.json"]["report"]["findings"])


def test_findings_stand_at_their_line(repo):
    repo.write("a.sbatch", sbatch(tp=5))
    name = "tests/functional_tests/test_cases/gpt/odd/model_config.yaml"
    text = model_config(**{"--tensor-model-parallel-size": 3})
    repo.write(name, text)
    found = by_place(repo.sweep("--format", "json"))
    assert found[("a.sbatch", 6)]["report"]["verdict"] == "stop"
    config = found[(name, 4)]
    ids = [f["id"] for f in config["report"]["findings"]]
    line = config["lines"][ids.index("tp-divides-heads")]
    assert text.splitlines()[line - 1] in ("  --tensor-model-parallel-size: 3", "  --num-attention-heads: 16")


@pytest.mark.parametrize("gpus, export, world", [
    (8, "", 16), (4, "", None), (4, "export GPUS_PER_NODE={gpus}", 8), (8, "export GPUS_PER_NODE=2", 4)])
def test_ranks_of_a_functional_test_come_from_its_recipe(repo, gpus, export, world):
    case = "tests/functional_tests/test_cases/gpt/case_a/model_config.yaml"
    repo.write(case, model_config(**{"--data-path": "${DATA_PATH}/x"}).replace("  --mock-data: true\n", ""))
    repo.write("tests/test_utils/recipes/h100/gpt.yaml",
               RECIPE.format(nodes=2, gpus=gpus, export=export.replace("{gpus}", "{{gpus}}"), case="case_a")
               .replace("{{gpus}}", "{gpus}"))
    entry, = launches(repo.sweep("--format", "json"))
    assert entry["report"]["world_size"]["value"] == world
    assert entry["report"]["job"]["data_path"] == ["/mnt/data/x"]


def test_a_functional_test_whose_values_are_not_there_cannot_be_known(repo):
    case = "tests/functional_tests/test_cases/gpt/case_a/model_config.yaml"
    repo.write(case, model_config(**{"--tokenizer-type": "${TOKENIZER}"}))
    run = repo.sweep("--format", "json")
    assert launches(run)[0]["error"].startswith("the value of --tokenizer-type, ${TOKENIZER}, is not in the file")
    assert run.returncode == 0
    assert repo.sweep("--strict").returncode == 3


def test_what_trains_no_megatron_is_skipped(repo):
    repo.write("tests/functional_tests/test_cases/gpt/i/model_config.yaml", "MODE: inference\n" + model_config())
    repo.write("tests/functional_tests/test_cases/nemo/i/model_config.yaml", "MODEL_ARGS: {trainer.max_steps: 10}\n")
    repo.write("serve.sh", "#!/bin/bash\ntorchrun --nproc-per-node 8 serve.py --num-layers 2 --hidden-size 64\n")
    repo.write("tool.sh", "#!/bin/bash\nwhich srun\n")
    run = repo.sweep("--format", "json", "--strict")
    assert launches(run) == [] and run.returncode == 0


def test_merged_mappings_lists_and_several_runs(repo):
    base = model_config().replace("MODEL_ARGS:", "BASE: &BASE")
    repo.write("tests/functional_tests/test_cases/gpt/case_a/model_config.yaml", base + (
        "MODEL_ENV_VARS: {MODEL_ARGS: {GPUS_PER_NODE: 1}, MODEL_ARGS_2: {GPUS_PER_NODE: 2}}\n"
        "MODEL_ARGS:\n  <<: *BASE\n  --global-batch-size: 2\n"
        "MODEL_ARGS_2:\n  <<: *BASE\n  --recompute-granularity: selective\n"
        "  --recompute-modules: \"[core_attn layernorm]\"\n"))
    one, two = launches(repo.sweep("--format", "json"))
    assert one["report"]["job"]["global_batch_size"] == 2
    assert two["report"]["job"]["recompute_modules"] == ["core_attn", "layernorm"]


def test_the_budget_stops_and_policy_has_one_for_each_path(repo):
    repo.write("small/a.sbatch", sbatch(nodes=2))
    repo.write("large/b.sbatch", sbatch(nodes=16))
    run = repo.sweep("--max-gpus", "64")
    assert run.returncode == 1 and "large/b.sbatch:6: stop" in run.stdout and "128 GPUs" in run.stdout
    repo.write("policy.yaml", "max_gpus: 8\npaths:\n  small/*: {max_gpus: 16}\n  large/*: {max_gpus: 128}\n")
    run = repo.sweep("--policy", "policy.yaml")
    assert run.returncode == 0, run.stdout
    repo.write("other/a.sbatch", sbatch(nodes=2))
    assert verdicts(repo.sweep("--policy", "policy.yaml", "--format", "json")) == {
        "large/b.sbatch": "go", "other/a.sbatch": "stop", "small/a.sbatch": "go"}


OPEN = {
    "arguments": "--train-iters $1",
    "template": "--tensorboard-dir $DIRECTORY",
    "variables": "--train-iters $MY_ITERATIONS",
}


@pytest.mark.parametrize("kind", OPEN)
def test_what_a_script_leaves_open_is_no_stop(repo, kind):
    repo.write("a.sbatch", sbatch(before='DIRECTORY="<one of $HOME here>"\n').rstrip("\n") + f" {OPEN[kind]}\n")
    run = repo.sweep("--format", "json")
    assert run.returncode == 0
    assert "values are missing" in launches(run)[0]["error"]
    assert repo.sweep("--strict").returncode == 3
    assert repo.sweep("--max-gpus", "8").returncode == 1, "its GPUs are known all the same"


def test_what_a_function_or_awk_takes_is_not_left_open(repo):
    repo.write("a.sbatch", sbatch(before="say() {\n  echo \"$1\"\n}\nsay x | awk '{print $1}'\n").rstrip("\n")
               + " --train-iters\n")
    assert repo.sweep().returncode == 1


def test_a_bare_srun_takes_the_allocation_of_whoever_submits(repo):
    repo.write("a.sh", "\n".join(["#!/bin/bash", *sbatch().splitlines()[4:]]) + "\n")
    entry, = launches(repo.sweep("--format", "json"))
    assert entry["report"]["world_size"]["value"] is None and entry["report"]["verdict"] == "go"


def test_the_baseline_survives_moved_lines_and_knows_nothing_new(repo):
    repo.write("a.sbatch", sbatch(tp=5))
    run = repo.sweep("--write-baseline", "known.json")
    assert run.returncode == 0
    known = json.loads((repo.path / "known.json").read_text())["known"]
    assert {row["path"] for row in known} == {"a.sbatch"} and len(known) >= 2
    repo.write("a.sbatch", sbatch(tp=5, before="# moved\n# down\n"))
    run = repo.sweep("--baseline", "known.json")
    assert run.returncode == 0 and run.stderr == "" and "not shown" in run.stdout
    repo.write("a.sbatch", sbatch(tp=7))
    assert repo.sweep("--baseline", "known.json").returncode == 1
    repo.write("a.sbatch", sbatch(tp=5) + sbatch(tp=5).splitlines()[-1] + "\n")
    assert repo.sweep("--baseline", "known.json").returncode == 1, "a second launch is not the one that is known"


def test_what_is_no_longer_there_is_said(repo):
    repo.write("a.sbatch", sbatch(tp=5))
    repo.write("b.sbatch", sbatch(tp=5))
    repo.sweep("--write-baseline", "known.json")
    repo.write("a.sbatch", sbatch())
    run = repo.sweep("--baseline", "known.json", paths=["a.sbatch"])
    assert run.returncode == 0 and "no longer there" in run.stderr
    assert "a.sbatch world-divides-model" in run.stderr and "b.sbatch" not in run.stderr, "b was not looked at"


@pytest.mark.parametrize("text, message", [
    ("", "known.json:"), ("{}", "not a baseline"), ('{"schema": 1, "known": [{}]}', "known[0]"), (None, "cannot read")])
def test_a_bad_baseline_is_bad_input(repo, text, message):
    if text is not None:
        repo.write("known.json", text)
    run = repo.sweep("--baseline", "known.json")
    assert run.returncode == 2 and message in run.stderr


@pytest.mark.parametrize("words, message", [
    (["--reports", "sarif"], "'sarif' is not FORMAT=FILE"), (["--reports", "tex=a"], "'tex' is none of text"),
    (["--reports", "sarif=/no/such/a"], "cannot write '/no/such/a'")])
def test_bad_reports_are_usage_errors(repo, words, message):
    run = repo.sweep(*words)
    assert run.returncode == 2 and message in run.stderr


def test_a_path_that_is_not_there(repo):
    run = repo.sweep(paths=["nowhere"])
    assert run.returncode == 2 and "cannot look at 'nowhere'" in run.stderr


def test_a_directory_that_is_not_looked_into_is_said(repo):
    repo.write("a.sbatch", sbatch())
    repo.write("d/" * 70 + "b.sbatch", sbatch())
    run = repo.sweep()
    assert run.returncode == 0 and "1 directory could not be read" in run.stderr
    assert repo.sweep("--strict").returncode == 3


@pytest.mark.parametrize("words, message", [
    (["--gpu", "Z80"], "'Z80' is not in the table"), (["--gpu-memory", "lots"], "'lots' is not a size"),
    (["--facts", "x"], "--facts is about one job"), (["--format", "tex"], "'tex' is none of"),
    (["--max-gpus", "0"], "'0' is not a positive number")])
def test_what_is_wrong_for_every_launch_is_a_usage_error(repo, words, message):
    repo.write("a.sbatch", sbatch())
    run = repo.sweep(*words)
    assert run.returncode == 2 and message in run.stderr and run.stdout == ""


def test_baseline_without_all_is_a_usage_error():
    run = subprocess.run([PREFLIGHT, "check", "--baseline", "x", "--", "--bf16"], capture_output=True, text=True)
    assert run.returncode == 2 and "go with --all" in run.stderr


def test_order_is_that_of_paths_whatever_is_ready_first(repo):
    for i in range(40):
        repo.write(f"jobs/{i:02}.sbatch", sbatch(tp=5 if i % 3 else 8))
    runs = [repo.sweep("--format", "json").stdout for _ in range(2)]
    assert runs[0] == runs[1]
    paths = [e["path"] for e in json.loads(runs[0])["launches"]]
    assert paths == sorted(paths) and len(paths) == 40


def test_a_hostile_file_costs_itself_only(repo):
    repo.write("a.sbatch", sbatch())
    repo.write("b/model_config.yaml", "MODEL_ARGS: {" + "a: {" * 20000)
    repo.write("c/model_config.yaml", "MODEL_ARGS:\n  --num-layers: [1, 2]\n  \x01: 2\n")
    repo.write("d.sh", "#!/bin/bash\nwhile :; do :; done\nsrun python pretrain_gpt.py\n")
    repo.write("e\x1b[31m\n::error::.sbatch", sbatch())
    began = time.time()
    run = repo.sweep("--format", "json")
    assert time.time() - began < 40
    found = verdicts(run)
    assert found["a.sbatch"] == "go" and found["b/model_config.yaml"] == "error"
    assert found["d.sh"] == "error"
    (repo.path / "d.sh").unlink()
    text = repo.sweep("--format", "github").stdout
    assert "\x1b" not in text and not any(line.startswith("::error::") for line in text.splitlines())


def test_progress_on_a_terminal_only(repo):
    for i in range(30):
        repo.write(f"{i}.sbatch", sbatch(before="for ((i = 0; i < 1000; i++)); do :; done\n"))
    assert "files" not in repo.sweep().stderr
    main, terminal = pty.openpty()
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    run = subprocess.run([PREFLIGHT, "check", "--megatron", "main", *user, "--all", "."], cwd=repo.path, stdout=subprocess.PIPE,
                         stderr=terminal, timeout=60)
    os.close(terminal)
    shown = os.read(main, 65536).decode()
    assert "of 30 files" in shown and shown.endswith("\r\x1b[K"), "and it is wiped away"
    assert run.returncode == 0
