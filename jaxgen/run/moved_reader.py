"""Sets of images whose training images are moved, each time anew, before a technique sees them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.data.sources import mapped
from jaxgen.ops.augment import Ranges, Shape, augment, flip
from jaxgen.ops.imaging import to_unit
from jaxgen.run import image_reader
from jaxgen.run.experiment import Data, Reader
from jaxgen.run.flags import DATA
from jaxgen.run.image_reader import ImageFlags


@dataclasses.dataclass(frozen=True)
class MovedFlags(ImageFlags):
    """The flags of an experiment on images that may be moved in training, as `ops.augment.Ranges`."""

    mirror: bool = knob(False, "training images are mirrored, left to right, half of the time", group=DATA)
    shift: float = knob(
        0.0, "pixels that training images are shifted by, at most, each way", lower=0.0, upper=4096, group=DATA
    )
    rotate: float = knob(0.0, "degrees that they are rotated by, at most, each way", lower=0.0, upper=180.0, group=DATA)
    zoom: float = knob(0.0, "0.1: enlarged or made smaller by up to a tenth", lower=0.0, upper=9.0, group=DATA)
    # Moved images are smoother, being interpolated; a network that sees no others restores sharp ones worse.
    moved: float = knob(1.0, "share of the training images that are", above=0.0, upper=1.0, group=DATA)


@functools.cache  # jit knows a function by its identity
def moving(ranges: Ranges, shape: Shape, share: float) -> Callable[[dict, jax.Array], dict]:
    """(batch, key) -> the batch, a share of its "image" [B, D] moved, float32 in [0, 1]; a loss's target moves too."""

    def move(batch, key):
        move_key, choice_key = jax.random.split(key)
        image = to_unit(batch["image"])
        moves = jax.random.bernoulli(choice_key, share, (len(image), 1))
        return {**batch, "image": jnp.where(moves, augment(move_key, image, shape, ranges), image)}

    return move


@functools.cache
def mirrored(shape: Shape) -> Callable[[dict, jax.Array], dict]:
    """(batch, key) -> the batch, half of its "image" [B, D] exchanged left and right."""

    def mirror(batch, key):
        exchanged = jax.random.bernoulli(key, 0.5, batch["image"].shape[:1])
        return {**batch, "image": flip(batch["image"], shape, exchanged)}

    return mirror


def read(flags: MovedFlags, config: Any) -> Data:
    """As `image_reader.read`, with moved training images. Raises Refused, see there."""
    return moved(image_reader.read(flags, config), flags)


def moved(data: Data, flags: MovedFlags) -> Data:
    """The data, whose training images are moved as the flags say."""
    if flags.mirror:
        data = data._replace(train=mapped(data.train, mirrored(data.facts["shape"])))
    ranges = Ranges(flags.shift, flags.rotate, flags.zoom)
    if ranges == Ranges():
        return data
    return data._replace(train=mapped(data.train, moving(ranges, data.facts["shape"], flags.moved)))


READER = Reader(MovedFlags, read)
