"""The hooks as other systems run them: a real pre-commit, the Action's own script, the GitLab job's script."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sweep"))
from repository import BUILD, ROOT, Repository, sbatch  # noqa: E402

SUMMARY = "### megatron-preflight"


@pytest.fixture
def repo():
    repository = Repository()
    yield repository
    repository.remove()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def environment(home, **more):
    return {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": str(home), "PRE_COMMIT_HOME": f"{home}/pre-commit",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8", **more}


def run(*words, cwd, env, **more):
    return subprocess.run([str(w) for w in words], cwd=cwd, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, **more)


def git(directory, env, *words):
    done = run("git", *words, cwd=directory, env=env)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


# --- pre-commit ---------------------------------------------------------------------------------


@pytest.fixture
def hook_repository(home, tmp_path):
    """What others name as 'repo:', with the files of this tree."""
    path = tmp_path / "megatron-preflight"
    path.mkdir()
    shutil.copytree(ROOT / "hooks", path / "hooks", symlinks=True)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", path)
    env = environment(home)
    git(path, env, "init", "-q")
    git(path, env, "add", ".")
    git(path, env, "commit", "-qm", "hooks")
    return path, git(path, env, "rev-parse", "HEAD")


def test_a_commit_of_an_oversubscribed_job_is_stopped(repo, home, hook_repository):
    hooks, revision = hook_repository
    env = environment(home)
    git(repo.path, env, "init", "-q")
    repo.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [{
        "repo": str(hooks), "rev": revision,
        "hooks": [{"id": "megatron-preflight", "args": ["--megatron", "main", "--max-gpus", "64", "--all"]}]}]}))
    repo.write("good.sbatch", sbatch(nodes=8))
    repo.write("README.md", "nothing to launch\n")
    git(repo.path, env, "add", ".")
    installed = run("pre-commit", "install", cwd=repo.path, env=env)
    assert installed.returncode == 0, installed.stdout
    passed = run("git", "commit", "-qm", "good", cwd=repo.path, env=env)
    assert passed.returncode == 0 and "Passed" in passed.stdout, passed.stdout

    repo.write("big.sbatch", sbatch(nodes=9))
    git(repo.path, env, "add", ".")
    stopped = run("git", "commit", "-qm", "big", cwd=repo.path, env=env)
    assert stopped.returncode == 1, stopped.stdout
    assert "big.sbatch:6: stop" in stopped.stdout
    assert "72 GPUs" in stopped.stdout and "allows 64" in stopped.stdout
    assert "good.sbatch" not in stopped.stdout, "only what changed is looked at"
    assert git(repo.path, env, "log", "--oneline").count("\n") == 0

    everything = run("pre-commit", "run", "--all-files", cwd=repo.path, env=env)
    assert everything.returncode == 1 and "policy-max-gpus" in everything.stdout


# --- GitHub ---------------------------------------------------------------------------------------


def github(repo, home, **inputs):
    """As the runner starts the action's step: the inputs through its env, the files it names."""
    action = yaml.safe_load((ROOT / "hooks/action.yml").read_text())
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "check")
    values = {name: given["default"] for name, given in action["inputs"].items()}
    values.update({name.replace("_", "-"): value for name, value in inputs.items()})
    assert set(inputs) <= {n.replace("-", "_") for n in action["inputs"]}
    env = environment(home, GITHUB_ACTIONS="true", GITHUB_ACTION_PATH=str(ROOT / "hooks"),
                      GITHUB_STEP_SUMMARY=str(repo.path / "summary"), GITHUB_OUTPUT=str(repo.path / "output"))
    for name, text in step["env"].items():
        assert text.startswith("${{ inputs.") and text.endswith(" }}")
        env[name] = values[text[len("${{ inputs."):-len(" }}")]]
    (repo.path / "summary").write_text("before\n")
    done = run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=repo.path, env=env)
    outputs = dict(line.split("=", 1) for line in (repo.path / "output").read_text().splitlines())
    assert set(outputs) == set(action["outputs"])
    return done, outputs, (repo.path / "summary").read_text()


def test_the_action_stops_an_oversubscribed_job(repo, home):
    repo.write("jobs/good.sbatch", sbatch(nodes=8))
    repo.write("jobs/big.sbatch", sbatch(nodes=16))
    done, outputs, summary = github(repo, home, max_gpus="64", megatron="main", paths="jobs")
    assert done.returncode == 1
    assert "::error file=jobs/big.sbatch,line=6,title=megatron-preflight policy-max-gpus::128 GPUs" in done.stdout
    assert outputs == {"verdict": "stop", "sarif": "megatron-preflight.sarif"}
    assert summary.startswith("before\n" + SUMMARY) and "jobs/big.sbatch:6" in summary
    assert json.loads((repo.path / outputs["sarif"]).read_text())["runs"][0]["results"]


