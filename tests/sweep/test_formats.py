"""Every format against its schema, and what others wrote inside it."""
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import jsonschema
import pytest

sys.path.insert(0, os.path.dirname(__file__))
from repository import PREFLIGHT, ROOT, Repository, sbatch  # noqa: E402

DATA = ROOT / "tests/data/ci"
SARIF = jsonschema.Draft202012Validator(json.loads((DATA / "sarif-2.1.0.json").read_text()))

# A file's name and an option's value with everything that some format takes for its own.
NASTY = "a %0A,:|<b>&'\"`*_[x](y)@all##[error]x\x1b[31m\u202e\x07"


@pytest.fixture(scope="module")
def repo():
    repository = Repository()
    repository.write("jobs/good.sbatch", sbatch())
    repository.write("jobs/odd.sbatch", sbatch(tp=5))
    repository.write(f"jobs/{NASTY}.sbatch", sbatch(tp=5))
    repository.write("jobs/value.sbatch", sbatch(before="V=$'\\x1b]8;;\\n::error::x ]] &amp; |'\n").rstrip("\n")
                     + ' --normalization "$V"\n')
    repository.write("jobs/unknown.sbatch", "#!/bin/bash\nsrun deepspeed train.py --deepspeed x\ntorchrun\n")
    repository.write("tests/functional_tests/test_cases/gpt/a/model_config.yaml",
                     "MODEL_ARGS:\n  --num-layers: ${LAYERS}\n")
    yield repository
    repository.remove()


@pytest.fixture(scope="module")
def reports(repo):
    formats = ("text", "json", "sarif", "junit", "github", "gitlab", "markdown", "html")
    run = repo.sweep("--reports", ",".join(f"{f}=out.{f}" for f in formats))
    assert run.returncode == 1, run.stderr
    texts = {f: (repo.path / f"out.{f}").read_text() for f in formats}
    assert run.stdout == texts["text"]
    for f in formats:
        assert repo.sweep("--format", f).stdout == texts[f], "the same bytes again"
    return texts


def no_control(text):
    return not re.search("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_no_format_lets_control_characters_through(reports):
    for name in ("text", "junit", "github", "markdown", "html"):
        assert no_control(reports[name]), name
    for name in ("json", "sarif", "gitlab"):
        assert "\x1b" not in reports[name] and "\x07" not in reports[name], name


def test_sarif_keeps_to_its_schema(reports):
    log = json.loads(reports["sarif"])
    SARIF.validate(log)
    run, = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["results"] and len({r["id"] for r in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        location, = result["locations"]
        place = location["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        assert re.fullmatch(r"[A-Za-z0-9/._%-]+", place["artifactLocation"]["uri"])
    prints = [r["partialFingerprints"]["megatronPreflight/v1"] for r in run["results"]]
    assert len(set(prints)) == len(prints)
    for rule in rules:
        assert rule["help"]["text"] and rule["shortDescription"]["text"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert any("LAYERS" in n["message"]["text"] for n in notes)


def test_sarif_of_nothing_is_sarif(tmp_path):
    run = subprocess.run([PREFLIGHT, "check", "--format", "sarif", "--all", tmp_path], capture_output=True, text=True)
    log = json.loads(run.stdout)
    SARIF.validate(log)
    assert run.returncode == 0 and log["runs"][0]["results"] == []


def test_the_schema_says_no_to_what_is_no_sarif(reports):
    log = json.loads(reports["sarif"])
    log["runs"][0]["results"][0]["levle"] = "error"
    assert not SARIF.is_valid(log)


def test_known_findings_are_suppressed_in_sarif(repo):
    repo.sweep("--write-baseline", "known.json")
    run = repo.sweep("--baseline", "known.json", "--format", "sarif")
    log = json.loads(run.stdout)
    SARIF.validate(log)
    assert run.returncode == 0
    assert all(r["suppressions"][0]["kind"] == "external" for r in log["runs"][0]["results"])
    assert log["runs"][0]["results"]


def test_junit_keeps_to_its_schema(reports, tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(reports["junit"])
    run = subprocess.run(["xmllint", "--noout", "--schema", DATA / "junit-10.xsd", path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    suite = xml.etree.ElementTree.parse(path).getroot().find("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases)
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) >= 3
    assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped")) >= 1
    for case in cases:
        assert len(case) == 1, "never a failure and an error"
        assert case[0].text.strip(), "GitLab shows the body only"


COMMAND = re.compile(r"::(error|warning|notice) file=([^,:]*),line=(\d+),title=([^,:]*)::(.*)")


def unescape(text):
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_github_annotations(reports):
    lines = reports["github"].splitlines()
    commands = [line for line in lines if line.startswith("::")]
    plain = [line for line in lines if not line.startswith("::")]
    parsed = [COMMAND.fullmatch(line) for line in commands]
    assert all(parsed) and parsed
    assert not any("##[" in line or line.lstrip().startswith("::") for line in plain)
    files = {unescape(m[2]) for m in parsed}
    assert "jobs/odd.sbatch" in files and any("%0A,:" in f for f in files)
    for match in parsed:
        message = unescape(match[5]).split("\n")[0]
        assert any(message[:40].replace("##[", "# #[") in line for line in plain), "listed plainly, too"


def test_github_shows_ten_of_a_level_and_lists_all():
    repository = Repository()
    try:
        for i in range(12):
            repository.write(f"{i:02}.sbatch", sbatch(tp=5))
        text = repository.sweep("--format", "github").stdout
    finally:
        repository.remove()
    assert text.count("::error ") == 10
    assert text.count("  error world-divides-model") == 12


def test_gitlab_code_quality(reports):
    issues = json.loads(reports["gitlab"])
    assert issues
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1
        assert not issue["location"]["path"].startswith(("/", "./"))
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)


def test_markdown_is_one_table(reports):
    rows = [line for line in reports["markdown"].splitlines() if line.startswith("|")]
    for row in rows[2:]:
        assert len(re.findall(r"(?<!\\)\|", row)) == 3, row
        bare = row.replace("<br>", "")
        assert "<" not in bare and "@" not in bare
    assert len(rows) >= 2 + 4


class Page(html.parser.HTMLParser):
    """Every element closed in its place, and only those that the page itself has."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        assert not {name for name, _ in attributes} & {"src", "href"} and not any(n.startswith("on") for n, _ in attributes)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_one_page_that_needs_nothing_else(reports):
    page = Page()
    page.feed(reports["html"])
    assert page.open == []
    assert page.seen <= {"html", "head", "meta", "title", "style", "body", "h1", "details", "summary", "div", "span", "code",
                         "ul", "li", "b", "br", "p", "table", "caption", "thead", "tbody", "tr", "th", "td", "sup"}
    assert "<table>" in reports["html"] and "url(" not in reports["html"]


def test_one_command_line_has_every_format():
    for name in ("sarif", "junit", "github", "gitlab", "markdown", "html"):
        run = subprocess.run([PREFLIGHT, "check", "--megatron", "main", "--world-size", "7", "--format", name, "--",
                              *"--num-layers 2 --hidden-size 64 --num-attention-heads 3".split()],
                             capture_output=True, text=True)
        assert run.returncode == 1 and "pretrain_gpt.py" in run.stdout.replace("\\_", "_"), name


def test_every_format_is_in_the_help():
    text = subprocess.run([PREFLIGHT, "check", "--help"], capture_output=True, text=True).stdout
    for name in ("text", "json", "sarif", "junit", "github", "gitlab", "markdown", "html"):
        assert name in text
