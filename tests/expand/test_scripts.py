"""Every script of scripts/ with the launches written in it.

A line "# launch LINE: WORDS" is one launch in order, as expand prints it; "# gap LINE: TEXT" something that is
listed as not expanded, by a part of its text; "# args: WORDS" what the script is called with; "# options: ..."
ours; "# env: A=B" its environment."""
import glob
import os
import re
import shlex
import shutil

import pytest

import support

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = sorted(glob.glob(os.path.join(HERE, "scripts", "*.sh")))


def directives(text, name):
    return re.findall(rf"^# {name}(?: (\d+))?: ?(.*)$", text, re.M)


def words_of(text, name):
    return [w for _, line in directives(text, name) for w in shlex.split(line)]


@pytest.fixture(name="tree", scope="module")
def tree_of_scripts(request):
    tree = support.directory(request, "scripts")
    shutil.copytree(os.path.join(HERE, "scripts"), tree, dirs_exist_ok=True)
    support.readable(tree)
    return tree


@pytest.mark.parametrize("path", SCRIPTS, ids=os.path.basename)
def test_script(path, tree):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    env.update(w.split("=", 1) for w in words_of(text, "env"))
    name = os.path.basename(path)
    got = support.expand(name, *words_of(text, "args"), cwd=tree, env=env,
                         options=words_of(text, "options"))
    launches = [f"{l['line']}: {' '.join(l['command'])}" for l in got["launches"]]
    assert launches == [f"{line}: {words}" for line, words in directives(text, "launch")], got["unexpanded"]
    for line, part in directives(text, "gap"):
        assert any(g["line"] == int(line) and part in g["why"] for g in got["unexpanded"]), got["unexpanded"]
    if not directives(text, "gap"):
        assert got["unexpanded"] == [] and got["complete"]
