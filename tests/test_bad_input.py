"""What a user types: every wrong input gets one sentence and exit code 2, and nothing is overwritten."""

import os
import pickle
import shutil
import subprocess
import sys

import floors
import numpy as np
import pytest
from worker import TINY, everything, go, refused

WRONG = [
    (["--dataset=nosuch"], "known are digits, glyphs"),
    (["--dataset=digit"], "did you mean 'digits'"),
    (["--preset=nosuch"], "unknown preset 'nosuch'; known: chollet, iwae, mlp"),
    (["--latnt=2"], "Did you mean: latent"),
    (["--latent=two"], "invalid literal"),
    (["--network=rnn"], "mlp|conv"),
    (["--optimizer=adamm"], "'adamm'; the nearest: adam"),
    (["--optimizer=sgd", "--eps=1e-4"], "--optimizer=sgd has no --eps; it has no hyper-parameters"),
    (["--beta2=1"], "--beta2 must be at most 0.999999"),
    (["--schedule=linear"], "constant|burda|piecewise"),
    (["--schedule=piecewise"], "--boundaries is a list of updates, rising, such as 500,1000, not ''"),
    (["--schedule=piecewise", "--boundaries=9,5"], "--boundaries=9,5 must rise"),
    (["--schedule=piecewise", "--boundaries=5", "--factors=1,2"], "--factors=1,2 are 2 for the 1 of --boundaries=5"),
    (["--schedule=cosine", "--decay_steps=5"], "--decay_steps is for --schedule=exponential or power or inverse_time"),
    (["--plateau_factor=0"], "--plateau_factor must be above 0"),
    (["--l1=-1"], "--l1 must be at least 0"),
    (["positional"], "'positional' is not a flag"),
    (["--steps=5", "--epochs=1"], "--steps or --epochs, not both"),
    (["--learning_rate=0"], "--learning_rate must be above 0"),
    (["--learning_rate=nan"], "--learning_rate must be a finite number"),
    (["--learning_rate=inf"], "--learning_rate must be a finite number"),
    (["--beta=-1"], "--beta must be at least 0"),
    (["--seed=-1"], "--seed must be at least 0"),
    *[([f"--{name}=0"], f"--{name} must be at least 1") for name in ("latent", "hidden", "batch_size", "steps")],
    *[([f"--{name}=-3"], f"--{name} must be at least 1") for name in ("log_every", "eval_every", "checkpoint_every")],
    (["--host_devices=0"], "--host_devices must be at least 1"),
    (["--batch_size=100000"], "100000"),
    (["--dataset=none.npz"], "none.npz"),
    (["--flagfile=none"], "none"),
    (["--workdir="], "--workdir"),
]


@pytest.mark.parametrize(("flags", "fragment"), WRONG, ids=[" ".join(flags) for flags, _ in WRONG])
def test_wrong_input_is_refused_in_a_sentence(flags, fragment, tmp_path, capsys):
    refused(capsys, go(tmp_path, *flags), fragment)
    assert everything(tmp_path) == {}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def archives(tmp_path):
    """Bad .npz files: path -> a fragment of what is said."""
    images = np.zeros((30, 8, 8), np.uint8)
    named = {
        "empty": (b"", "is empty (0 bytes)"),
        "text": (b"not an archive at all", "is not an .npz archive"),
        "no_images": (dict(images=images[:0]), "expected at least one image in 'images'"),
        "pickles": (dict(images=np.array([Bomb(tmp_path / "exploded")], object)), "it holds pickled objects"),
        "flat": (dict(images=np.zeros((30, 64), np.uint8)), "found the shape (30, 64)"),
        "see_through": (dict(images=np.zeros((30, 8, 8, 4), np.uint8)), "expected 1 or 3 channels last"),
        "complex": (dict(images=images.astype(complex)), "found complex128"),
        "too_bright": (dict(images=images + 2.0), "expected floats in [0, 1] in 'images', found 2 to 2"),
        "counts": (dict(images=images, labels=np.zeros(29, int)), "found (29,)"),
        "nothing_known": (dict(pictures=images), "found pictures"),
    }
    for name, (content, fragment) in named.items():
        path = tmp_path / f"{name}.npz"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, **content)
        yield path, fragment
    whole = tmp_path / "truncated.npz"
    np.savez(whole, images=images)
    whole.write_bytes(whole.read_bytes()[:-40])
    yield whole, "cannot be read: File is not a zip file"
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    yield folder, "cannot be read: Is a directory"


def test_bad_archives_are_refused_by_name(tmp_path, capsys):
    for path, fragment in archives(tmp_path):
        for expected in (str(path), fragment):
            refused(capsys, go(tmp_path, f"--dataset={path}"), expected)
        assert not (tmp_path / "run").exists(), path
    assert not (tmp_path / "exploded").exists(), "a pickle was executed"
    pickle.loads(pickle.dumps(Bomb(tmp_path / "proof"))).close()
    assert (tmp_path / "proof").exists(), "the bomb is none"


def test_a_flagfile_that_is_no_text(tmp_path, capsys):
    path = tmp_path / "settings"
    path.write_bytes(bytes(range(256)) * 4)
    code = go(tmp_path, f"--flagfile={path}")
    out, err = capsys.readouterr()
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert "flagfile" in err or "settings" in err
    assert "Traceback" not in out + err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.tex").write_text("42")
    before = everything(tmp_path)
    refused(capsys, go(tmp_path), "holds other files and no run")
    assert everything(tmp_path) == before


def test_a_workdir_that_is_a_link(tmp_path, capsys):
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
    refused(capsys, go(tmp_path), "holds other files and no run")
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
