"""Reports as text, byte for byte. Each *.json names our words, the facts and the launch; the *.txt beside it is what
must be printed. REWRITE=1 writes the *.txt files anew: read the difference before committing it."""
import glob
import json
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(HERE, "*.json"))), ids=os.path.basename)
def test_report(path, tmp_path):
    case = json.load(open(path))
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(case["facts"]))
    run = subprocess.run(
        [os.path.join(BUILD, "megatron-preflight"), *case["words"], "--facts", str(facts), "--", *case["launch"].split()],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=60,
    )
    assert run.stderr == ""
    expected = path[:-5] + ".txt"
    if os.environ.get("REWRITE"):
        open(expected, "w").write(f"{run.stdout}exit {run.returncode}\n")
    assert f"{run.stdout}exit {run.returncode}\n" == open(expected).read()
