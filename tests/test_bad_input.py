"""What a user types and has: every wrong input gets one sentence and exit code 2, and nothing is overwritten.

A refusal is tested where it is raised; here is one of each kind, to see that it comes through.
"""

import os
import shutil
import subprocess
import sys
import time
import zipfile

import floors
import numpy as np
import pytest
from folders import PNG, saved
from made import idx_set
from worker import EXPERIMENT, TINY, everything, go, refused

from jaxgen.run import cli, image_reader

WRONG = {
    "--dataset=digit": "did you mean 'digits'",
    "--dataset=none.npz": "none.npz",
    "--dataset=digits --image_size=16": "--image_size is for folders",
    "--preset=nosuch": "unknown preset 'nosuch'; known: chollet, iwae, mlp",
    "--latnt=2": "Did you mean: latent",
    "--latent=two": "invalid literal",
    "--network=rnn": "mlp|conv",
    "--optimizer=adamm": "'adamm'; the nearest: adam",
    "--optimizer=sgd --eps=1e-4": "--optimizer=sgd has no --eps; it has no hyper-parameters",
    "--schedule=piecewise --boundaries=9,5": "--boundaries=9,5 must rise",
    "--beta2=1": "--beta2 must be at most 0.999999",
    "--plateau_factor=0": "--plateau_factor must be above 0",
    "--learning_rate=nan": "--learning_rate must be a finite number",
    "--beta=-1": "--beta must be at least 0",
    **{f"--{name}=0": f"--{name} must be at least 1" for name in ("latent", "batch_size", "steps", "host_devices")},
    **{f"--{name}=-3": f"--{name} must be at least 1" for name in ("log_every", "eval_every", "checkpoint_every")},
    "positional": "'positional' is not a flag",
    "--steps=5 --epochs=1": "--steps or --epochs, not both",
    "--batch_size=100000": "100000",
    "--flagfile=none": "none",
    "--workdir=": "--workdir",
}


def test_wrong_flags_are_refused_in_a_sentence(tmp_path, capsys):
    for flags, fragment in WRONG.items():
        refused(capsys, go(tmp_path, *flags.split()), fragment)
        assert everything(tmp_path) == {}


def test_data_that_are_wrong_are_told_and_left_alone(tmp_path, capsys, monkeypatch):
    """One of each kind of set."""
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    idx_set(tmp_path / "mnist")
    cut = tmp_path / "mnist/train-images-idx3-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:-500])
    saved(tmp_path / "photos", ["cat/1.png", "dog/1.png"])
    (tmp_path / "photos/dog/3.png").write_bytes(PNG[:40])
    np.savez(tmp_path / "flat.npz", images=np.zeros((30, 64), np.uint8))
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../../outside.png", PNG)
    before = everything(tmp_path)
    for dataset, fragment in {
        "mnist": "train-images-idx3-ubyte.gz is damaged",
        tmp_path / "photos": "dog/3.png",
        tmp_path / "flat.npz": "found the shape (30, 64)",
        tmp_path / "out.zip": "outside.png",
        "tfds:fasion_mnist": "fashion_mnist",
    }.items():
        refused(capsys, go(tmp_path, f"--dataset={dataset}", f"--data_dir={tmp_path}"), fragment)
        assert everything(tmp_path) == before


@pytest.mark.ci
def test_a_download_without_a_network(tmp_path, capsys, monkeypatch):
    """In about a second, and the message says which file is to be put where."""
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")  # an address that answers nobody
    go(tmp_path, "--dataset=tfds:nothing_at_all")  # imports TFDS
    capsys.readouterr()
    before = everything(tmp_path)
    place = tmp_path / "data"
    for named, wanted in {"mnist": "train-images-idx3-ubyte.gz", "olivetti": f"{place}", "tfds:kmnist": "http"}.items():
        start = time.perf_counter()
        refused(capsys, go(tmp_path, f"--dataset={named}", f"--data_dir={place}"), wanted)
        assert time.perf_counter() - start < 2.5
    assert everything(tmp_path) == before


@pytest.mark.ci
def test_one_class_where_two_are_needed_and_folders_that_train(tmp_path, capsys):
    """The last of these runs trains: what is refused above is not refused for another reason."""
    saved(tmp_path / "photos", [f"only/{n}.png" for n in range(20)], shape=(8, 8))
    telling_apart = EXPERIMENT._replace(data=image_reader.reader(least=2))

    def run(dataset, *flags):
        given = [*TINY, f"--dataset={tmp_path / dataset}", f"--workdir={tmp_path / 'run'}", *flags]
        return cli.main(telling_apart, given)

    refused(capsys, run("photos"), "has no classes; at least 2 are needed")
    np.savez(tmp_path / "one.npz", images=np.zeros((9, 4, 4), np.uint8), labels=np.zeros(9, int))
    refused(capsys, run("one.npz"), "has 1 class; at least 2 are needed")
    saved(tmp_path / "photos", [f"other/{n}.png" for n in range(20)], shape=(8, 8))
    assert run("photos", "--image_size=6") == 0
    assert (tmp_path / "run/metrics.jsonl").exists()
    assert (tmp_path / "run/checkpoints").is_dir()


def test_a_flagfile_that_is_no_text(tmp_path, capsys):
    (tmp_path / "settings").write_bytes(bytes(range(256)) * 4)
    refused(capsys, go(tmp_path, f"--flagfile={tmp_path / 'settings'}"), "flagfile")
    assert not (tmp_path / "run").exists()


def test_a_workdir_of_something_else_or_a_link_is_left_alone(tmp_path, capsys):
    """To nowhere, or to a folder of something else: nothing is made or changed there."""
    link = tmp_path / "run"
    link.symlink_to(tmp_path / "nowhere")
    refused(capsys, go(tmp_path), "cannot write in")
    assert link.is_symlink()
    assert not link.exists()
    link.unlink()
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/thesis.tex").write_text("42")
    link.symlink_to(tmp_path / "papers")
    before = everything(tmp_path)
    for place in (link, tmp_path / "papers"):
        refused(capsys, go(tmp_path, f"--workdir={place}"), "holds other files and no run")
    assert link.is_symlink()
    assert everything(tmp_path) == before


def test_a_workdir_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "run").write_text("a file")
    refused(capsys, go(tmp_path), "cannot write in")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    # Root may write anywhere; the kernel's own folder refuses it too.
    place = "/proc/jaxgen" if os.geteuid() == 0 else str(folder / "run")
    refused(capsys, go(tmp_path, f"--workdir={place}"), "cannot write in")


@pytest.mark.ci
def test_a_full_disk(tmp_path, capsys, monkeypatch):
    """Known before a checkpoint is begun; the earlier ones stay."""
    assert go(tmp_path) == 0
    capsys.readouterr()
    kept = everything(tmp_path / "run/checkpoints")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert go(tmp_path, "--steps=6") == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "cannot write the checkpoint" in last
    assert "No space left on device" in last
    assert everything(tmp_path / "run/checkpoints") == kept


@pytest.mark.slow  # starts a process
def test_a_log_that_cannot_grow(tmp_path):
    """A limit on file sizes fails writes as a disk that fills up does."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); import worker; "
        "from jaxgen.run import cli; sys.exit(cli.main(worker.EXPERIMENT))"
    )
    flags = [*TINY, "--steps=40", "--checkpoint_every=1000", f"--workdir={tmp_path / 'run'}"]
    command = [sys.executable, "-c", code, *flags]
    path = os.pathsep.join([str(floors.root()), str(floors.root() / "tests")])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot write" in done.stderr.splitlines()[-1]
    assert "File too large" in done.stderr.splitlines()[-1]
