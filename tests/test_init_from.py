"""A run that starts from another one's parameters: what it refuses, and exact resuming."""

import json

import chex
import jax
import pytest
from worker import TINY, everything, go, refused

from experiments import vae as vae_experiment
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Refused, Source, Stage
from jaxgen.data.images import sets
from jaxgen.data.sources import holdout
from jaxgen.run import cli
from jaxgen.run.inherit import starting_from
from jaxgen.run.load import load
from jaxgen.run.provenance import fingerprint
from jaxgen.techniques.autoencoders import vae

pytestmark = pytest.mark.ci
# Too little to change a float32.
STILL = ("--optimizer=sgd", "--learning_rate=1e-30", "--steps=1")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run that overshoots, and keeps the best it saw."""
    workdir = tmp_path_factory.mktemp("runs") / "source"
    assert go(workdir.parent, f"--workdir={workdir}", "--patience=9", "--learning_rate=0.7", "--steps=8") == 0
    return workdir


def test_a_run_starts_from_the_best_parameters_of_another(source, tmp_path):
    """On other data, of which it takes a part."""
    flags = [*TINY, *STILL, f"--workdir={tmp_path / 'run'}", f"--init_from={source}", "--classes=0-4", "--per_class=20"]
    assert cli.main(vae_experiment.EXPERIMENT, flags) == 0
    (technique, ours), (_, theirs) = load(tmp_path / "run"), load(source)
    chex.assert_trees_all_equal(ours.params, theirs.params)
    assert int(ours.step) == 1
    rows = [json.loads(line)["valid"] for line in (source / "metrics.jsonl").read_text().splitlines()]
    values = [row["negative_elbo_greyscale"] for row in rows]
    assert 2 * min(values) < values[-1], "the last parameters are as good as the best: the test would show nothing"
    again = evaluate(technique.evaluate, ours, holdout(sets.load("digits").valid._asdict(), 16), jax.random.key(0))
    assert again["negative_elbo_greyscale"].value == pytest.approx(min(values), rel=0.1)  # other draws of the codes
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["init_from"] == fingerprint((theirs.params, theirs.carry))
    assert config["free"]["init_from"] == str(source)
    assert (config["flags"]["classes"], config["flags"]["per_class"]) == ("0-4", 20)


def test_resuming_is_exact(source, tmp_path):
    """From the same source, wherever it is by then."""

    def train(name, init_from, *flags):
        assert go(tmp_path, f"--workdir={tmp_path / name}", f"--init_from={init_from}", *flags) == 0
        return fingerprint(load(tmp_path / name)[1])

    whole = train("whole", source, "--steps=8")
    assert train("parts", source, "--steps=3") != whole
    moved = source.rename(tmp_path / "moved")
    try:
        assert train("parts", moved, "--steps=8") == whole
    finally:
        moved.rename(source)


def test_resuming_from_another_source_is_refused(source, tmp_path, capsys):
    assert go(tmp_path, f"--init_from={source}", "--steps=1") == 0
    capsys.readouterr()
    before = everything(tmp_path)
    refused(capsys, go(tmp_path), 'holds another configuration (init_from: "')
    refused(capsys, go(tmp_path, f"--init_from={source}", "--per_class=9"), "per_class: null there, 9 now")
    refused(
        capsys, go(source.parent, f"--workdir={source}", f"--init_from={tmp_path / 'run'}"), "init_from: null there"
    )
    assert everything(tmp_path) == before


def test_a_run_from_before_these_flags_goes_on(tmp_path):
    assert go(tmp_path) == 0
    path = tmp_path / "run/config.json"
    config = json.loads(path.read_text())
    assert "init_from" not in config
    for name in ("classes", "per_class", "init_from"):
        assert name not in config["flags"]
        del config["free"][name]
    path.write_text(json.dumps(config))
    assert go(tmp_path, "--steps=6") == 0
    assert int(load(tmp_path / "run")[1].step) == 6


def test_what_cannot_be_started_from(source, tmp_path, capsys):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/config.json").write_bytes((source / "config.json").read_bytes())
    before, says = everything(tmp_path), lambda *flags: (capsys, go(tmp_path, *flags))
    refused(*says("--init_from=nowhere"), "nowhere holds no run: nowhere/config.json is missing")
    refused(*says(f"--init_from={tmp_path / 'begun'}"), f"{tmp_path / 'begun'} has no checkpoint yet")
    wider = "decoder.layers_0.bias is [8] there and [9] here"
    refused(*says(f"--init_from={source}", "--hidden=9"), f"--init_from={source} is another architecture: {wider}")
    refused(*says(f"--init_from={source}", "--likelihood=gaussian"), "is another architecture: it has no log_sigma")
    assert everything(tmp_path) == before
    stages = [Stage(vae.make(), Source((), None), 1, module="toys")]
    with pytest.raises(Refused, match=r"is a run of jaxgen\.techniques\.autoencoders\.vae, and this is one of toys"):
        starting_from(str(source), stages)
    assert starting_from("", stages) == (stages, None)
