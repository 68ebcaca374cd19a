"""Runs expand and check as an ordinary user: as root (CI) through --user nobody."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

BUILD = os.environ["BUILD"]
BINARY = os.path.join(BUILD, "megatron-preflight")


def command(subcommand, *words):
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    return [BINARY, subcommand, *user, *words]


def run(subcommand, *words, cwd=None, env=None, timeout=60):
    return subprocess.run(command(subcommand, *map(str, words)), cwd=cwd, env=env, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def expand(script, *args, cwd=None, env=None, options=()):
    done = run("expand", *options, "--format", "json", script, *args, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def directory(request, name):
    """A new one that everybody may read; pytest's own are closed to nobody."""
    path = tempfile.mkdtemp(prefix=name + "-")
    os.chmod(path, 0o755)
    request.addfinalizer(lambda: shutil.rmtree(path, ignore_errors=True))
    return pathlib.Path(path)


def readable(path):
    for parent, _, files in os.walk(path):
        os.chmod(parent, 0o755)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o755)
