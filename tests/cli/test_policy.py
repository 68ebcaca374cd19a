"""The site's policy: layers, locks, what a broken file does, --explain-policy."""
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
# As the program itself, but with the site's directory where the test says.
SITE_PREFLIGHT = os.path.join(BUILD, "tests/site/megatron-preflight")
PREFLIGHT = os.path.join(BUILD, "megatron-preflight")
TRAINER = ("--num-layers 24 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 "
           "--max-position-embeddings 2048 --position-embedding-type rope --micro-batch-size 1 --bf16 "
           "--train-iters 10 --eval-interval 10 --lr 1e-4 --mock-data --tokenizer-type NullTokenizer "
           "--vocab-size 32000").split()
BAD = [*TRAINER, "--global-batch-size", "13"]


class Site:
    def __init__(self, path):
        self.path = path
        (path / "policy.d").mkdir(parents=True)

    def write(self, text, name="policy.yaml"):
        (self.path / name).write_text(text)
        return self

    def run(self, *words, env=None, cwd=None):
        return subprocess.run(
            [SITE_PREFLIGHT, *words], capture_output=True, text=True, timeout=60, cwd=cwd,
            env={"PATH": os.environ["PATH"], "CUDA_DEVICE_MAX_CONNECTIONS": "1",
                 "TEST_SITE_DIRECTORY": str(self.path), **(env or {})})

    def check(self, *options, trainer=BAD, **more):
        return self.run("check", "--megatron", "main", "--world-size", "8", *options, "--", *trainer, **more)

    def start(self, *options, trainer=BAD, **more):
        """A job: the trainer's options behind a script that says that it started."""
        script = self.path / "pretrain_gpt.py"
        if not script.exists():
            script.write_text("#!/bin/sh\necho started\nexit 7\n")
            script.chmod(0o755)
        return self.run("--megatron", "main", "--world-size", "8", *options, str(script), *trainer, **more)

    def value(self, key, *options, **more):
        """Value and origin of a key as --explain-policy says them."""
        for line in self.run("--explain-policy", *options, **more).stdout.splitlines():
            if line.split()[0] == key:
                return " ".join(line.split()[1:])
        return None


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


def test_files_are_read_in_order_and_the_later_wins(site, tmp_path):
    site.write("mode: enforce\nheadroom: 0.7\ntimeout: 5\n")
    site.write("headroom: 0.75\ntimeout: 6\n", "policy.d/10-a.yaml")
    site.write("timeout: 7\n", "policy.d/9-b.yaml")
    site.write("timeout: 8\n", "policy.d/README")
    site.write("timeout: 9\n", "policy.d/.hidden.yaml")
    mine = tmp_path / "mine.yaml"
    mine.write_text("mode: warn\n")
    assert site.value("timeout") == f"7 {site.path}/policy.d/9-b.yaml:1"
    assert site.value("headroom") == f"0.75 {site.path}/policy.d/10-a.yaml:1"
    assert site.value("mode") == f"enforce {site.path}/policy.yaml:1"
    assert site.value("mode", "--policy", str(mine)) == f"warn {mine}:1"
    assert site.value("mode", env={"MEGATRON_PREFLIGHT_POLICY": str(mine)}) == f"warn {mine}:1"
    assert site.value("mode", "--policy", str(mine), "--mode", "observe") == "observe --mode"
    assert site.value("mode", env={"MEGATRON_PREFLIGHT": "off"}) == "off MEGATRON_PREFLIGHT"


def test_the_sites_policy_holds(site):
    assert site.check().returncode == 1
    site.write("mode: warn\n")
    assert site.check().returncode == 0
    run = site.start()
    assert (run.returncode, run.stdout) == (7, "started\n")


@pytest.mark.parametrize("loosen", ["env-off", "env-policy", "flag", "file", "directory", "facts"])
def test_a_locked_mode_cannot_be_loosened(site, tmp_path, loosen):
    site.write("locked: [mode, severity, bypass, facts]\n")
    mine = tmp_path / "mine"
    (mine / "policy.d").mkdir(parents=True)
    (mine / "policy.yaml").write_text("mode: 'off'\nlocked: []\nbypass: {users: [root]}\n"
                                      "severity: {gbs-divisible: ignore}\n")
    (tmp_path / "facts.json").write_text('{"places_gone": "gbs-divisible", "megatron_changed": "x"}')
    options, env = {
        "env-off": ([], {"MEGATRON_PREFLIGHT": "off"}),
        "env-policy": ([], {"MEGATRON_PREFLIGHT_POLICY": str(mine / "policy.yaml")}),
        "flag": (["--mode", "off"], {}),
        "file": (["--policy", str(mine / "policy.yaml")], {}),
        "directory": (["--policy", str(mine)], {}),
        "facts": (["--facts", str(tmp_path / "facts.json")], {}),
    }[loosen]
    run = site.start(*options, env=env)
    assert (run.returncode, run.stdout) == (78, ""), run.stderr
    warnings = [line for line in run.stderr.splitlines() if "warning: locked" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"megatron-preflight: warning: locked by {site.path}/policy.yaml:1 and ignored: ")


