"""The command line of megatron-preflight: help, exit statuses, streams, bad input."""
import json
import os
import subprocess

import jsonschema
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
PREFLIGHT = os.path.join(BUILD, "megatron-preflight")
SCHEMA = jsonschema.Draft202012Validator(
    json.load(open(os.path.join(ROOT, "configs/schema/report-1.json")))
)

LLAMA_70B = (
    "--num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 --num-attention-heads 64 "
    "--group-query-attention --num-query-groups 8 --seq-length 4096 --max-position-embeddings 4096 "
    "--tokenizer-type NullTokenizer --vocab-size 128256 --normalization RMSNorm "
    "--position-embedding-type rope --swiglu --disable-bias-linear "
    "--untie-embeddings-and-output-weights --attention-dropout 0 --hidden-dropout 0 "
    "--micro-batch-size 1 --global-batch-size 128 --train-iters 100 --lr 1e-4 --bf16 --mock-data "
    "--eval-interval 1000 --tensor-model-parallel-size 8 --pipeline-model-parallel-size 4 "
    "--sequence-parallel --use-distributed-optimizer"
).split()
ENV = {"PATH": os.environ["PATH"], "CUDA_DEVICE_MAX_CONNECTIONS": "1"}


def preflight(*words, env=None, stdin=None, cwd=None):
    return subprocess.run(
        [PREFLIGHT, *words], env={**ENV, **(env or {})}, input=stdin, cwd=cwd,
        capture_output=True, text=True, timeout=60,
    )


def check_llama(*words, options=()):
    return preflight("check", "--megatron", "main", "--gpu", "H100-80GB", "--world-size", "64",
                     *options, "--", *LLAMA_70B, *words)


def batch(*records):
    lines = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records)
    run = preflight("check", "--batch", "-", stdin=lines)
    assert run.returncode == 0, run.stderr
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    for report in reports:
        SCHEMA.validate(report)
    assert len(reports) == len(records)
    return reports


@pytest.mark.parametrize("command", ["run", "check", "estimate", "rules", "version"])
def test_help_of_every_subcommand(command):
    run = preflight(command, "--help")
    assert run.returncode == 0
    assert run.stderr == ""
    assert run.stdout.startswith("Usage: megatron-preflight " + command)


def test_help_names_every_subcommand_and_status():
    text = preflight("--help").stdout
    for word in ("run", "check", "estimate", "rules", "version", "78", "75", "125", "126", "127"):
        assert word in text


@pytest.mark.parametrize(
    "words, status, message",
    [
        ([], 125, "no command given"),
        (["--no-such-option", "true"], 125, "unrecognized option"),
        (["--mode", "loud", "true"], 125, "--mode: 'loud' is none of: enforce warn observe off"),
        (["--timeout", "soon", "true"], 125, "--timeout: 'soon' is not a number of seconds"),
        (["check"], 2, "nothing to check"),
        (["check", "--world-size", "0", "--", "--bf16"], 2, "'0' is not a positive number"),
        (["check", "--tp", "99999999999999999999", "--", "--bf16"], 2, "is not a number up to 67108864"),
        (["check", "--gpu-memory", "79", "--", "--bf16"], 2, "'79' has no unit"),
        (["check", "--facts", "/", "--", "--bf16"], 2, "cannot read '/': Is a directory"),
        (["check", "--config", "/"], 2, "cannot read '/': Is a directory"),
        (["check", "--batch", "/"], 2, "cannot read '/': Is a directory"),
        (["check", "--all", __file__, "--baseline", "/"], 2, "cannot read baseline '/': Is a directory"),
        (["expand", "/nonexistent"], 2, "/nonexistent: No such file or directory"),
        (["check", "--config", "x", "--hf", "x"], 2, "--config and --hf: one at a time"),
        (["check", "--saved", "x", "--batch", "x"], 2, "--batch and --saved: one at a time"),
        (["check", "--batch", os.devnull, "torchrun"], 2, "--batch takes the place of a command: 'torchrun'"),
        (["check", "--format", "xml", "--", "--bf16"], 2, "'xml' is none of text, json, sarif"),
        (["check", "--megatron", "0.1", "--", "--bf16"], 2, "no table for '0.1'"),
        (["check", "--gpu", "Z80", "--", "--bf16"], 2, "'Z80' is not in the table"),
        (["check", "--gpu-memory", "lots", "--", "--bf16"], 2, "'lots' is not a size"),
        (["check", "--policy", "/nonexistent", "--", "--bf16"], 2, "cannot read policy"),
        (["check", "--facts", "/nonexistent", "--", "--bf16"], 2, "/nonexistent"),
        (["check", "--batch", "/nonexistent"], 2, "cannot open '/nonexistent'"),
        (["rules", "no-such-rule"], 2, "no rule 'no-such-rule'"),
    ],
)
def test_usage_errors(words, status, message):
    run = preflight(*words)
    assert run.returncode == status
    assert message in run.stderr
    assert run.stdout == ""


