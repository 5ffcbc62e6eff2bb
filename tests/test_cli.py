"""What a user types: every wrong input gets one sentence and exit code 2, and nothing is overwritten."""

import os
import pickle
import shutil
import subprocess
import sys

import floors
import numpy as np
import pytest
import worker

from experiments import vae as vae_experiment
from jaxgen import cli
from jaxgen.core.types import Refused
from jaxgen.techniques.autoencoders import vae

TINY = [
    "--dataset=digits",
    "--steps=4",
    "--batch_size=16",
    "--hidden=8",
    "--latent=2",
    "--log_every=2",
    "--eval_every=2",
]


def go(tmp_path, *flags):
    return cli.main(worker.COMMAND, [*TINY, f"--workdir={tmp_path / 'run'}", *flags])


def everything(place):
    """path -> bytes of all files below a folder."""
    return {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}


def refused(capsys, code, fragment):
    out, err = capsys.readouterr()
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert fragment in err
    assert "Traceback" not in out + err


WRONG = [
    (["--dataset=nosuch"], "known are digits, glyphs"),
    (["--dataset=digit"], "did you mean 'digits'"),
    (["--preset=nosuch"], "unknown preset 'nosuch'; known: chollet, mlp"),
    (["--latnt=2"], "Did you mean: latent"),
    (["--latent=two"], "invalid literal"),
    (["--network=rnn"], "mlp|conv"),
    (["--optimizer=adamw2"], "sgd|momentum|rmsprop|adam"),
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
        "empty": (b"", ""),
        "text": (b"not an archive at all", ""),
        "no_images": (dict(images=images[:0]), ""),
        "pickles": (dict(images=np.array([Bomb(tmp_path / "exploded")], object)), ""),
        "flat": (dict(images=np.zeros((30, 64), np.uint8)), "[N, H, W"),
        "complex": (dict(images=images.astype(complex)), "complex"),
        "too_bright": (dict(images=images + 2.0), ""),
        "counts": (dict(images=images, labels=np.zeros(29, int)), "29"),
        "nothing_known": (dict(pictures=images), "pictures"),
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
    yield whole, ""


def test_bad_archives_are_refused_by_name(tmp_path, capsys):
    for path, fragment in archives(tmp_path):
        code = go(tmp_path, f"--dataset={path}")
        refused(capsys, code, fragment)
        assert not (tmp_path / "run").exists(), path
    code = go(tmp_path, f"--dataset={tmp_path / 'pickles.npz'}")
    refused(capsys, code, "pickles.npz")
    assert not (tmp_path / "exploded").exists(), "a pickle was executed"
    with pytest.raises(pickle.UnpicklingError):  # the bomb is one
        pickle.loads(pickle.dumps(Bomb(tmp_path / "exploded"))[:-5] + b"!")


def test_the_same_command_resumes_and_another_one_is_refused(tmp_path, capsys):
    assert go(tmp_path) == 0
    capsys.readouterr()
    before = everything(tmp_path)
    refused(capsys, go(tmp_path, "--latent=3", "--seed=1"), "seed: 0 there, 1 now; latent: 2 there, 3 now")
    assert everything(tmp_path) == before
    assert go(tmp_path, "--steps=6") == 0
    assert "going on at step 4" in capsys.readouterr().err
    assert len((tmp_path / "run/metrics.jsonl").read_bytes().splitlines()) == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.tex").write_text("42")
    before = everything(tmp_path)
    refused(capsys, go(tmp_path), "holds other files and no run")
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
        "from jaxgen import cli; sys.exit(cli.main(worker.COMMAND))"
    )
    flags = [*TINY, "--steps=40", "--checkpoint_every=1000", f"--workdir={tmp_path / 'run'}"]
    command = [sys.executable, "-c", code, *flags]
    path = os.pathsep.join([str(floors.root()), str(floors.root() / "tests")])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot write in" in done.stderr.splitlines()[-1]


def test_divergence_names_the_last_good_checkpoint(tmp_path, capsys):
    assert go(tmp_path) == 0
    capsys.readouterr()
    flags = ["--learning_rate=1e30", "--optimizer=sgd", f"--workdir={tmp_path / 'wild'}", "--steps=20"]
    assert go(tmp_path, *flags) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "training diverged" in last
    assert "checkpoint" in last
    assert not list((tmp_path / "wild/checkpoints").glob("[0-9]*")), "parameters that are not finite were kept as good"


def test_presets_flags_and_defaults_in_order():
    parse = lambda *argv, **defaults: cli.parse(worker.COMMAND._replace(defaults=defaults), argv)
    flags, config = parse(steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.workdir) == (7, None, 9, "runs/worker")
    flags, config = parse("--preset=chollet", steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.optimizer) == (None, 10, 2, "rmsprop")
    flags, config = parse("--preset=chollet", "--latent=5", "--steps=3", steps=7)
    assert (flags.steps, flags.epochs, config.latent, config.network) == (3, None, 5, "conv")


def test_flagfile(tmp_path):
    file = tmp_path / "flags"
    file.write_text("--latent=7\n--steps=3\n")
    flags, config = cli.parse(worker.COMMAND, [f"--flagfile={file}", "--steps=4"])
    assert (config.latent, flags.steps) == (7, 4)


def test_data_dir_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("JAXGEN_DATA", "/somewhere")
    assert cli.parse(worker.COMMAND, [])[0].data_dir == "/somewhere"
    assert cli.parse(worker.COMMAND, ["--data_dir=here"])[0].data_dir == "here"


def test_help_is_short_and_names_every_flag(capsys):
    assert cli.main(vae_experiment.COMMAND, ["--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 60
    from jaxgen.core.config import knobs

    assert all(f"--{knob.name}=" in text for knob in [*knobs(vae.Config), *knobs(cli.RunFlags)])
    assert all(preset in text for preset in vae.PRESETS)


def test_load_gives_technique_and_state(tmp_path):
    assert go(tmp_path) == 0
    technique, state = cli.load(tmp_path / "run")
    assert int(state.step) == 4
    import jax

    image = technique.infer["sample"](state, jax.random.key(0), ())
    assert image.shape == (64,)
    with pytest.raises(Refused, match="holds no run"):
        cli.load(tmp_path)
