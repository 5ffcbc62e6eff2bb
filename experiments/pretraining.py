"""What pre-training is worth: one layer, pre-trained in several ways, then the same classifier fine-tuned on top.

python -m experiments.pretraining                handwritten digits of 8 x 8 pixels, 64 units
python -m experiments.pretraining --dataset=mnist --validate=10000 --units=1000 --batch_size=100 --schedule=cosine
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

from experiments import stacked
from jaxgen.core.config import knob, values
from jaxgen.core.types import Refused, Stage
from jaxgen.figures.reconstructions import first_filters
from jaxgen.ops.contraction import of_sigmoid_layer, saturation
from jaxgen.ops.imaging import to_unit
from jaxgen.report import page
from jaxgen.report.items import Cell, Picture, Table
from jaxgen.run import cli
from jaxgen.run.bar import bar
from jaxgen.run.conduct import read
from jaxgen.run.experiment import Data
from jaxgen.run.machine import forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown
from jaxgen.run.train import policy_of
from jaxgen.study.intervals import KINDS, interval
from jaxgen.study.kept_rows import keep, read_kept
from jaxgen.study.staged import examined, train_stages

TEXT = (
    "One layer of sigmoid units is trained as an autoencoder of each kind, without labels. Then a softmax layer is put "
    "on its encoder, and both are trained on the labels until the validation accuracy no longer rises."
)


@dataclasses.dataclass(frozen=True)
class Flags:
    """The set, the network, and what each row's pre-training adds."""

    workdir: str = knob("runs/pretraining", "for finished rows and report.html")
    dataset: str = knob("digits", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    validate: int = knob(0, "images of training and validation together that validate; 0: as the set is cut", lower=0)
    rows: str = knob("contractive,gaussian,masking,kl,decay,plain,none", "kinds of pre-training, separated by commas")
    seeds: int = knob(3, "of each row, from 0, trained side by side", lower=1, upper=1000)
    units: int = knob(64, "of the layer", lower=1, upper=2**20)
    batch_size: int = knob(20, "images of an update", lower=1)
    pretrain_epochs: int = knob(15, "passes over the training images without labels", lower=1)
    epochs: int = knob(20, "most passes with labels", lower=1)
    patience: int = knob(5, "passes without a better validation accuracy before a run stops", lower=1)
    pretrain_rate: float = knob(1e-3, "Adam's, without labels", above=0.0)
    learning_rate: float = knob(1e-3, "Adam's, with labels", above=0.0)
    schedule: Literal["constant", "cosine"] = knob("constant", "of both rates; cosine falls to 0 at the last pass")
    contraction: float = knob(0.1, "weight of the squared norm of the Jacobian, row contractive", lower=0.0)
    sigma: float = knob(0.3, "standard deviation of the noise, row gaussian", lower=0.0)
    masked: float = knob(0.25, "share of pixels that are set to 0, row masking", lower=0.0, upper=1.0)
    sparsity: float = knob(3.0, "weight of the KL divergence from a mean activation of 0.1, row kl", lower=0.0)
    decay: float = knob(1e-3, "weight of the sum of squared weights, without labels, row decay", lower=0.0)


class Kind(NamedTuple):
    """A row of the table."""

    title: str
    pretraining: Sequence[str]  # flags of experiments.stacked, for the layer alone
    published: float | None = None  # test error in % on MNIST: Rifai et al. 2011, table 1


def kinds(flags: Flags) -> dict[str, Kind]:
    """All rows by name."""
    of = lambda name, strength: [f"--pretraining={name}", f"--strength={strength}"]
    return {
        "contractive": Kind("contractive", of("contractive", flags.contraction), 1.14),
        "gaussian": Kind("denoising, Gaussian noise", of("gaussian", flags.sigma), 1.18),
        "masking": Kind("denoising, masked pixels", of("masking", flags.masked), 1.57),
        "kl": Kind("sparse, KL divergence", of("kl", flags.sparsity)),
        "decay": Kind("weight decay", ["--pretraining=plain", f"--l2={flags.decay}"], 1.68),
        "plain": Kind("reconstruction alone", ["--pretraining=plain"], 1.78),
        "none": Kind("no pre-training", ["--pretrain_epochs=0"]),
    }


def planned(flags: Flags) -> tuple[Data, Any, dict[str, list[Stage]]]:
    """The data, the policy of early stopping, and the stages of each row. Raises Refused for flags of no use."""
    names, every = [name for name in flags.rows.split(",") if name], kinds(flags)
    if unknown := [name for name in names if name not in every] or ([] if names else ["nothing"]):
        raise Refused(f"--rows are names separated by commas, not {unknown[0]}; known: {', '.join(every)}")
    same = "dataset data_dir validate batch_size pretrain_epochs epochs patience pretrain_rate learning_rate schedule"
    common = [f"--{name}={getattr(flags, name)}" for name in same.split()]
    common += ["--hidden=", f"--latent={flags.units}", "--top=classifier", "--resident_mb=65536"]
    first = read(stacked.EXPERIMENT, parse(stacked.EXPERIMENT, common))
    once = stacked.EXPERIMENT.data._replace(read=lambda flags, config: first.data)  # not anew for each row
    experiment = stacked.EXPERIMENT._replace(data=once)
    last, stages = stacked.plan(first)[-1], {}
    for name in names:
        layer = read(experiment, parse(experiment, [*common, *every[name].pretraining]))
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
    last = ended[-1]
    one = lambda n: jax.tree.map(lambda leaf: leaf[n], last.first)
    image = jnp.asarray(data.examples.test.image)
    measures = [encoder_measures(one(n).params["encoder_0"], image) for n in range(len(seeds))]
    assert data.test is not None  # all sets of images have one
    row = {
        "test": (100 * (1 - examined(stages[-1], data.test, seeds, last.last))).tolist(),
        "valid": (100 * (1 - last.valid.max(0))).tolist(),
        "jacobian": [float(norm) for norm, _ in measures],
        "saturated": [100 * float(share) for _, share in measures],
        "epochs": [int(step) // data.epoch for step in last.best_step],
        "seconds": sum(each.seconds for each in ended),
    }
    return row, one(0)


def spread(numbers: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """Their mean, and the interval where there is one."""
    mean, low, high, kind = interval(numbers)
    ends = f" ({low:.{digits}f} to {high:.{digits}f})" if kind else ""
    return f"{mean:.{digits}f}{unit}{ends}"


def table(flags: Flags, rows: Mapping[str, Mapping[str, Any]], images: str) -> Table:
    """The rows as a report has them; published errors beside those of the same set."""
    columns = ["pre-training", "test error", "published", "validation error", "norm", "saturated", "passes", "time"]
    lines, kind = [], ""
    for name, row in rows.items():
        title, _, published = kinds(flags)[name]
        kind = interval(row["test"]).kind
        texts = [title, spread(row["test"], " %"), f"{published} %" if published and images == "mnist" else "–"]
        texts += [spread(row["valid"], " %"), spread(row["jacobian"]), spread(row["saturated"], " %", 1)]
        lines.append([Cell(text) for text in (*texts, spread(row["epochs"], digits=0), f"{row['seconds']:.0f} s")])
    notes = {
        "published": "on MNIST, 1,000 units: Rifai et al. 2011, table 1",
        "norm": "Frobenius norm of the Jacobian of the code in the image, before the labels, mean over test images",
        "saturated": "share of a code's units below 0.05 or above 0.95, before the labels, mean over test images",
        "passes": "with labels, up to the best validation accuracy, whose parameters are tested",
        "time": "of all seeds together, compilation included",
    }
    ends = f"; means of {flags.seeds} seeds with {KINDS[kind]}" if kind else ""
    caption = f"{images}, {flags.units:,} units, early stopping by validation accuracy{ends}"
    return Table(caption, columns, lines, notes=notes)


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
    rows = {name: rows[name] for name in stages}
    result = table(flags, rows, data.examples.name)
    print(" | ".join(result.columns), *(" | ".join(cell.text for cell in row) for row in result.rows), sep="\n")
    paths = {name: folder / "figures" / f"{name}.png" for name in rows}
    caption = "Filters before the labels, seed 0: "
    pictures = [Picture(path, caption + kinds(flags)[name].title) for name, path in paths.items() if path.exists()]
    chapter = page.Chapter("Pre-training", TEXT, pictures=pictures, tables=[result], missing=missing)
    page.write(folder / "report.html", "What pre-training is worth", [chapter])
    print(f"report: {folder / 'report.html'}")
    return [chapter]


if __name__ == "__main__":
    sys.exit(cli.script("experiments.pretraining", __doc__ or "", Flags, pretraining))
