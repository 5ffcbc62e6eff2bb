"""Sets of images whose training images are moved, each time anew, before a technique sees them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax

from jaxgen.core.config import knob
from jaxgen.data.sources import mapped
from jaxgen.ops.augment import Ranges, Shape, augment
from jaxgen.ops.imaging import to_unit
from jaxgen.run import image_reader
from jaxgen.run.experiment import Data
from jaxgen.run.flags import DATA
from jaxgen.run.image_reader import ImageFlags


@dataclasses.dataclass(frozen=True)
class MovedFlags(ImageFlags):
    """The flags of an experiment on images that may be moved in training, as `ops.augment.Ranges`."""

    shift: float = knob(
        0.0, "pixels that training images are shifted by, at most, each way", lower=0.0, upper=4096, group=DATA
    )
    rotate: float = knob(0.0, "degrees that they are rotated by, at most, each way", lower=0.0, upper=180.0, group=DATA)
    zoom: float = knob(0.0, "0.1: enlarged or made smaller by up to a tenth", lower=0.0, upper=9.0, group=DATA)


@functools.cache  # jit knows a function by its identity
def moving(ranges: Ranges, shape: Shape) -> Callable[[dict, jax.Array], dict]:
    """(batch, key) -> the batch with its "image" [B, D] moved, float32 in [0, 1]; a loss's target moves with it."""
    return lambda batch, key: {**batch, "image": augment(key, to_unit(batch["image"]), shape, ranges)}


def read(flags: MovedFlags, config: Any) -> Data:
    """As `image_reader.read`, with moved training images. Raises Refused, see there."""
    data = image_reader.read(flags, config)
    ranges = Ranges(flags.shift, flags.rotate, flags.zoom)
    return data if ranges == Ranges() else data._replace(train=mapped(data.train, moving(ranges, data.facts["shape"])))
