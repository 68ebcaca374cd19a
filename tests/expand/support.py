"""Runs expand and check as an ordinary user: as root (CI) through --user nobody."""
import json
import os
import subprocess

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


def readable(path):
    """nobody may read what pytest's private directories hold."""
    path = str(path)
    while path != "/":
        os.chmod(path, os.stat(path).st_mode | (0o055 if os.path.isdir(path) else 0o044))
        path = os.path.dirname(path)
        if path in ("/tmp", "/"):
            break
