"""Trees of Megatron beside the script: their release, a fork's options and dropped rules."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFLIGHT = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "megatron-preflight")
ENV = {"PATH": "/nonexistent", "CUDA_DEVICE_MAX_CONNECTIONS": "1"}
GPT = (
    "--num-layers 24 --hidden-size 1024 --num-attention-heads 16 --seq-length 2048 "
    "--max-position-embeddings 2048 --micro-batch-size 1 --train-iters 10 --eval-interval 100 "
    "--lr 1e-4 --bf16 --mock-data --tokenizer-type NullTokenizer --vocab-size 1000"
).split()


@pytest.fixture
def fork(tmp_path):
    """A tree that says it is 0.16.0, has one option more and none of its files unchanged."""
    core = tmp_path / "megatron/core"
    core.mkdir(parents=True)
    (core / "package_info.py").write_text("MAJOR = 0\nMINOR = 16\nPATCH = 0\nPRE_RELEASE = ''\n")
    training = tmp_path / "megatron/training"
    training.mkdir()
    (training / "arguments.py").write_text("group.add_argument('--our-own', type=int)\n")
    (tmp_path / "pretrain_gpt.py").write_text("import torch\nfrom megatron.training import x\n")
    return tmp_path


def check(fork, *words):
    return subprocess.run(
        [PREFLIGHT, "check", "torchrun", "--nproc-per-node", "8", str(fork / "pretrain_gpt.py"),
         *GPT, *words],
        env=ENV, capture_output=True, text=True, timeout=60)


def test_a_fork_takes_its_own_option(fork):
    run = check(fork, "--our-own", "3")
    assert run.returncode == 0, run.stdout
    assert "Megatron 0.16.0" in run.stdout
    assert "error" not in run.stdout and "warning" not in run.stdout


def test_a_fork_refuses_what_it_does_not_mention(fork):
    run = check(fork, "--our-onw", "3")
    assert run.returncode == 1
    assert "error unknown-option: Megatron 0.16.0 has no option '--our-onw'" in run.stdout


def test_a_fork_may_have_dropped_an_assertion(fork):
    run = check(fork, "--fp16")
    assert run.returncode == 0
    assert "warning fp16-xor-bf16" in run.stdout


def test_a_fork_still_divides_its_ranks(fork):
    run = check(fork, "--tensor-model-parallel-size", "3")
    assert run.returncode == 1
    assert "error world-divides-model" in run.stdout


def test_a_policy_may_trust_or_distrust_a_fork(fork):
    for what, status in (("all", 1), ("nothing", 0)):
        policy = fork / f"{what}.yaml"
        policy.write_text(f"modified_tree: {what}\n")
        run = subprocess.run(
            [PREFLIGHT, "check", "--policy", str(policy), "torchrun", "--nproc-per-node", "8",
             str(fork / "pretrain_gpt.py"), *GPT, "--fp16"],
            env=ENV, capture_output=True, text=True, timeout=60)
        assert run.returncode == status, run.stdout


def test_a_tree_that_cannot_be_read(fork):
    """Without a release and without a tree an unknown option is no reason to stop."""
    (fork / "megatron/core/package_info.py").unlink()
    run = check(fork, "--our-onw", "3")
    assert run.returncode == 0
    assert "warning unknown-option" in run.stdout


def test_a_script_with_imports_from_elsewhere(fork):
    (fork / "pretrain_gpt.py").write_text("import site_patches\n")
    run = check(fork, "--our-onw", "3")
    assert run.returncode == 0
    assert "warning unknown-option" in run.stdout


def test_options_of_a_fork_from_a_file(fork):
    """Where the tree is not at hand, a file says what the fork takes."""
    table = fork / "fork.tsv"
    table.write_text("--goldfish-k\tgoldfish_k\tStore\t\tint\t50\t\n")
    words = ["check", "--megatron", "main", "--world-size", "8", "--megatron-options", str(table),
             "--", *GPT, "--goldfish-k"]
    run = subprocess.run([PREFLIGHT, *words, "7"], env=ENV, capture_output=True, text=True)
    assert run.returncode == 0 and "unknown-option" not in run.stdout
    run = subprocess.run([PREFLIGHT, *words, "x"], env=ENV, capture_output=True, text=True)
    assert run.returncode == 1 and "--goldfish-k: invalid int value: 'x'" in run.stdout
    table.write_text("--goldfish-k\tgoldfish_k\tShop\n")
    run = subprocess.run([PREFLIGHT, *words, "7"], env=ENV, capture_output=True, text=True)
    assert run.returncode == 2 and "fork.tsv:1: 'Shop' is no kind" in run.stderr


def test_a_rule_that_is_gone_does_not_stop(fork):
    """The facts say which statements were looked for in the fork's files and not found."""
    facts = fork / "facts.json"
    facts.write_text('{"megatron": "0.16.0", "megatron_changed": "megatron/training/arguments.py", '
                     '"places_gone": "mbs-required world-divides-model"}')
    words = ["check", "--facts", str(facts), "--world-size", "8", "--", *GPT,
             "--tensor-model-parallel-size", "3"]
    run = subprocess.run([PREFLIGHT, *words], env=ENV, capture_output=True, text=True)
    assert "warning world-divides-model" in run.stdout
    facts.write_text(facts.read_text().replace("world-divides-model", "world-divides-model/1"))
    run = subprocess.run([PREFLIGHT, *words], env=ENV, capture_output=True, text=True)
    assert run.returncode == 1 and "error world-divides-model" in run.stdout
