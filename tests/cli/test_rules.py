"""The list of the rules and the page of each."""
import json
import subprocess

import pytest
from test_cli import BUILD, ENV, preflight

LISTED = json.loads(preflight("rules", "--format", "json").stdout)


def listed(*options):
    return {line.split()[2] for line in preflight("rules", *options).stdout.splitlines()}


def test_filters():
    assert "world-divides-model" in listed("--stage", "validate") - listed("--stage", "config")
    assert "te-ce-fusion" in listed("--megatron", "main") - listed("--megatron", "0.16.0")
    by_option = listed("--option", "--tensor-model-parallel-size")
    assert "world-divides-model" in by_option and "gbs-divisible" not in by_option
    assert "cdmc-tp-cp" in listed("--option", "$CUDA_DEVICE_MAX_CONNECTIONS", "--megatron", "main")
    assert listed("--stage", "launch", "--option", "--bf16") == set()


def test_an_option_is_found_under_its_other_name():
    assert listed("--option", "--persistent-save-interval") == listed("--option", "--save-interval") != set()


@pytest.mark.parametrize("words, says", [
    (["wrld-divides-mdel"], "did you mean world-divides-model?"),
    (["gbs"], "gbs-divisible"),
    (["nothing-like-it-at-all"], "rules' lists them"),
    (["--stage", "validation"], "launch, parse, validate"),
    (["--option", "--tensor-model-paralel-size"], "did you mean --tensor-model-parallel-size?"),
    (["--megatron", "0.7.0"], "known are 0.8.0"),
    (["--megatron", "0.16.0", "te-ce-fusion"], "is not one of the release"),
    (["--format", "yaml"], "neither text nor json"),
    (["gbs-divisible", "more"], "one rule at a time"),
])
def test_wrong_words(words, says):
    run = preflight("rules", *words)
    assert run.returncode == 2 and run.stdout == "" and says in run.stderr


def test_a_page():
    text = preflight("rules", "world-divides-model").stdout
    for words in ("--tensor-model-parallel-size", "the number of ranks", "0.8.0 to main", "arguments.py:317",
                  "24 ranks cannot be split into groups of TP x PP x CP = 8 x 4 x 1 = 32", "-> go", "BASE="):
        assert words in text
    assert "arguments.py:317" in preflight("rules", "world-divides-model", "--megatron", "0.16.0").stdout


def in_a_shell(page, which):
    """The report of the line as a reader would paste it."""
    line = page["examples"][which]["command"].replace("preflight check ", "preflight check --format json ", 1)
    run = subprocess.run(["bash", "-c", f"BASE='{page['examples']['base']}'; {line}"], stdout=subprocess.PIPE, text=True,
                         env={**ENV, "PATH": f"{BUILD}:{ENV['PATH']}"})
    return json.loads(run.stdout)


def test_examples_can_be_pasted_and_answer_what_the_page_says():
    wrong = []
    for rule in sorted({row["id"] for row in LISTED}):
        page = json.loads(preflight("rules", rule, "--format", "json").stdout)
        for which in ("fails", "passes"):
            report, told = in_a_shell(page, which), page["examples"][which]
            severities = [f["severity"] for f in report["findings"] if f["id"] == rule]
            if report["verdict"] != told["verdict"] or bool(severities) != (which == "fails"):
                wrong.append((rule, which, report["verdict"], told["verdict"], severities))
    assert not wrong
