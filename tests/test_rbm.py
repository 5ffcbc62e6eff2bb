"""Boltzmann machines and networks of them from end to end, and what their scripts refuse."""

import json

import jax
import numpy as np
import pytest

from experiments import dbn, documents, rbm
from jaxgen.data.text import documents as texts
from jaxgen.figures import chains
from jaxgen.run import cli
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Watch
from jaxgen.run.load import load

TINY = "--dataset=digits --hidden=6 --batch_size=64 --log_every=4 --eval_every=4 --checkpoint_every=4"


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(chains, "STEPS", (1, 3))
    monkeypatch.setattr(chains, "FRAMES", 3)
    monkeypatch.setattr(chains, "FILLED", 3)


@pytest.mark.ci
def test_a_machine_draws_and_reports_everything(tmp_path):
    flags = f"{TINY} --steps=8 --temperatures=9 --runs=5 --workdir={tmp_path / 'run'}"
    assert cli.main(rbm.EXPERIMENT, flags.split()) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    names = ["nll_exact", "nll", "nll_error", "nll_downwards", "pseudo_nll", "squared_error", "free_energy"]
    assert list(summary["metrics"]) == [f"test_{name}" for name in names]
    values = {name: summary["metrics"][f"test_{name}"]["value"] for name in names}
    assert np.isfinite(list(values.values())).all()
    assert "9 temperatures, 5 runs" in summary["metrics"]["test_nll"]["definition"]
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    figures = {"filters.png", "training.gif", "reconstructions.png", "chains.png", "from_noise.gif", "filled_half.png"}
    assert figures | {"free_energies.png", "free_energy.jsonl"} <= drawn
    rows = [json.loads(line) for line in (tmp_path / "run/samples/free_energy.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 4, 8]
    assert all(row["gap"] == pytest.approx(row["valid"] - row["train"]) for row in rows)


class Killed(Exception):
    """Leaves a run as SIGKILL does: without a word."""


@pytest.mark.ci
@pytest.mark.parametrize(("step", "top"), [(4, "machine"), (12, "machine"), (20, "classifier")])
def test_left_in_any_stage_it_ends_at_the_same_bytes(step, top, tmp_path):
    """With persistent chains; in the second stage the carry holds a machine, in the third nothing."""

    def look(setting, stages):
        def at(number, total, state):
            if total == step:
                raise Killed
            return []

        return at

    flags = f"{TINY} --hidden=7 --latent=5 --pretrain_steps=8 --chains=persistent --top={top}".split()
    flags += ["--labelled" if top == "machine" else "--steps=8"]
    silent = dbn.EXPERIMENT._replace(show=lambda setting, result: [], watch=None)
    with pytest.raises(Killed):
        conduct(silent._replace(watch=Watch(look)), [*flags, f"--workdir={tmp_path / 'killed'}"])
    for name in ("killed", "whole"):
        conduct(silent, [*flags, f"--workdir={tmp_path / name}"])
    ends = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("killed", "whole")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert ends[0]["metrics"] == ends[1]["metrics"]


@pytest.mark.ci
def test_a_labelled_network_is_drawn_by_class(tmp_path):
    flags = f"{TINY} --hidden=7 --latent=5 --pretrain_steps=4 --labelled --workdir={tmp_path / 'run'}"
    assert cli.main(dbn.EXPERIMENT, flags.split()) == 0
    assert "test_accuracy" in json.loads((tmp_path / "run/summary.json").read_text())["metrics"]
    assert {"by_class.png", "chains.png"} <= {path.name for path in (tmp_path / "run/samples").iterdir()}


@pytest.mark.ci
@pytest.mark.parametrize("top", ["classifier", "autoencoder"])
def test_machines_become_another_network(top, tmp_path):
    flags = f"{TINY} --hidden=7 --latent=5 --pretrain_steps=4 --steps=4 --top={top} --workdir={tmp_path / 'run'}"
    flags += " --optimizer=momentum --tuning_optimizer=adam"
    assert cli.main(dbn.EXPERIMENT, flags.split()) == 0
    config = json.loads((tmp_path / "run/config.json").read_text())
    modules = [stage["technique"].rsplit(".", 1)[-1] for stage in config["stages"]]
    assert modules == ["dbn", "dbn", "stacked_autoencoder"]
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert {"classifier": "confusion.png", "autoencoder": "reconstructions.png"}[top] in drawn
    assert {f"filters-{step:08d}.png" for step in (0, 4, 8, 12)} <= drawn
    assert [stage["optimizers"] for stage in config["stages"]] == [[0], [0], [1]]
    _, state = load(tmp_path / "run")  # in the fine-tuning: Adam has two moments of a kernel, momentum has one
    kernel = state.params["encoder_0"]["kernel"]
    assert sum(leaf.shape == kernel.shape for leaf in jax.tree.leaves(state.opt)) == 2


@pytest.mark.ci
@pytest.mark.parametrize("latent", [2, 3])
def test_codes_of_documents_are_compared(latent, tmp_path, monkeypatch):
    topics = {"cats": "mouse milk purr fur", "cars": "wheel motor road fuel", "songs": "choir voice tune chord"}
    rng = np.random.default_rng(0)
    every = [(" ".join(rng.choice(words.split(), 9)), name) for name, words in topics.items() for _ in range(40)]
    monkeypatch.setattr(texts, "docstrings", lambda: every)
    flags = f"--hidden= --latent={latent} --vocabulary=12 --batch_size=20 --pretrain_steps=20 --steps=120"
    flags += (
        f" --words=9 --optimizer=adam --tuning_rate=0.1 --log_every=20 --eval_every=20 --workdir={tmp_path / 'run'}"
    )
    assert cli.main(documents.EXPERIMENT, flags.split()) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert 0 < summary["metrics"]["test_multinomial"]["value"] < np.log(12) - 0.5  # as of words that are all alike
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    planes = {"plane.png", "plane_lsa.png"} if latent == 2 else set()
    assert drawn == {"neighbours.png"} | planes
    assert "LSA, " in (tmp_path / "run/report.html").read_text()
    assert cli.main(documents.EXPERIMENT, [*flags.split(), "--batch_size=999", f"--workdir={tmp_path / 'no'}"]) == 2


@pytest.mark.ci
def test_bad_input_is_told_in_a_sentence(tmp_path, capsys):
    np.savez(tmp_path / "wide.npz", images=np.full((100, 4, 4), 2.0, np.float32))
    np.savez(tmp_path / "alone.npz", images=np.zeros((100, 4, 4), np.uint8))
    cases = {
        "--hidden=0": (rbm, "--hidden must be at least 1"),
        "--k=0": (rbm, "--k must be at least 1"),
        "--temperatures=1": (rbm, "--temperatures are at least 2, or 0 for no likelihood, not 1"),
        f"--dataset={tmp_path / 'wide.npz'}": (rbm, "[0, 1]"),
        f"--dataset={tmp_path / 'alone.npz'} --labelled": (rbm, "at least"),
        "--pixels=gaussian --units=linear": (rbm, "--units=linear"),
        "--hidden=5,0": (dbn, "hidden"),
        "--pixels=counts": (dbn, "is for documents"),
        "--steps=5": (dbn, "--steps is of the fine-tuning, and with --top=machine there is none"),
        "--label_smoothing=0.1": (dbn, "--label_smoothing is of the fine-tuning"),
        "--tuning_noise=0.1 --top=autoencoder": (dbn, "--tuning_noise is for --top=classifier"),
        "--pretrain_epochs=0": (dbn, "--top=machine without --pretrain_epochs"),
        f"--dataset={tmp_path / 'alone.npz'} --top=classifier": (dbn, "at least"),
    }
    for flags, (script, message) in cases.items():
        workdir = tmp_path / "refused"
        assert cli.main(script.EXPERIMENT, [*flags.split(), f"--workdir={workdir}"]) == 2
        error = capsys.readouterr().err
        assert message in error, (flags, error)
        assert error.count("\n") == 1
        assert not workdir.exists()


@pytest.mark.ci
def test_other_widths_are_not_inherited(tmp_path, capsys):
    assert cli.main(rbm.EXPERIMENT, [*TINY.split(), "--steps=4", f"--workdir={tmp_path / 'first'}"]) == 0
    capsys.readouterr()
    again = [*TINY.split(), "--steps=4", f"--init_from={tmp_path / 'first'}"]
    for more in ("--hidden=9", "--batch_size=32"):
        assert cli.main(rbm.EXPERIMENT, [*again, more, f"--workdir={tmp_path / 'second'}"]) == 2
        assert "is another architecture" in capsys.readouterr().err
    assert cli.main(rbm.EXPERIMENT, [*again, f"--workdir={tmp_path / 'third'}"]) == 0