def test_version():
    run = preflight("version")
    assert run.returncode == 0
    assert preflight("--version").stdout == run.stdout
    assert "0.16.0" in run.stdout and "main" in run.stdout


def test_go_is_one_line_of_stderr_and_stdout_is_the_jobs():
    run = preflight("echo", "hello")
    assert (run.returncode, run.stdout) == (0, "hello\n")
    assert len(run.stderr.splitlines()) == 1


def test_run_dash_dash_forces_a_command_named_like_a_subcommand(tmp_path):
    tool = tmp_path / "check"
    tool.write_text("#!/bin/sh\necho my own check\n")
    tool.chmod(0o755)
    run = preflight("run", "--", "check", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert run.stdout == "my own check\n"


@pytest.mark.parametrize(
    "command, status", [(["sh", "-c", "exit 5"], 5), (["/nonexistent"], 127), (["/etc/passwd"], 126)]
)
def test_status_is_the_jobs(command, status):
    assert preflight(*command).returncode == status


def test_mode_off_says_nothing():
    run = preflight("echo", "hello", env={"MEGATRON_PREFLIGHT": "off"})
    assert (run.returncode, run.stdout, run.stderr) == (0, "hello\n", "")


def test_check_goes():
    run = check_llama()
    assert run.returncode == 0, run.stdout
    assert run.stderr == ""
    assert run.stdout.startswith("megatron-preflight: go; Megatron main, 64 ranks")


def test_check_stops_with_a_fix_that_goes():
    run = check_llama("--tensor-model-parallel-size", "1", "--pipeline-model-parallel-size", "1",
                      options=["--format", "json"])
    report = json.loads(run.stdout)
    SCHEMA.validate(report)
    assert (run.returncode, report["verdict"], report["exit_status"]) == (1, "stop", 1)
    assert report["fixes"]
    for fix in report["fixes"]:
        again = batch({"argv": fix["argv"], "world": fix["world"], "megatron": "main",
                       "gpu": "H100-80GB", "env": {"CUDA_DEVICE_MAX_CONNECTIONS": "1", **fix["env"]}})
        assert again[0]["verdict"] != "stop", again[0]["findings"]


def test_text_of_a_stop_shows_the_guilty_words():
    run = check_llama("--global-batch-size", "13")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert lines[0].startswith("megatron-preflight: stop: 1 error")
    caret = next(i for i, line in enumerate(lines) if "^^^^" in line)
    assert "--global-batch-size 13" in lines[caret - 1]
    assert len(lines) <= 40


def test_control_bytes_do_not_reach_the_terminal():
    run = check_llama("--bad\033[31moption")
    assert "\033" not in run.stdout + run.stderr


def test_no_colour_without_a_terminal_and_colour_on_demand():
    assert "\033" not in check_llama().stdout
    assert "\033" in check_llama(options=["--color", "always"]).stdout


def test_batch_answers_every_record_in_order():
    reports = batch(
        {"id": "good", "argv": LLAMA_70B, "world": 64, "megatron": "main"},
        "{",
        "[]",
        {"id": "both", "argv": [], "command": []},
        {"id": "typo", "argv": [], "wrold": 8},
        {"id": "types", "argv": ["--bf16", 1]},
        {"id": "release", "argv": [], "megatron": "0.1"},
        {"id": "bad", "argv": [*LLAMA_70B, "--global-batch-size", "13"], "world": 64,
         "megatron": "main"},
    )
    assert [r["id"] for r in reports] == ["good", None, None, "both", "typo", "types", "release",
                                          "bad"]
    assert [bool(r["error"]) for r in reports] == [False] + [True] * 6 + [False]
    assert [r["verdict"] for r in reports][::7] == ["go", "stop"]
    assert [r["exit_status"] for r in reports] == [0, 2, 2, 2, 2, 2, 2, 1]
    assert reports[0]["job"]["data_parallel_size"] == 2
    assert reports[0]["world_size"]["value"] == 64


def test_unknown_world_never_stops():
    report = batch({"argv": LLAMA_70B, "megatron": "main"})[0]
    assert report["world_size"]["value"] is None
    assert report["verdict"] == "go", report["findings"]


def test_unknown_release_stops_only_where_every_release_stops():
    every, some = batch(
        {"argv": [*LLAMA_70B, "--global-batch-size", "13"], "world": 64},
        {"argv": [*LLAMA_70B, "--cross-entropy-loss-fusion", "--cross-entropy-fusion-impl", "te"],
         "world": 64, "env": {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}},
    )
    assert every["verdict"] == "stop"
    assert every["megatron"]["release"] is None
    assert some["verdict"] != "stop"
    assert any("te-ce-fusion" == f["id"] and f["severity"] == "note" for f in some["findings"])


def test_policy_severity_and_mode(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("severity:\n  gbs-divisible: warning\n")
    run = check_llama("--global-batch-size", "13", options=["--policy", str(policy)])
    assert run.returncode in (0, 1)
    assert "error gbs-divisible" not in run.stdout
    assert check_llama("--global-batch-size", "13", options=["--mode", "warn"]).returncode == 0


def test_rules_are_listed_and_explained():
    listed = preflight("rules").stdout.splitlines()
    assert len(listed) > 100
    identifiers = {line.split()[2] for line in listed}
    assert {"world-divides-model", "memory-exceeds-device"} <= identifiers
    text = preflight("rules", "world-divides-model").stdout
    assert "--tensor-model-parallel-size" in text


def test_every_fix_goes_when_it_is_walked_again():
    wrong = [
        ["--global-batch-size", "13"], ["--pipeline-model-parallel-size", "3"], ["--seq-length", "4097"],
        ["--tensor-model-parallel-size", "3"], ["--num-query-groups", "3"], ["--overlap-param-gather", "--num-layers", "8"],
        ["--recompute-granularity", "full"], ["--tensor-model-parallel-size", "1"], ["--micro-batch-size", "64"],
        ["--num-experts", "8", "--expert-model-parallel-size", "3"], ["--mtp-num-layers", "1", "--position-embedding-type",
                                                                     "learned_absolute"],
        ["--use-precision-aware-optimizer", "--exp-avg-dtype", "bf16", "--tensor-model-parallel-size", "5"],
    ]
    env = {"CUDA_DEVICE_MAX_CONNECTIONS": "1"}
    facts = {"megatron": "main", "gpu": "H100-80GB", "world": 64}
    reports = batch(*({"argv": LLAMA_70B + words, "env": env, **facts} for words in wrong))
    fixes = [fix for report in reports for fix in report["fixes"]]
    assert sum(bool(report["fixes"]) for report in reports if report["verdict"] == "stop") >= 8
    again = batch(*({"argv": fix["argv"], "env": {**env, **fix["env"]}, **facts, "world": fix["world"]} for fix in fixes))
    for report in again:
        assert report["verdict"] != "stop", report["findings"]


def test_a_report_is_not_mixed_with_what_a_closed_output_would_have_got(tmp_path):
    script = f'exec "{PREFLIGHT}" check --all "$0" --reports json="$1" >&-'
    subprocess.run(["sh", "-c", script, __file__, tmp_path / "report.json"], check=True)
    json.loads((tmp_path / "report.json").read_text())


def test_a_job_finds_its_output_closed_as_it_was():
    script = f'exec "{PREFLIGHT}" --mode off sh -c "echo 2>/dev/null || exit 7" >&-'
    assert subprocess.run(["sh", "-c", script]).returncode == 7


def test_a_listing_that_cannot_be_written_is_said():
    with open("/dev/full", "w") as full:
        run = subprocess.run([PREFLIGHT, "rules"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 2
    assert "cannot write to the standard output" in run.stderr
