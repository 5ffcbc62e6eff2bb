"""What pre-training is worth: one layer, pre-trained in several ways, then the same classifier fine-tuned on top.

python -m experiments.pretraining                handwritten digits of 8 x 8 pixels, 64 units
python -m experiments.pretraining --dataset=mnist --validate=10000 --units=1000 --batch_size=100 --label_smoothing=0.1
python -m experiments.pretraining --rows=contractive,none --seeds=5

The protocol of Rifai et al. 2011 (https://icml.cc/2011/papers/455_icmlpaper.pdf): a tied autoencoder of one sigmoid
layer, whose encoder a classifier starts from; its training stops early by the validation images. All seeds of a row are
one compiled program. Finished rows are kept in --workdir. What was measured: experiments/results/stacked.md.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import dbn, stacked
from jaxgen.core.config import knob, values
from jaxgen.core.types import Refused, Stage
from jaxgen.figures.reconstructions import first_filters
from jaxgen.ops.contraction import of_sigmoid_layer, saturation
from jaxgen.ops.imaging import to_unit
from jaxgen.report import page
from jaxgen.report.items import Picture, Table
from jaxgen.run import cli
from jaxgen.run.bar import bar
from jaxgen.run.conduct import read
from jaxgen.run.experiment import Data, Experiment, Setting
from jaxgen.run.machine import forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown
from jaxgen.run.train import policy_of
from jaxgen.study import seeded
from jaxgen.study.kept_rows import keep, read_kept
from jaxgen.study.staged import examined, train_stages

TEXT = (
    "One layer of sigmoid units is trained as an autoencoder of each kind, without labels. Then a softmax layer is put "
    "on its encoder, and both are trained on the labels until the validation accuracy no longer rises."
)
NOTES = {
    "test error": "share of test images whose most probable class is not theirs",
    "validation error": "likewise, the least of all passes",
    "norm": "Frobenius norm of the Jacobian of the code in the image, before the labels, mean over test images",
    "saturated": "share of a code's units below 0.05 or above 0.95, before the labels, mean over test images",
    "passes": "with labels, up to the best validation accuracy, whose parameters are tested",
    "seconds": "of all seeds together, compilation included",
}
PERCENT = ("test error", "validation error", "saturated")


@dataclasses.dataclass(frozen=True)
class Flags:
    """The set, the network, and what each row's pre-training adds."""

    workdir: str = knob("runs/pretraining", "for finished rows and report.html")
    dataset: str = knob("digits", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    validate: int = knob(0, "images of training and validation together that validate; 0: as the set is cut", lower=0)
    rows: str = knob("", "kinds of pre-training, separated by commas; all of them where not given")
    seeds: int = knob(3, "of each row, from 0, trained side by side", lower=1, upper=1000)
    units: int = knob(64, "of the layer", lower=1, upper=2**20)
    batch_size: int = knob(20, "images of an update", lower=1)
    pretrain_epochs: int = knob(15, "passes over the training images without labels", lower=1)
    epochs: int = knob(20, "most passes with labels", lower=1)
    patience: int = knob(5, "passes without a better validation accuracy before a run stops", lower=1)
    pretrain_rate: float = knob(1e-3, "Adam's, without labels", above=0.0)
    machine_rate: float = knob(0.02, "of momentum, without labels, row boltzmann", above=0.0)
    learning_rate: float = knob(1e-3, "Adam's, with labels", above=0.0)
    label_smoothing: float = knob(0.0, "share of a label that is spread over all classes", lower=0.0, upper=1.0)
    schedule: Literal["constant", "cosine"] = knob("constant", "of both rates; cosine falls to 0 at the last pass")
    contraction: float = knob(0.1, "weight of the squared norm of the Jacobian, row contractive", lower=0.0)
    sigma: float = knob(0.3, "standard deviation of the noise, row gaussian", lower=0.0)
    masked: float = knob(0.25, "share of pixels that are set to 0, row masking", lower=0.0, upper=1.0)
    sparsity: float = knob(3.0, "weight of the KL divergence from a mean activation of 0.1, row kl", lower=0.0)
    decay: float = knob(1e-3, "weight of the sum of squared weights, without labels, row decay", lower=0.0)


class Kind(NamedTuple):
    """A row of the table."""

    title: str
    pretraining: Sequence[str]  # flags for the layer alone, of experiments.stacked or, of a machine, experiments.dbn
    published: float | None = None  # test error in % on MNIST: Rifai et al. 2011, table 1


def kinds(flags: Flags) -> dict[str, Kind]:
    """All rows by name."""
    of = lambda name, strength: [f"--pretraining={name}", f"--strength={strength}"]
    return {
        "contractive": Kind("contractive", of("contractive", flags.contraction), 1.14),
        "boltzmann": Kind("Boltzmann machine", [f"--learning_rate={flags.machine_rate}"], 1.30),
        "gaussian": Kind("denoising, Gaussian noise", of("gaussian", flags.sigma), 1.18),
        "masking": Kind("denoising, masked pixels", of("masking", flags.masked), 1.57),
        "kl": Kind("sparse, KL divergence", of("kl", flags.sparsity)),
        "decay": Kind("weight decay", ["--pretraining=plain", f"--l2={flags.decay}"], 1.68),
        "plain": Kind("reconstruction alone", ["--pretraining=plain"], 1.78),
        "none": Kind("no pre-training", ["--pretrain_epochs=0"]),
    }


def planned(flags: Flags) -> tuple[Data, Any, dict[str, list[Stage]]]:
    """The data, the policy of early stopping, and the stages of each row. Raises Refused for flags of no use."""
    every = kinds(flags)
    names = [name for name in flags.rows.split(",") if name] or list(every)
    if unknown := [name for name in names if name not in every]:
        raise Refused(f"--rows are names separated by commas, not {unknown[0]}; known: {', '.join(every)}")
    same = "dataset data_dir validate batch_size pretrain_epochs epochs patience schedule label_smoothing"
    common = [f"--{name}={getattr(flags, name)}" for name in same.split()]
    common += ["--hidden=", f"--latent={flags.units}", "--top=classifier", "--resident_mb=65536"]
    rates = [f"--pretrain_rate={flags.pretrain_rate}", f"--learning_rate={flags.learning_rate}"]
    first = read(stacked.EXPERIMENT, parse(stacked.EXPERIMENT, [*common, *rates]))

    def setting(experiment: Experiment, own: Sequence[str]) -> Setting:
        once = experiment.data._replace(read=lambda flags, config: first.data)  # not anew for each row
        return read(experiment._replace(data=once), parse(experiment, [*common, *own]))

    last, stages = stacked.plan(first)[-1], {}
    for name in names:
        if name == "boltzmann":
            machine = setting(dbn.EXPERIMENT, every[name].pretraining)
            adopt = dbn.above(dbn.machines(machine.config)[-1], last.adopt)
            stages[name] = [dbn.plan(machine)[0], last._replace(adopt=adopt)]
        else:
            layer = setting(stacked.EXPERIMENT, [*rates, *every[name].pretraining])
            stages[name] = [*stacked.plan(layer)[:-1], last]
    return first.data, policy_of(first.flags), stages


@jax.jit
def encoder_measures(layer: Mapping[str, jax.Array], image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Means over images [N, D] of the norm of the Jacobian of one sigmoid layer, and of its saturation."""
    code = jax.nn.sigmoid(to_unit(image) @ layer["kernel"] + layer["bias"][None])
    return jnp.sqrt(of_sigmoid_layer(code, layer["kernel"])).mean(), saturation(code).mean()


def trained(name: str, stages: Sequence[Stage], policy: Any, data: Data, seeds: range) -> tuple[dict[str, Any], Any]:
    """A row as JSON, a number for each seed under each name, and seed 0's State before the fine-tuning."""
    before = np.cumsum([0, *(stage.steps for stage in stages)])
    with bar(int(before[-1]), name) as advance:
        follow = lambda stage, done: advance(int(before[stage]) + done, {})
        ended = list(train_stages(stages, seeds, data.epoch, policy, advanced=follow))
    last, one = ended[-1], lambda n: jax.tree.map(lambda leaf: leaf[n], ended[-1].first)
    image = jnp.asarray(data.examples.test.image)
    measures = [encoder_measures(one(n).params["encoder_0"], image) for n in range(len(seeds))]
    assert data.test is not None  # all sets of images have one
    row = {
        "test error": (1 - examined(stages[-1], data.test, seeds, last.last)).tolist(),
        "validation error": (1 - last.valid.max(0)).tolist(),
        "norm": [float(norm) for norm, _ in measures],
        "saturated": [float(share) for _, share in measures],
        "passes": [int(step) // data.epoch for step in last.best_step],
        "seconds": [sum(each.seconds for each in ended)] * len(seeds),
    }
    return row, one(0)


def table(flags: Flags, rows: Mapping[str, Mapping[str, Sequence[float]]], images: str) -> Table:
    """The rows as a report has them; published errors beside those of the same set."""
    known = lambda error: f" (published: {error:.2f} %)" if error and images == "mnist" else ""
    titles = {name: title + known(published) for name, (title, _, published) in kinds(flags).items()}
    named = {titles[name]: [dict(zip(row, seed)) for seed in zip(*row.values())] for name, row in rows.items()}
    caption = f"{images}, {flags.units:,} units, early stopping by validation accuracy"
    return seeded.table(caption, named, list(NOTES), PERCENT, NOTES)


def pretraining(argv: list[str]) -> list[page.Chapter]:
    """Trains the rows that are not there yet, prints the table, writes the report and returns it."""
    flags, _ = alone("pretraining", Flags, argv, data_dir=os.environ.get("JAXGEN_DATA", ""))
    prepare(1, "")
    folder = Path(os.path.expanduser(flags.workdir))
    data, policy, stages = planned(flags)
    free = ("workdir", "data_dir", "dataset", "rows")
    identity = {"data": data.sha256} | {name: value for name, value in values(flags).items() if name not in free}
    rows, missing = read_kept(folder, identity), list[str]()
    for name in [name for name in stages if name not in rows]:
        rows[name], state = trained(name, stages[name], policy, data, range(flags.seeds))
        filters = first_filters(state, data.examples.shape)._replace(name=name)
        missing += shown(folder / "figures", [filters])[2]
        keep(folder, identity, rows)
        forget_programs()
    result = table(flags, {name: rows[name] for name in stages}, data.examples.name)
    print(*seeded.lines(result), sep="\n")
    paths = {name: folder / "figures" / f"{name}.png" for name in stages}
    caption = "Filters before the labels, seed 0: "
    pictures = [Picture(path, caption + kinds(flags)[name].title) for name, path in paths.items() if path.exists()]
    chapter = page.Chapter("Pre-training", TEXT, pictures=pictures, tables=[result], missing=missing)
    page.write(folder / "report.html", "What pre-training is worth", [chapter])
    print(f"report: {folder / 'report.html'}")
    return [chapter]


if __name__ == "__main__":
    sys.exit(cli.script("experiments.pretraining", __doc__ or "", Flags, pretraining))
