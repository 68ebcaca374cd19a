"""Scripts that mean harm: nothing outside changes, each ends in time, none gets a better verdict than its
launches deserve, nothing it prints reaches the terminal as it is."""
import ctypes
import hashlib
import json
import os
import shutil
import pwd
import re
import socket
import subprocess
import threading
import time

import pytest

import support

SECRET = "correct-horse-battery-staple"
GOOD = ("torchrun --nproc-per-node 8 pretrain_gpt.py --num-layers 8 --hidden-size 1024 --num-attention-heads 16"
        " --seq-length 1024 --max-position-embeddings 1024 --micro-batch-size 1 --global-batch-size 64"
        " --train-iters 10 --lr 1e-4 --eval-interval 100 --mock-data --tokenizer-type NullTokenizer"
        " --vocab-size 1000 --bf16")
BAD = GOOD.replace("--global-batch-size 64", "--global-batch-size 63")
CHECK = ["--megatron", "main", "--gpu", "H100-80GB"]

WRITES = r"""
echo pwned > TREE/kept; echo pwned > TREE/new; rm -rf TREE/*; rm -rf "$HOME"; mkdir -p TREE/d
chmod 777 TREE; ln -sf /etc/passwd TREE/link; mv TREE/kept TREE/moved; touch /tmp/evil-MARK /var/tmp/evil-MARK
echo x > /dev/shm/evil-MARK; dd if=/dev/zero of=TREE/big bs=1M count=10
truncate -s 0 TREE/kept; find TREE -type f -delete; : > TREE/kept
"""

NETWORK = r"""
(echo hello > /dev/tcp/127.0.0.1/PORT) & (exec 5<>/dev/tcp/127.0.0.1/PORT; echo hi >&5)
/usr/bin/python3 - <<'EOT'
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_UNIX, "TREE/socket")):
    try:
        s = socket.socket(family); s.settimeout(1); s.connect(address); s.send(b"hello")
    except OSError as e:
        print(e)
EOT
wait
"""

PROC = r"""
for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/1/root/etc/shadow /proc/self/root/etc/shadow; do
    cat "$f"; done
echo 1 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger; echo 0 > /proc/1/oom_score_adj
echo x > /proc/1/mem; echo TREE/core > /proc/sys/kernel/core_pattern; ls /proc/1/fd; cat /proc/1/maps
/usr/bin/python3 -c "
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
for call in ((c.unshare, 0x10000000), (c.chroot, b'/tmp'), (c.mount, b'none', b'/mnt', b'tmpfs', 0, None),
             (c.umount2, b'/', 2), (c.ptrace, 16, 1, 0, 0), (c.setuid, 0)):
    assert call[0](*call[1:]) != 0, call
"
unshare -rm true && torchrun bad_unshare.py --num-layers 1
for pid in $(seq 1 40); do kill -9 "$pid"; done; kill -9 -1; kill -STOP $PPID
"""

TAMPER = r"""
rm -rf /.expand; echo '#!/bin/true' > /.expand/bin/torchrun; mv /.expand /.gone; chmod 777 /.expand
mount -o remount,rw /.expand; umount -l /.expand; PATH=/usr/bin:/bin; export PATH
"""

# name, script, what the launches must be (None: anything)
EVIL = [
    ("writes", WRITES + GOOD, 1),
    ("network", NETWORK + GOOD, 1),
    ("proc", "(" + PROC + ")\n" + GOOD, None),
    ("tamper", TAMPER + GOOD, 1),
    ("fork bomb", ":(){ :|:& };:\n" + GOOD, None),
    ("recursion", "f() { f; }; f\n" + GOOD, None),
    ("endless loop", "while :; do :; done\n" + GOOD, 0),
    ("stopped", GOOD + "\nkill -STOP $$\n", 1),
    ("daemon", "(setsid nohup /bin/sleep 98765 >/dev/null 2>&1 &) \n" + GOOD, 1),
    ("trap", "trap '' TERM INT HUP QUIT; trap 'while :; do :; done' EXIT\n" + GOOD, 1),
    ("disk", "dd if=/dev/zero of=big bs=1M; cat /dev/zero > a & cat /dev/zero > /tmp/b & yes > c\n" + GOOD, None),
    ("inodes", "for i in {1..200000}; do : > f$i; done\n" + GOOD, None),
    ("memory", "x=x; while :; do x=$x$x; done\n" + GOOD, None),
    ("output", "yes $'\\e[2Jhello' & yes >&2 & " + GOOD + "\nwait\n", 1),
    ("channel", "cat /dev/zero >&250 & cat /dev/urandom >&250 & head -c 70000 /dev/zero >&250\nwait\n", None),
    ("input", "read -r a; cat; " + GOOD, 1),
    ("huge", "x=$(printf '%0100000d' 0); torchrun t.py --num-layers 1 --train-iters 1 "
             + " ".join(["$x"] * 12) + "\n" + GOOD, None),
    ("many files", "exec 3<>/dev/zero; for i in {10..240}; do eval \"exec $i<&3\"; done\n" + GOOD, None),
    ("binary", "printf '\\x7fELF' > x; chmod +x x; ./x; \xff\xfe\n" + GOOD, 1),
]