def test_a_locked_key_can_be_made_stricter(site):
    site.write("mode: observe\nlocked: [mode, max_gpus]\nmax_gpus: 64\n")
    run = site.check("--mode", "enforce")
    assert run.returncode == 1
    assert "locked" not in run.stderr
    assert site.value("max_gpus", "--max-gpus", "8") == "8 --max-gpus locked"
    assert site.value("max_gpus", "--max-gpus", "128").startswith("64 ")


def test_a_file_of_the_site_that_cannot_be_read_is_left_out(site):
    site.write("locked: [mode]\n")
    site.write("headroom: much\n", "policy.d/50.yaml")
    fault = f"{site.path}/policy.d/50.yaml:1:11: headroom: 'much' is not a number"
    run = site.start("--mode", "off")
    assert run.returncode == 78
    assert f"warning: left out: {fault}" in run.stderr
    run = site.start("--mode", "off", trainer=TRAINER)
    assert (run.returncode, run.stdout) == (7, "started\n")
    run = site.check(trainer=TRAINER)
    assert (run.returncode, run.stdout) == (2, "")
    assert fault in run.stderr


def test_a_broken_policy_blocks_where_the_rest_of_it_says_so(site):
    site.write("on_error: block\n")
    site.write("moode: off\n", "policy.d/50.yaml")
    run = site.start(trainer=TRAINER)
    assert (run.returncode, run.stdout) == (75, "")
    assert "50.yaml:1:1: unknown key 'moode'" in run.stderr


@pytest.mark.parametrize("how", ["directory", "fifo", "dangling", "huge"])
def test_odd_files_stop_nothing(site, how):
    path = site.path / "policy.yaml"
    if how == "directory":
        path.mkdir()
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "dangling":
        path.symlink_to("/nonexistent/policy.yaml")
    else:
        path.write_text("#" * (2 << 20))
    run = site.start(trainer=TRAINER)
    assert (run.returncode, run.stdout) == (7, "started\n")
    assert f"warning: left out: cannot read policy '{path}'" in run.stderr


def test_batch_and_facts_do_not_depend_on_the_site(site, tmp_path):
    site.write("mode: off\nseverity: {gbs-divisible: ignore}\n")
    records = tmp_path / "records"
    records.write_text(json.dumps({"argv": BAD, "world": 8, "megatron": "main"}) + "\n")
    facts = tmp_path / "facts.json"
    facts.write_text("{}")
    here = site.run("check", "--batch", str(records)).stdout
    there = subprocess.run([PREFLIGHT, "check", "--batch", str(records)], capture_output=True, text=True,
                           check=True).stdout
    assert json.loads(here)["verdict"] == "stop"
    assert here == there
    assert site.check("--facts", str(facts)).returncode == 1
    assert site.check().returncode == 0


def test_a_directory_can_be_tried_before_it_is_installed(site, tmp_path):
    site.write("mode: warn\nlocked: [mode]\n").write("mode: enforce\n", "policy.d/10.yaml")
    run = subprocess.run([PREFLIGHT, "--explain-policy", "--policy", str(site.path), "--mode", "off"],
                         capture_output=True, text=True, check=True)
    assert f"enforce                  {site.path}/policy.d/10.yaml:1  locked" in run.stdout
    assert f"locked by {site.path}/policy.yaml:2 and ignored: mode (--mode)" in run.stderr


def test_explain_policy_names_every_key_and_starts_nothing(site, tmp_path):
    site.write("required_options: [--no-such-option]\npaths: {'*/team/*': {max_gpus: 16}}\n"
               "severity: {memory-near-limit: ignore}\n")
    (tmp_path / "team" / "a").mkdir(parents=True)
    run = site.run("--explain-policy", "touch", str(tmp_path / "touched"))
    assert run.returncode == 0
    assert not (tmp_path / "touched").exists()
    for key in ("mode", "headroom", "locked", "log", "bypass", "max_gpus", "world_size_rule"):
        assert any(line.startswith(key + " ") for line in run.stdout.splitlines())
    assert "memory-near-limit: ignore" in run.stdout
    assert "no release of Megatron-LM has '--no-such-option'" in run.stdout
    run = site.run("check", "--explain-policy", "true", cwd=tmp_path / "team" / "a")
    assert f"max_gpus           16                       {site.path}/policy.yaml:2" in run.stdout


