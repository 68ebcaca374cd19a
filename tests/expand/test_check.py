"""check SCRIPT: each launch judged, the worst verdict, where it stands."""
import json
import os
import pwd

import pytest

import support

MODEL = ("--num-layers 8 --hidden-size 1024 --num-attention-heads 16 --seq-length 1024 --max-position-embeddings 1024"
         " --micro-batch-size 1 --global-batch-size 64 --train-iters 10 --lr 1e-4 --eval-interval 100 --mock-data"
         " --tokenizer-type NullTokenizer --vocab-size 1000 --bf16")
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
OPTIONS = ["--megatron", "main", "--gpu", "H100-80GB"]


@pytest.fixture(name="write")
def writer(request):
    tree = support.directory(request, "check")

    def write(text, name="job.sh"):
        (tree / name).write_text(text)
        os.chmod(tree / name, 0o755)
        return tree, name
    return write


def check(place, *options, args=()):
    tree, name = place
    return support.run("check", *OPTIONS, *options, name, *args, cwd=tree, env=ENV)


def report(place, *options):
    done = check(place, "--format", "json", *options)
    return json.loads(done.stdout), done.returncode


def ids(launch):
    return [f["id"] for f in launch["report"]["findings"] if f["severity"] == "error"]


def test_worst_of_all_launches(write):
    place = write(f"#!/bin/bash\ntorchrun --nproc-per-node 8 pretrain_gpt.py {MODEL}\n"
                  f"torchrun --nproc-per-node 8 pretrain_gpt.py {MODEL} --global-batch-size 63\n"
                  f"torchrun --nproc-per-node 8 pretrain_gpt.py {MODEL}\npython tools/merge.py --x 1\n")
    got, status = report(place)
    assert status == 1
    assert [(l["line"], l["report"]["verdict"]) for l in got["launches"]] == [(2, "go"), (3, "stop"), (4, "go")]
    where = got["launches"][1]["report"]["findings"][0]["where"]
    assert any(w["in"] == "file" and w["path"] == "job.sh" and w["line"] == 3 for w in where)
    text = check(place).stdout.decode()
    assert "job.sh:2\n" in text and "job.sh:3\nmegatron-preflight: stop" in text


SBATCH = f"""#!/bin/bash
#SBATCH --nodes=NODES --gpus-per-node=h100:GPUS
#SBATCH --ntasks-per-node=1
srun torchrun --nnodes 4 --nproc-per-node 8 pretrain_gpt.py {MODEL}
"""


@pytest.mark.parametrize("nodes,gpus,options,errors", [
    (4, 8, [], []),
    (2, 8, [], ["launch-nodes-allocated"]),
    (4, 4, [], ["launch-gpus-per-node"]),
    (2, 8, ["--nodes", "4"], []),
    (4, 4, ["--nodes", "4", "--gpus-per-node", "8"], []),
    (4, 8, ["--nodes", "2"], ["launch-nodes-allocated"]),
])
def test_fits_its_allocation(write, nodes, gpus, options, errors):
    place = write(SBATCH.replace("NODES", str(nodes)).replace("GPUS", str(gpus)), "job.sbatch")
    got, status = report(place, *options)
    assert ids(got["launches"][0]) == errors
    assert status == bool(errors)


def test_task_per_gpu(write):
    text = ("#!/bin/bash\n#SBATCH -N 2\n#SBATCH --ntasks-per-node=8\n#SBATCH --gres=gpu:8\n"
            "export RANK=0 WORLD_SIZE=$SLURM_NTASKS\n"
            f"srun python pretrain_gpt.py {MODEL} --tensor-model-parallel-size 1\n")
    got, _ = report(write(text))
    assert got["launches"][0]["world_size"]["value"] == 16
    assert ids(got["launches"][0]) == []


