"""Classifier of digits in one half of an image, alone or beside another one: to ask where its evidence is.

python -m experiments.halves                                      handwritten digits, 8 x 16 pixels
python -m experiments.halves --company=0 --channels=16,32         never two at once; a narrower network
python -m experiments.attribution --pairs=100 --network=runs/halves

What its heat maps find: experiments/results/attribution.md.
"""

import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import classify
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.images import sets
from jaxgen.data.images.halves import Pairs, halves, pairs
from jaxgen.figures import localization
from jaxgen.figures.localization import shares
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.run import cli, image_reader, judges
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Data, Reader, nothing
from jaxgen.run.fixed_networks import Fixed
from jaxgen.run.flags import DATA
from jaxgen.run.targets import probe_of, size_of
from jaxgen.study.intervals import KINDS, interval, wilson
from jaxgen.techniques.vision import cnn

TEXT = (
    "A classifier has learnt to tell the digit in one half of an image, alone or beside another one. Of two digits "
    "side by side, what speaks for the one should be on its half and not on the other."
)
OFTEN = (0.5, 0.7)  # of a map's mass
PAIRS_SEED = 0


@dataclasses.dataclass(frozen=True)
class HalvesFlags(image_reader.ImageFlags):
    """The flags of images that are made of two."""

    company: float = knob(
        0.5,
        "share of images in whose other half is another digit; it is black in the rest",
        lower=0.0,
        upper=1.0,
        group=DATA,
    )


def read(flags: HalvesFlags, config: Any) -> Data:
    """Images made of pairs of a set's. Raises Refused, see `image_reader.read`."""
    del config
    return image_reader.data_of(halves(image_reader.read_dataset(flags, 2), flags.company), flags)


EXPERIMENT = classify.EXPERIMENT._replace(
    name="experiments.halves",
    doc=__doc__ or "",
    title="Digits in halves of an image",
    text="A digit stands in one half of each image, and the classifier is to tell which. In some images there is "
    "another one in the other half: the label is either of them, and the best it can do is to find both.",
    technique=cnn,
    data=Reader(HalvesFlags, read),
    presets={},
    watch=None,
    show=nothing,
    defaults={
        "dataset": "digits",
        "channels": "32,64,128",
        "hidden": "",  # dense layers would mix the halves
        "batch_size": 64,
        "learning_rate": 2e-3,
        "steps": 400,
        "log_every": 200,
        "eval_every": 400,
    },
)


def located(flags: Any) -> tuple[Iterator[Figure], list[Table], str, str]:
    """Figures, tables, title and text of how much of the maps of digits is on their own half; prints the table.

    The classifier is trained first, once, in the folder `classifier` of --workdir, or is that of --network.

    Raises Refused where that run reads other images, or has no such layer.
    """
    directory = flags.network
    if directory == "auto":
        directory = os.path.join(os.path.expanduser(flags.workdir), "classifier")
        argv = [f"--workdir={directory}", f"--compilation_cache={flags.compilation_cache}"]
        judges.ensure(directory, lambda: conduct(EXPERIMENT, argv))
    probe, digits = (
        probe_of(dataclasses.replace(flags, network=directory), "", flags.layer, classify.EXPERIMENT),
        sets.load("digits"),
    )
    made = pairs(getattr(digits, flags.split), digits.shape, flags.pairs, PAIRS_SEED)
    if size_of(probe) != made.image.shape[1:3] or probe.fixed.labels != digits.classes or not probe.below:
        raise Refused(f"--network={directory} is no network with convolutions for the images of experiments.halves")
    print(f"network: {probe.fixed.origin}", flush=True)
    maps = localization.maps_of(probe.fixed, probe.below, made)
    table = summary(maps, flags.split, recognised(probe.fixed, made))
    return localization.show(made, maps, digits.classes), [table], "Two digits side by side", TEXT


def recognised(fixed: Fixed, made: Pairs) -> float:
    """The share of pairs whose two digits are the two most probable classes."""
    top = fixed.network.activations[-1]
    logits = jax.jit(lambda variables, images: fixed.network.apply(variables, images, (top,))[top])
    two = np.argsort(-np.asarray(logits(fixed.variables, jnp.asarray(made.image))))[:, :2]
    return float((np.sort(two) == np.sort(made.label)).all(1).mean())


def summary(maps: Mapping[str, np.ndarray], split: str, both: float) -> Table:
    """How much of the maps is on the digit's half, and how often; prints it."""
    rows, count = [], len(next(iter(maps.values())))
    caption = (
        f"{count} pairs of digits of the {split} split, in {both:.0%} of which they are the two most probable classes"
    )
    print(caption)
    for method, values in maps.items():
        share = shares(values)
        nonzero = share[~np.isnan(share).any(1)]
        mean, low, high, kind = interval(nonzero.mean(1))
        texts = [f"{100 * mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})"]
        for least in OFTEN:
            often = float(np.mean(np.nan_to_num(share, nan=0.0) >= least))
            low, high = wilson(often, count)
            texts.append(f"{100 * often:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
        texts.append(f"{100 * float(np.isnan(share).mean()):.1f} %")
        print(
            f"{method}: {texts[0]} of the mass; at least half: {texts[1]}; at least 70 %: {texts[2]}; zeros: {texts[3]}"
        )
        rows.append([Cell(text) for text in (method, *texts)])
    columns = ["map", "mass on the digit's half", "at least 50 %", "at least 70 %", "all zeros"]
    ends = KINDS.get(kind, "no interval")
    notes = {
        "mass on the digit's half": f"mean over pairs in which neither map is all zeros, with {ends}; of integrated "
        "gradients and occlusion what is positive",
        "at least 70 %": "share of all maps, two of each pair; a map of zeros is a miss; Wilson's 95 % interval of as "
        "many draws as there are pairs, since two maps of an image are not independent",
    }
    return Table(caption, columns, rows, notes=notes)


if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
