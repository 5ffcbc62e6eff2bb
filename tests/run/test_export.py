"""Parameters as a file of safetensors, and a run that is read while it trains."""

import json
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from worker import everything, go, refused

from jaxgen.core.types import Refused
from jaxgen.run import checkpoint
from jaxgen.run.export import export
from jaxgen.run.load import load_run
from jaxgen.run.results import without_constant_rates

safetensors = pytest.importorskip("safetensors")


def read(path):
    with safetensors.safe_open(path, "numpy") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, file.metadata()


def test_a_finished_run_is_exported(tmp_path):
    """By the same command with one flag more; the arrays are those that `load` gives, the hash that of the summary."""
    assert go(tmp_path) == 0
    assert go(tmp_path, f"--export={tmp_path / 'new/vae.safetensors'}") == 0
    arrays, metadata = read(tmp_path / "new/vae.safetensors")
    run = load_run(tmp_path / "run")
    leaves = {jax.tree_util.keystr(at, simple=True, separator="."): leaf for at, leaf in tree(run.state.params)}
    assert arrays.keys() == leaves.keys()
    assert all(np.array_equal(arrays[name], leaf) for name, leaf in leaves.items())
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert (metadata["technique"], metadata["params_sha256"]) == (run.module, summary["params_sha256"])
    assert json.loads(metadata["config"])["latent"] == 2


def tree(params):
    return jax.tree_util.tree_leaves_with_path(params)


@pytest.mark.ci
def test_any_tree_of_arrays_is_exported(tmp_path):
    """Half precision, a scalar, a list; one array alone; a type that the format lacks is refused."""
    path, params = str(tmp_path / "x"), {"a": [jnp.ones(2, jnp.bfloat16), jnp.float32(2)], "b": np.ones((3, 2)).T}
    export(path, params, "t", {}, "")
    arrays, _ = read(path)
    assert {name: array.shape for name, array in arrays.items()} == {"a.0": (2,), "a.1": (), "b": (2, 3)}
    assert arrays["a.0"].astype(np.float32).tolist() == [1.0, 1.0]
    export(path, jnp.ones(3), "t", {}, "")
    assert list(read(path)[0]) == ["params"]
    with pytest.raises(Refused, match=r"cannot write .*Unknown dtype .int4"):
        export(path, jnp.ones(3, jnp.int4), "t", {}, "")
    assert list(read(path)[0]) == ["params"]


def test_what_cannot_be_exported_is_refused_before_training(tmp_path, capsys, monkeypatch):
    refused(capsys, go(tmp_path, f"--export={tmp_path}"), "is a directory; it must name a file")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    refused(capsys, go(tmp_path, f"--export={tmp_path / 'x'}"), "--export needs safetensors: pip install")
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("seen", ["while it is read", pytest.param("before", marks=pytest.mark.ci)])
def test_a_run_is_loaded_while_it_trains(seen, tmp_path, monkeypatch, capsys):
    """The checkpoint that was found is removed, as newer ones come: the newest is read instead, without a word."""
    assert go(tmp_path, "--checkpoint_every=2") == 0
    directory, restore = tmp_path / "run/checkpoints", checkpoint.restore
    old = checkpoint.candidates(directory)[1]
    shutil.move(checkpoint.candidates(directory)[0], tmp_path / "newer")

    def late(*arguments, **options):
        monkeypatch.undo()
        shutil.move(tmp_path / "newer", directory / "00-00000004")
        shutil.rmtree(old)
        if seen == "before":
            monkeypatch.setattr(checkpoint, "candidates", lambda directory: [old])
        try:
            return restore(*arguments, **options) if seen == "before" else old.stat()
        finally:
            monkeypatch.undo()

    monkeypatch.setattr(checkpoint, "restore", late)
    assert int(load_run(tmp_path / "run").state.step) == 4
    assert "warning" not in capsys.readouterr().err


def test_a_rate_that_never_changes_has_no_chart():
    rows = [{"step": n, "train": {"loss": 1.0, "rate": 0.1, "rate critic": 0.1 * n}} for n in range(2)] + [{"step": 2}]
    kept = without_constant_rates(rows)
    assert [list(row.get("train", ())) for row in kept] == [["loss", "rate critic"]] * 2 + [[]]
    assert list(rows[0]["train"]) == ["loss", "rate", "rate critic"]
