"""What audit says of audit.log, byte for byte; REWRITE=1 writes the answers anew."""
import json
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))


def audit(*words, **more):
    return subprocess.run([os.path.join(BUILD, "megatron-preflight"), "audit", *words], cwd=HERE, text=True,
                          capture_output=True, timeout=60, **more)


@pytest.mark.parametrize("form", ["text", "json"])
def test_audit(form):
    run = audit("--format", form, "audit.log")
    assert (run.returncode, run.stderr) == (0, "")
    expected = os.path.join(HERE, f"audit-{form}.out")
    if os.environ.get("REWRITE"):
        open(expected, "w").write(run.stdout)
    assert run.stdout == open(expected).read()


def test_several_logs_add_up_and_one_that_is_not_there_is_said():
    with open(os.path.join(HERE, "audit.log")) as log:
        run = audit("--format", "json", "audit.log", "/nonexistent", "-", stdin=log)
    assert run.returncode == 2
    assert run.stderr == "megatron-preflight: cannot open '/nonexistent': No such file or directory\n"
    told = json.loads(run.stdout)
    assert told["logs"] == ["audit.log", "-"]
    assert (told["decisions"], told["gpus"], told["broken"]) == (10, 1168, 10)
    assert told["rules"][0] == {"id": "world-divides-model", "decisions": 4, "users": 2, "gpus": 1152}


def test_a_line_without_end_is_bounded(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b'{"schema":1' * 500_000 + b"\n" + b"x" * 200_000)
    told = json.loads(audit("--format", "json", str(log)).stdout)
    assert (told["decisions"], told["broken"]) == (0, 2)
    assert told["broken_lines"][0]["why"] == "longer than a decision can be"


def test_bad_words():
    assert audit().returncode == 2
    assert audit("--format", "xml", "audit.log").returncode == 2
