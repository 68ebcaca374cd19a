"""The man pages: clean roff, and all that the tables have."""
import glob
import os
import subprocess

import pytest
from test_cli import BUILD, preflight

PAGES = sorted(glob.glob(os.path.join(BUILD, "*.[1-9]")))


def rendered(page):
    text = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=200", page], text=True, stdout=subprocess.PIPE,
                          check=True).stdout
    while "\b" in text:  # a bold letter is struck twice
        at = text.index("\b")
        text = text[:at - 1] + text[at + 1:]
    return text


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_pages_are_clean(page):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert lint.stdout == ""


def test_every_rule_has_its_entry():
    lines = [line.strip() for line in rendered(os.path.join(BUILD, "megatron-preflight-rules.7")).splitlines()]
    for row in preflight("rules").stdout.splitlines():
        _, severity, rule, _ = row.split(None, 3)
        assert f"{rule} ({severity})" in lines


def test_pages_are_installed_and_taken_out_again(tmp_path):
    make = ["make", "-s", "-C", os.path.join(os.path.dirname(__file__), "../.."), f"B={BUILD}", f"DESTDIR={tmp_path}",
            "prefix=/usr"]
    subprocess.run([*make, "install"], check=True, stdout=subprocess.DEVNULL)
    assert len(PAGES) >= 2
    for page in PAGES:
        name = os.path.basename(page)
        assert (tmp_path / "usr/share/man" / f"man{name[-1]}" / name).exists()
    plugin = tmp_path / "usr/lib/slurm/megatron-preflight.so"  # what install-slurm adds outside libexec
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    subprocess.run([*make, "uninstall"], check=True, stdout=subprocess.DEVNULL)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