# --- decisions: bypass, observe, the log


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_bypass_lets_go_in_one_line_and_is_logged(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"bypass: {{users: ['{os.getuid()}']}}\nlog: {log}\nlocked: [mode, bypass, log]\n")
    run = site.start()
    assert (run.returncode, run.stdout) == (7, "started\n")
    assert len(run.stderr.splitlines()) == 1
    assert f"let go: user '{os.getuid()}' is in bypass ({site.path}/policy.yaml:1)" in run.stderr
    [line] = lines_of(log)
    assert (line["verdict"], line["started"], line["mode"]) == ("stop", True, "enforce")
    assert line["let_go"] == f"user '{os.getuid()}' is in bypass"
    assert site.check().returncode == 0


@pytest.mark.parametrize("bypass, status", [
    ("{groups: ['%d']}" % os.getgid(), 7), ("{users: [no-such-user, '4294967294', '-1']}", 78),
    ("{groups: [no-such-group, '4294967294']}", 78), ("{}", 78),
])
def test_bypass_is_for_those_named(site, bypass, status):
    assert site.write(f"bypass: {bypass}\n").start().returncode == status


def test_observe_decides_lets_go_logs_and_says_nothing(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"mode: observe\nlog: {log}\n")
    env = {"SLURM_JOB_ID": "4711", "SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_ACCOUNT": "ai"}
    run = site.start("--gpu", "H100-80GB", env=env, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (7, "started\n", "")
    run = site.start("--gpu", "H100-80GB", trainer=TRAINER, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (7, "started\n", "")
    bad, good = lines_of(log)
    assert (bad["job"], bad["partition"], bad["account"], bad["cwd"]) == ("4711", "gpu", "ai", str(tmp_path))
    assert (bad["verdict"], bad["started"], bad["let_go"]) == ("stop", True, "mode observe")
    assert bad["errors"] and bad["gpus"] == 8 and bad["gpu"] == "H100-80GB" and bad["megatron"] == "main"
    assert bad["milliseconds"] > 0 and bad["version"] and bad["schema"] == 1 and bad["host"]
    assert (good["verdict"], good["let_go"], good["errors"], good["job"]) == ("go", None, [], None)
    assert good["peak_at_least_bytes"] < good["peak_bytes"] < good["peak_up_to_bytes"]


def test_the_log_holds_no_words_of_the_command(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"log: {log}\n")
    site.start("--mode", "warn", trainer=[*TRAINER, "--wandb-project", "hush-hush"])
    assert "hush-hush" not in log.read_text()
    assert lines_of(log)[0]["command"].startswith("sha256:")


def test_a_stop_and_an_attempt_against_a_lock_are_logged(site, tmp_path):
    log = tmp_path / "log-%u-%h-%%"
    site.write(f"log: {log}\nlocked: [mode, log]\n")
    run = site.start("--mode", "off", "--policy", "{log: /dev/null}")
    assert run.returncode == 78
    [path] = tmp_path.glob("log-*-%")
    [line] = lines_of(path)
    assert (line["verdict"], line["started"], line["let_go"]) == ("stop", False, None)
    assert line["ignored"] == ["log (--policy:1)", "mode (--mode)"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("how, says", [
    ("nowhere", "No such file or directory"), ("device", "not a file"), ("link", "it is a link"),
    ("fifo", "No such device or address"), ("directory", "Is a directory"),
])
def test_a_log_that_fails_warns_and_stops_nothing(site, tmp_path, how, says):
    path = {"nowhere": tmp_path / "no" / "log", "device": "/dev/null"}.get(how, tmp_path / "log")
    if how == "link":
        path.symlink_to(tmp_path / "other")
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "directory":
        path.mkdir()
    site.write(f"log: {path}\n")
    run = site.start(trainer=TRAINER)
    assert (run.returncode, run.stdout) == (7, "started\n")
    assert f"megatron-preflight: warning: cannot log to '{path}': {says}\n" in run.stderr
    assert not (tmp_path / "other").exists()


def test_only_rank_0_logs(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"log: {log}\n")
    for rank in range(3):
        env = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "8",
               "MASTER_ADDR": "localhost", "MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "none"}
        assert site.start(trainer=TRAINER, env=env).returncode == 7
    assert len(lines_of(log)) == 1


def test_lines_of_many_jobs_do_not_mix(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"log: {log}\nmode: observe\n")
    site.start()
    env = {"PATH": os.environ["PATH"], "TEST_SITE_DIRECTORY": str(site.path)}
    jobs = [subprocess.Popen([SITE_PREFLIGHT, "true"], env=env) for _ in range(20)]
    assert [job.wait(60) for job in jobs] == [0] * 20
    assert len(lines_of(log)) == 21


# --- what is shipped and written about it


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(ROOT, "configs/policies"))))
def test_shipped_policies_are_read_as_a_sites(site, name):
    with open(os.path.join(ROOT, "configs/policies", name)) as file:
        site.write(file.read())
    run = site.run("--explain-policy")
    assert (run.returncode, run.stderr) == (0, "")
    assert f"{site.path}/policy.yaml:" in run.stdout
    assert "note:" not in run.stdout