def test_the_action_lets_a_good_repository_pass(repo, home):
    repo.write("jobs/good.sbatch", sbatch(nodes=8))
    done, outputs, summary = github(repo, home, max_gpus="64", megatron="main")
    assert done.returncode == 0, done.stdout
    assert outputs["verdict"] == "go" and "::error" not in done.stdout and SUMMARY in summary


def test_the_actions_inputs_reach_the_program(repo, home):
    repo.write("a/big.sbatch", sbatch(nodes=16))
    repo.write("b c/good.sbatch", sbatch())
    repo.write("policy.yaml", "paths: {'a/*': {max_gpus: 8}}\n")
    done, outputs, _ = github(repo, home, megatron="main", policy="policy.yaml")
    assert done.returncode == 1 and "allows 8" in done.stdout
    repo.sweep("--policy", "policy.yaml", "--write-baseline", "known.json")
    done, outputs, _ = github(repo, home, megatron="main", policy="policy.yaml", baseline="known.json")
    assert done.returncode == 0, done.stdout
    done, outputs, _ = github(repo, home, megatron="none.such")
    assert done.returncode == 2 and outputs["verdict"] == "error" and "no table for" in done.stdout
    repo.write("tests/functional_tests/test_cases/gpt/a/model_config.yaml", "MODEL_ARGS: {--num-layers: '${N}'}\n")
    done, outputs, _ = github(repo, home, megatron="main", strict="true", paths="tests")
    assert done.returncode == 3 and outputs["verdict"] == "unknown"


# --- GitLab ---------------------------------------------------------------------------------------


def gitlab(repo, home, **variables):
    job = yaml.safe_load((ROOT / "hooks/gitlab-ci.yml").read_text())["megatron-preflight"]
    env = environment(home, GITLAB_CI="true", **{**job["variables"], **variables})
    done = run("sh", "-ec", "\n".join(job["script"]), cwd=repo.path, env=env)
    reports = job["artifacts"]["reports"]
    return done, json.loads((repo.path / reports["codequality"]).read_text()), (repo.path / reports["junit"]).read_text()


def test_the_gitlab_job(repo, home):
    repo.write("jobs/big.sbatch", sbatch(nodes=16))
    done, issues, junit = gitlab(repo, home, PREFLIGHT_MAX_GPUS="64", PREFLIGHT_OPTIONS="--megatron main")
    assert done.returncode == 1
    assert [(i["check_name"], i["location"]["path"]) for i in issues] == [("policy-max-gpus", "jobs/big.sbatch")]
    assert "<failure>" in junit
    done, issues, junit = gitlab(repo, home, PREFLIGHT_MAX_GPUS="128", PREFLIGHT_OPTIONS="--megatron main")
    assert done.returncode == 0 and issues == [] and "<failure>" not in junit


# --- shims ----------------------------------------------------------------------------------------


def shimmed(tmp_path, home, *words, **more):
    real = tmp_path / "real"
    real.mkdir(exist_ok=True)
    (real / "torchrun").write_text('#!/bin/sh\nfor w; do printf "[%s]" "$w"; done\nexit 7\n')
    (real / "torchrun").chmod(0o755)
    env = environment(home, **more)
    env["PATH"] = f"{ROOT}/hooks/shims:{real}:{env['PATH']}"
    return run("torchrun", *words, cwd=tmp_path, env=env)


JOB = sbatch().splitlines()[-1].split("srun python ")[1].split()
GOOD = ["--nproc-per-node", "8", *JOB]


def test_a_shim_becomes_the_launcher(tmp_path, home):
    done = shimmed(tmp_path, home, *GOOD, "--exp-name", "a b", CUDA_DEVICE_MAX_CONNECTIONS="1")
    assert done.returncode == 7 and "[--exp-name][a b]" in done.stdout, done.stdout


def test_a_shim_stops_what_cannot_run(tmp_path, home):
    bad = [*GOOD, "--tensor-model-parallel-size", "3"]
    done = shimmed(tmp_path, home, *bad)
    assert done.returncode == 78 and "[--nproc-per-node]" not in done.stdout
    for switch in ({"MEGATRON_PREFLIGHT": "off"}, {"MEGATRON_PREFLIGHT_SHIM": "srun"}):
        assert shimmed(tmp_path, home, *bad, **switch).returncode == 7, "switched off, or checked before"


def test_a_shim_without_a_launcher_or_without_the_program(tmp_path, home):
    shims = ROOT / "hooks/shims"
    env = environment(home)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/srun").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "bin/srun").chmod(0o755)
    env["PATH"] = f"{shims}:{tmp_path}/bin:/usr/bin:/bin"
    assert run("srun", "x", cwd=tmp_path, env=env).returncode == 5, "megatron-preflight is not installed here"
    env["PATH"] = f"{shims}:{tmp_path}/none"
    done = run("/bin/sh", shims / "torchrun", cwd=tmp_path, env=env)
    assert done.returncode == 127 and "torchrun: not on PATH" in done.stdout