def test_a_guess_stops_nothing(write):
    text = ("N=$(nvidia-smi -L | wc -l)\n"
            f"torchrun --nproc-per-node $N pretrain_gpt.py {MODEL} --tensor-model-parallel-size 16\n")
    place = write(text)
    got, _ = report(place)
    assert "world-divides-model" not in ids(got["launches"][0])
    assert report(place, "--gpus-per-node", "8")[1] == 1


def test_nothing_started(write):
    place = write("#!/bin/bash\n[ -n \"$1\" ] || { echo 'which model?'; exit 3; }\n"
                  f"torchrun pretrain_gpt.py {MODEL}\n")
    done = check(place)
    assert b"job.sh:2: not expanded: ends here: exit 3" in done.stdout
    assert b"it said: which model?" in done.stdout
    assert done.returncode == 0
    assert check(place, "--strict").returncode == 3
    assert len(report(place)[0]["launches"]) == 0
    assert check(place, "--strict", args=["7B"]).returncode == 0


def test_no_such_script(write):
    tree, _ = write("")
    done = support.run("check", "other.sh", cwd=tree, env=ENV)
    assert done.returncode == 2 and b"other.sh: No such file" in done.stderr
    done = support.run("expand", cwd=tree, env=ENV)
    assert done.returncode == 2 and b"nothing to expand" in done.stderr


@pytest.mark.parametrize("form,part", [("sarif", b'"startLine":2'), ("github", b"file=job.sh,line=2,"),
                                       ("junit", b"job.sh:2"), ("gitlab", b'"begin":2'), ("markdown", b"job.sh")])
def test_formats_for_ci(write, form, part):
    place = write(f"#!/bin/bash\ntorchrun --nproc-per-node 8 pretrain_gpt.py {MODEL} --global-batch-size 63\n")
    done = check(place, "--format", form)
    assert done.returncode == 1
    assert part in done.stdout.replace(b'": ', b'":'), done.stdout


def test_writes_where_the_group_is_a_projects(write):
    """A group that the sandbox does not have: an overlay alone could neither write nor copy such files."""
    tree, name = write("#!/bin/bash\nset -e\necho new > old.json; echo x > logs/y; > logs/deep/z; rm -r logs; mkdir logs\n"
                       f"cat > new.json <<< 1\ntorchrun --nproc-per-node 8 pretrain_gpt.py {MODEL}\n")
    (tree / "logs" / "deep").mkdir(parents=True)
    (tree / "old.json").write_text("old")
    (tree / "logs" / "w").write_text("")
    for parent, directories, files in os.walk(tree):
        for entry in directories + files + ["."]:
            if os.geteuid() == 0:
                os.chown(os.path.join(parent, entry), pwd.getpwnam("nobody").pw_uid, 4242)
    got, status = report((tree, name))
    assert status == 0 and len(got["launches"]) == 1 and got["unexpanded"] == []
    assert (tree / "old.json").read_text() == "old" and (tree / "logs" / "deep").is_dir()


def test_a_bare_srun_takes_the_allocation(write):
    text = f"export RANK=0\nsrun python pretrain_gpt.py {MODEL} --tensor-model-parallel-size 8\n"
    place = write("#!/bin/bash\n" + text)
    got, _ = report(place)
    assert got["launches"][0]["report"]["world_size"]["value"] is None
    place = write("#!/bin/bash\n#SBATCH -N 2 --ntasks-per-node 8\n" + text)
    got, _ = report(place)
    assert got["launches"][0]["report"]["world_size"]["value"] == 16


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user who may not go somewhere")
def test_from_a_directory_that_the_user_may_not_enter(write, tmp_path):
    """root's home is closed to --user nobody: the script runs beside itself."""
    tree, name = write(f"#!/bin/bash\n[ -f here.txt ] && torchrun --nproc-per-node 8 pretrain_gpt.py {MODEL}\n")
    (tree / "here.txt").write_text("")
    os.chmod(tmp_path, 0o700)
    done = support.run("check", *OPTIONS, tree / name, cwd=tmp_path, env=ENV)
    assert done.returncode == 0 and b": go" in done.stdout.splitlines()[1], done