class Listener(threading.Thread):
    """Anybody who comes here got out."""

    def __init__(self, tree):
        super().__init__(daemon=True)
        self.sockets = [socket.socket(), socket.socket(socket.AF_UNIX)]
        self.sockets[0].bind(("127.0.0.1", 0))
        self.sockets[1].bind(str(tree / "socket"))
        os.chmod(tree / "socket", 0o777)
        self.port = self.sockets[0].getsockname()[1]
        self.visitors = 0
        for s in self.sockets:
            s.listen(5)
            s.setblocking(False)

    def came(self):
        for s in self.sockets:
            try:
                s.accept()
                self.visitors += 1
            except BlockingIOError:
                pass
        return self.visitors


def snapshot(tree):
    state = {}
    for parent, directories, files in os.walk(tree):
        for name in directories + files:
            path = os.path.join(parent, name)
            info = os.lstat(path)
            data = b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    data = hashlib.sha256(file.read()).digest()
            state[path] = (info.st_mode, info.st_uid, info.st_size, info.st_mtime_ns, data)
    return state


@pytest.fixture(name="tree")
def tree_with_a_home(request):
    """All of it may be written by anybody: only the sandbox is in the way."""
    tree = support.directory(request, "evil")
    home = tree / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text(SECRET)
    (home / ".netrc").write_text(SECRET)
    (tree / "kept").write_text("as it was")
    for parent, _, files in os.walk(tree):
        os.chmod(parent, 0o777)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o666)
    return tree


def environment(tree):
    return {"PATH": "/usr/bin:/bin", "HOME": str(tree / "home"), "WANDB_API_KEY": SECRET, "HF_TOKEN": SECRET,
            "AWS_SECRET_ACCESS_KEY": SECRET}


def run_evil(tree, subcommand, text, *options, limit=4):
    script = tree / "evil.sh"
    script.write_bytes(b"#!/bin/bash\n" + text.encode("latin-1"))
    os.chmod(script, 0o755)
    before, began = snapshot(tree), time.time()
    done = support.run(subcommand, *options, "--timeout", limit, "evil.sh", cwd=tree, env=environment(tree))
    took = time.time() - began
    assert snapshot(tree) == before
    assert took < limit + 4, took
    return done


def left_over(word):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if word.encode() in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


@pytest.mark.parametrize("name,text,launches", EVIL, ids=[e[0] for e in EVIL])
def test_changes_nothing(name, text, launches, tree):
    listener = Listener(tree)
    mark = f"{os.getpid()}-{name.replace(' ', '-')}"
    text = text.replace("TREE", str(tree)).replace("PORT", str(listener.port)).replace("MARK", mark)
    done = run_evil(tree, "expand", text, "--format", "json")
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    if launches is not None:
        assert len(got["launches"]) == launches, got
    assert not any("bad_unshare" in w for l in got["launches"] for w in l["command"])
    assert SECRET not in done.stdout.decode() + done.stderr.decode()
    assert listener.came() == 0
    for directory in ("/tmp", "/var/tmp", "/dev/shm"):
        assert not os.path.exists(f"{directory}/evil-{mark}")
    time.sleep(0.1)
    assert left_over("98765") == [] and left_over(str(tree / "evil.sh")) == []


def test_secrets_stay(tree):
    text = (f"torchrun pretrain_gpt.py --num-layers 1 --train-iters 1 \"$(cat ~/.ssh/id_rsa)\" \"$(cat ~/.netrc)\" "
            f"\"$(cat {tree}/home/.ssh/id_rsa)\" \"$WANDB_API_KEY\" \"$HF_TOKEN\" \"$AWS_SECRET_ACCESS_KEY\" "
            "\"$(env)\" \"$(cat /proc/*/environ | tr '\\0' ' ')\"\n")
    for form in ("json", "text"):
        done = run_evil(tree, "expand", text, "--format", form)
        assert SECRET not in done.stdout.decode() + done.stderr.decode()
    assert len(json.loads(run_evil(tree, "expand", text, "--format", "json").stdout)["launches"]) == 1


def test_escapes_stay(tree):
    escape = "$'\\e[2J\\e]0;title\\a\\x9b31m\\r\\b'"
    text = (f"export A={escape}; echo {escape}; echo {escape} >&2; source {escape}; {escape}\n"
            f"torchrun pretrain_gpt.py --num-layers {escape} --train-iters 1 --{escape}\ncd {escape}/x; exit 1\n")
    for subcommand in ("expand", "check"):
        done = run_evil(tree, subcommand, text)
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr), done.stdout


