"""Starting things under a real mpirun, and a runner for functions called test_*."""
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
PREFLIGHT = os.path.join(BUILD, "megatron-preflight")
HELPER = os.path.join(BUILD, "libexec", "megatron-preflight-mpi")
WRAPPER = os.path.join(BUILD, "tests", "mpi", "wrapper")
CRASH = os.path.join(BUILD, "tests", "mpi", "crash.so")
JOB = os.path.join(BUILD, "tests", "mpi", "job")
STATE = os.path.join(BUILD, "tests", "exec", "state")

# The wrapper lies elsewhere than the binary it stands for.
WRAP = [WRAPPER, "--helper", HELPER]


class Ended:
    def __init__(self, rc, out, err, seconds):
        self.rc, self.out, self.err, self.seconds = rc, out, err, seconds

    def __repr__(self):
        return f"rc {self.rc} after {self.seconds:.1f} s\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def environment(**changes):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_", "TORCHELASTIC_"))}
    # mpirun asks root to mean it.
    env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    env.update(changes)
    return env


def run(words, seconds=60, **options):
    options.setdefault("env", environment())
    options.setdefault("stdin", subprocess.DEVNULL)
    started = time.monotonic()
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, **options)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {seconds} s: {words}\n{out}\n{err}")
    return Ended(process.returncode, out, err, time.monotonic() - started)


def mpirun(count, *words, **options):
    return run(["mpirun", "--oversubscribe", "-n", count, *words], **options)


def only_rank(rank, there, elsewhere):
    """A shell that becomes 'there' on one rank and 'elsewhere' on the others."""
    def words(command):
        return " ".join("'" + str(w).replace("'", "'\\''") + "'" for w in command)
    return ["sh", "-c", f'if [ "$OMPI_COMM_WORLD_RANK" = {rank} ]; then exec {words(there)}; '
                        f'else exec {words(elsewhere)}; fi']


def helpers(program=HELPER):
    """Process ids of helpers that still run (an orphan that ended may be a zombie for a while)."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(path).read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:]
        if name.startswith("megatron-prefli") and rest[0] != "Z" and program in _command(path):
            found.append(int(text.split()[0]))
    return found


def _command(stat_path):
    try:
        return open(stat_path.replace("/stat", "/cmdline")).read()
    except OSError:
        return ""


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def scratch():
    return tempfile.mkdtemp(prefix="preflight-test.")


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def main(tests, only):
    """Runs the functions called test_*; the last line counts them."""
    passed = failed = 0
    for name, test in tests.items():
        if not name.startswith("test_") or (only and not any(word in name for word in only)):
            continue
        started = time.monotonic()
        try:
            test()
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok {name} ({time.monotonic() - started:.1f} s)")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