def test_the_shipped_enforcing_policy(site):
    with open(os.path.join(ROOT, "configs/policies/enforce.yaml")) as file:
        site.write(file.read())
    env = {"SLURM_JOB_PARTITION": "debug"}
    run = site.run("check", "torchrun", "--nnodes", "4", "--nproc-per-node", "8", "pretrain_gpt.py", *TRAINER, env=env)
    assert "policy-max-gpus" in run.stdout and "policy-required-options" in run.stdout
    run = site.run("check", "torchrun", "--nproc-per-node", "8", "pretrain_gpt.py", *TRAINER,
                   "--use-distributed-optimizer", env=env)
    assert run.returncode == 0, run.stdout


def test_the_manual_has_every_key_and_every_field_of_the_log(site, tmp_path):
    text = subprocess.run(["mandoc", "-T", "ascii", os.path.join(BUILD, "megatron-preflight-policy.5")],
                          capture_output=True, text=True, check=True).stdout
    while "\b" in text:
        at = text.index("\b")
        text = text[:at - 1] + text[at + 1:]
    tags = {line.split()[0].rstrip(":") for line in text.splitlines() if line.startswith("     ") and line.strip()}
    log = tmp_path / "log"
    site.write(f"log: {log}\n").start(trainer=TRAINER)
    keys = {line.split()[0] for line in site.run("--explain-policy").stdout.splitlines()}
    assert keys <= tags
    assert set(lines_of(log)[0]) <= tags


def test_check_logs_when_a_hook_asks_for_it(site, tmp_path):
    log, record = tmp_path / "log", tmp_path / "record"
    site.write(f"log: {log}\nmode: observe\n")
    site.check()
    assert not log.exists()
    assert site.check("--log", "--save", str(record)).returncode == 0
    assert site.run("check", "--quiet", "--log", "--saved", str(record)).returncode == 0
    one, again = lines_of(log)
    assert (one["verdict"], one["let_go"]) == (again["verdict"], again["let_go"]) == ("stop", "mode observe")
    assert one["errors"] == again["errors"]


def test_a_later_hook_logs_stops_only(site, tmp_path):
    log = tmp_path / "log"
    site.write(f"log: {log}\nmode: observe\n").check("--log-stops")
    assert not log.exists()
    site.write(f"log: {log}\n")
    assert site.check("--log-stops").returncode == 1
    [line] = lines_of(log)
    assert not line["started"]


def test_bypass_holds_for_what_was_saved(site, tmp_path):
    record = tmp_path / "record"
    site.check("--save", str(record))
    assert site.run("check", "--quiet", "--saved", str(record)).returncode == 1
    site.write(f"bypass: {{users: ['{os.getuid()}']}}\n")
    run = site.run("check", "--quiet", "--saved", str(record))
    assert run.returncode == 0
    assert "let go: user" in run.stderr


@pytest.mark.parametrize("name, value, says", [
    ("MEGATRON_PREFLIGHT", "loud", "MEGATRON_PREFLIGHT: --mode: 'loud' is none of"),
    ("MEGATRON_PREFLIGHT_POLICY", "/nonexistent", "MEGATRON_PREFLIGHT_POLICY: cannot read policy '/nonexistent'"),
    ("MEGATRON_PREFLIGHT_OPTIONS", "/nonexistent", "MEGATRON_PREFLIGHT_OPTIONS: "),
    ("MEGATRON_PREFLIGHT_GPU", "Z80", "MEGATRON_PREFLIGHT_GPU: --gpu: 'Z80' is not in the table"),
])
def test_a_stray_variable_stops_no_job(site, name, value, says):
    run = site.start(trainer=TRAINER, env={name: value})
    assert (run.returncode, run.stdout) == (7, "started\n")
    assert f"warning: left out: {says}" in run.stderr
    assert site.start(env={name: value}).returncode == 78
    assert site.check(trainer=TRAINER, env={name: value}).returncode == 2