FORGE = r"""
/usr/bin/python3 - <<'EOT'
import os, socket, struct
s = socket.socket(fileno=os.dup(250))
def record(payload, offset=0, size=None):
    s.send(struct.pack("<III", 0x70787265, offset, size or len(payload)) + payload)
words = b"\0".join(w.encode() for w in "GOOD".split())
launch = b"0\0/\0%d\0" % len("GOOD".split()) + words + b"\0"
FORGERY
EOT
"""


@pytest.mark.parametrize("forgery", [
    "record(launch)",
    "[record(launch) for i in range(5000)]",
    "record(b'9\\0/\\0001\\0x\\0')",
    "record(b'x', 7, 9)",
    "record(launch, 0, 1 << 30)",
    "s.send(b'garbage')",
    "s.setblocking(False)\nfor i in range(1000):\n    try: s.recv(1)\n    except OSError: pass",
    "s.shutdown(socket.SHUT_RDWR)",
    "os.fork() or [record(b'0', 0, 1000000) for i in range(100)]",
])
@pytest.mark.parametrize("order", ["before", "after"])
def test_verdict_cannot_be_forged(forgery, order, tree):
    forge = FORGE.replace("GOOD", GOOD).replace("FORGERY", forgery)
    text = forge + BAD + "\n" if order == "before" else BAD + "\n" + forge
    done = run_evil(tree, "check", text, *CHECK)
    assert done.returncode in (1, 2), done.stdout
    if order == "after":
        assert done.returncode == 1
    assert run_evil(tree, "check", GOOD, *CHECK).returncode == 0


def test_deadline_is_said(tree):
    done = run_evil(tree, "expand", "while :; do :; done", limit=1)
    assert b"still running after 1 s" in done.stdout


def test_never_as_root(tree):
    if os.geteuid() != 0:
        pytest.skip("only root is refused")
    (tree / "a.sh").write_text("#!/bin/sh\n" + GOOD)
    env = {k: v for k, v in os.environ.items() if k != "SUDO_USER"}
    done = subprocess.run([support.BINARY, "expand", "a.sh"], cwd=tree, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and b"never run as root; give --user NAME" in done.stderr
    nobody = pwd.getpwnam("nobody")
    (tree / "who.sh").write_text("#!/bin/bash\ntorchrun x.py --num-layers 1 --train-iters $EUID $(id -u)\n")
    os.chown(tree / "who.sh", nobody.pw_uid, nobody.pw_gid)
    done = subprocess.run([support.BINARY, "expand", "--format", "json", "who.sh"], cwd=tree, env=env,
                          stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)["launches"][0]["command"][-2:] == [str(nobody.pw_uid)] * 2


def without_namespaces(switch):
    """In a user namespace where the switch forbids further ones, as an ordinary user."""
    libc = ctypes.CDLL(None, use_errno=True)
    nobody = pwd.getpwnam("nobody")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        libc.prctl(4, 1, 0, 0, 0)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(0x10000000) != 0:
        os._exit(99)
    for name, text in (("uid_map", f"{uid} {uid} 1"), ("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    with open(switch, "w", encoding="ascii") as file:
        file.write("0")


def test_says_what_to_type_without_namespaces(tree):
    (tree / "a.sh").write_text("#!/bin/sh\n" + GOOD)
    os.chmod(tree / "a.sh", 0o755)
    binary = shutil.copy(support.BINARY, tree)  # a build may lie where nobody may not go
    done = subprocess.run([binary, "expand", "a.sh"], cwd=tree, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False,
                          preexec_fn=lambda: without_namespaces("/proc/sys/user/max_user_namespaces"))
    assert done.returncode == 2 and done.stdout == b""
    assert (b"user.max_user_namespaces is 0); as root: sysctl -w user.max_user_namespaces=15000"
            in done.stderr), done.stderr


def test_without_overlays(request):
    """An overlay takes no path with a colon: files are read-only there, the script's own directory is a copy."""
    tree = place = support.directory(request, "a:b")
    (place / "there").mkdir()
    os.chmod(place, 0o777)
    os.chmod(place / "there", 0o777)
    (place / "a.sh").write_text("mkdir logs && echo 1 > logs/x && echo 2 > there/x\n" + GOOD + " | tee logs/y\n")
    before = snapshot(tree)
    done = support.run("expand", "--format", "json", "a.sh", cwd=place, env=environment(tree))
    assert snapshot(tree) == before
    got = json.loads(done.stdout)
    assert len(got["launches"]) == 1 and "Read-only" in got["unexpanded"][0]["why"]
