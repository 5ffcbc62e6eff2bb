"""Crops of photographs, with a fixed network and the statistics of style images beside them, as the data of a run."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset, in_three
from jaxgen.data.images import sets
from jaxgen.data.images.crops import cropped, squares
from jaxgen.data.images.listing import open_listing
from jaxgen.data.images.photograph import EMBEDDED, photograph
from jaxgen.data.places import existing
from jaxgen.data.sources import holdout, mapped, source
from jaxgen.nets.pretrained.network import Network
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.fixed_networks import Fixed, NetworkFlags, fixed, learnt_or_random
from jaxgen.run.flags import DATA
from jaxgen.run.provenance import fingerprint
from jaxgen.techniques.imagery import style_losses

PHOTOGRAPHS = "photographs"  # the set that is embedded
SIDE = 213  # pixels of its squares, a third of the photographs' width
SHOWN = 4  # held-out photographs where none are named
_data = functools.partial(knob, group=DATA)


@dataclasses.dataclass(frozen=True)
class CropFlags(NetworkFlags):
    """The flags of a run on crops."""

    dataset: str = _data(
        PHOTOGRAPHS, f"a folder or .zip of photographs, .npz or a named set; {PHOTOGRAPHS} are embedded", free=True
    )
    image_size: int = _data(
        320, "side of the square that a folder's photographs are resized and cropped to; 0: as they are", upper=4096
    )
    crop: int = _data(128, "side of the square that is drawn of each, anew in every pass", lower=8, upper=2048)
    resident_mb: int = _data(1024, "MiB of photographs up to which they are held in memory", lower=0, upper=2**20)
    style: str = _data(
        "flower", f"images, or folders of them, separated by commas; {' and '.join(EMBEDDED)} are embedded", free=True
    )
    style_height: int = _data(256, "rows that style images are resized to; 0: as they are", lower=0, upper=4096)
    held_out: str = _data(
        "", "photographs to show and to measure, files or folders; empty: of the test split", free=True
    )
    new_style: str = _data("", "of --model=adain, styles to show and to measure that are not trained on", free=True)
    height: int = _data(
        0, "rows that these, or those of --stylize_only, are resized to; 0: as they are", upper=2**14, free=True
    )


class Named(NamedTuple):
    """An image whose style is painted in, or a photograph."""

    name: str
    image: np.ndarray  # [h, w, 3] uint8


class Photographs(NamedTuple):
    """What figures need of the data."""

    held_out: tuple[Named, ...]  # photographs that nothing was trained on
    styles: tuple[Named, ...]  # those that are shown; of any style, the new ones first
    fixed: Fixed


def read_crops(
    flags: CropFlags,
    needed: Sequence[str],
    layers: Sequence[str],
    classifier: Experiment,
    patches: bool = False,
) -> Data:
    """Crops of the photographs, whose batches share the variables of the network and the styles' statistics.

    Args:
        flags: the run's.
        needed: activations that the network must have.
        layers: those whose statistics of styles are data.
        classifier: see `fixed_networks.fixed`.
        patches: whether each square of a style image, as large as a crop, is a style of its own.

    Raises Refused, see `sets.load`, `photograph` and `fixed`; for images without colours, or smaller than a crop.
    """
    styles = images_of(flags.style, flags.data_dir, flags.style_height)
    if not styles:
        raise Refused("--style names no image; give one, or several separated by commas")
    if flags.new_style and not patches:
        raise Refused("--new_style is of --model=adain; other networks paint in the styles that they learnt")
    images, shown = photographs(flags), images_of(flags.held_out, flags.data_dir, flags.height)
    new = images_of(flags.new_style, flags.data_dir, flags.style_height)
    frozen = fixed(learnt_or_random(flags), lambda network: needed, classifier)
    if flags.crop < frozen.network.least:
        raise Refused(f"--crop={flags.crop}: {frozen.network.name} takes {frozen.network.least} pixels a side")
    trained = [part for style in styles for part in _patches(style, flags.crop)] if patches else list(styles)
    variables = jax.tree.map(jnp.asarray, frozen.variables)
    pixels = [style.image for style in trained]
    statistics = statistics_of(frozen.network, variables, pixels, layers)
    size, resident = flags.batch_size, flags.resident_mb * 2**20
    train = mapped(source(_columns(images.train), size, resident), cropped(images.shape, flags.crop, True))
    middle = cropped(images.shape, flags.crop, False)
    valid, test = (mapped(holdout(_columns(each), size, resident), middle) for each in (images.valid, images.test))
    shape, names = (flags.crop, flags.crop, 3), tuple(style.name for style in trained)
    facts = {"shape": shape, "network": frozen.description, "styles": names}
    digest = fingerprint((images.sha256, pixels, frozen.variables))
    print(f"network: {frozen.origin}; styles: {', '.join(style.name for style in styles)}")
    some = rows.read(images.test.image, np.arange(min(SHOWN, len(images.test.label)))).reshape(-1, *images.shape)
    shown = shown or tuple(Named(f"{n}", image) for n, image in enumerate(some, 1))
    examples = Photographs(shown, (*new, *styles), frozen)
    epoch, counted = len(images.train.label) // size, ("images", size)
    data = Data(facts, train, valid, test, epoch, digest, examples, "test", counted)
    return sharing(data, network=variables, style=statistics)


def images_of(paths: str, data_dir: str, height: int) -> tuple[Named, ...]:
    """The images of several paths, separated by commas: files, and folders, of which all are read.

    Raises Refused where there are none, see `photograph`, `existing` and `open_listing`.
    """
    images = []
    for path in filter(None, paths.split(",")):
        files = [path]
        if path not in EMBEDDED and os.path.isdir(folder := existing(path, data_dir)):
            with open_listing(folder) as listing:
                files = [os.path.join(folder, file.name) for file in listing.files]
        images += [Named(Path(file).stem, photograph(file, data_dir, height)) for file in files]
    return tuple(images)


def photographs(flags: CropFlags) -> Dataset:
    """The set that the flags name. Raises Refused, see `sets.load`, and for images without colours, or too small."""
    if flags.dataset == PHOTOGRAPHS:
        images = _embedded()
    else:
        of_one_size = flags.dataset in sets.NAMES or flags.dataset.lower().endswith((".npz", ".npy"))
        side, resident = 0 if of_one_size else flags.image_size, flags.resident_mb * 2**20
        images = sets.load(flags.dataset, flags.data_dir, side, resident)
    height, width, channels = images.shape
    if channels != 3:
        raise Refused(f"--dataset={flags.dataset} has images without colours; photographs with colours are expected")
    if min(height, width) < flags.crop:
        raise Refused(f"--crop={flags.crop} is larger than the images of {flags.dataset}, {height} x {width} pixels")
    return images


def _embedded():
    """Squares of the embedded photographs. Raises Refused, see `photograph`."""
    image = np.concatenate([squares(photograph(name), SIDE) for name in EMBEDDED])
    label = np.zeros(len(image), np.int32)
    parts = in_three(Examples(image.reshape(len(image), -1), label))
    return dataset(PHOTOGRAPHS, image.shape[1:], (), *parts)


def _columns(examples: Examples):
    return {"image": examples.image}


def _patches(style: Named, side: int) -> list[Named]:
    """The squares of a style image, each a style. Raises Refused where it is smaller than one."""
    parts = squares(style.image, side)
    if not len(parts):
        height, width = style.image.shape[:2]
        raise Refused(f"the style {style.name} of {height} x {width} pixels is smaller than --crop={side}")
    return [Named(f"{style.name} {number}", part) for number, part in enumerate(parts, 1)]


def statistics_of(network: Network, variables, images: Sequence[np.ndarray], layers: Sequence[str]):
    """Layer -> Statistics [S, ...] of images [h, w, 3] uint8. Raises Refused where one is too small for the network."""

    @jax.jit
    def of_one(variables, image):
        features = network.apply(variables, image[None], layers)
        return style_losses.style_targets({name: each[0] for name, each in features.items()}, layers)

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[of_one(variables, image) for image in images])
