"""A content image, styles and their regions, with a fixed network beside them, as the data of a run."""

import dataclasses
import functools
import math
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.images.photograph import EMBEDDED, photograph
from jaxgen.data.sources import holdout, resident
from jaxgen.nets.pretrained.network import asked
from jaxgen.ops.colours import luminance
from jaxgen.ops.imaging import to_unit
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.fixed_networks import NetworkFlags, fixed, learnt_or_random
from jaxgen.run.flags import DATA
from jaxgen.run.provenance import fingerprint
from jaxgen.run.style_targets import Material, layers, targets

NOISE = "noise"
_data = functools.partial(knob, group=DATA)


@dataclasses.dataclass(frozen=True)
class StyleFlags(NetworkFlags):
    """The flags of style transfer that are about images."""

    content: str = _data("china", f"the image to paint, a file; {' or '.join(EMBEDDED)} are embedded", free=True)
    style: str = _data("flower", "one or several images, separated by commas, whose style it takes", free=True)
    style_weights: str = _data("", "a number for each style, such as 1,0.5; they count by their sum")
    style_scale: float = _data(1.0, "height of the styles, of that of the result", above=0.0, upper=16.0)
    masks: str = _data("", "an image for each style, as large as the content, bright where the style holds", free=True)
    height: int = _data(0, "rows of the result, its width in proportion; 0: of the content", lower=0, upper=2**14)
    scales: int = knob(1, "sizes in which the image is painted, the square root of 2 apart", lower=1, upper=20)
    start: str = _data("content", f"what the image is at first: content, {NOISE}, or a file", free=True)
    colours: Literal["style", "luminance", "matched", "histogram"] = _data(
        "style",
        "of the result: the style's; the content's, of which luminance alone changes; or the content's, to "
        "whose mean and covariance, or histograms, those of the styles are matched first",
    )


def shares(text: str, count: int) -> tuple[float, ...]:
    """The weights of "1,0.5" divided by their sum; equal ones of "". Raises Refused where they do not fit."""
    try:
        weights = [float(part) for part in text.split(",")] if text else [1.0] * count
    except ValueError:
        weights = []
    if len(weights) != count or not all(math.isfinite(w) and w >= 0 for w in weights) or not sum(weights):
        raise Refused(
            f"--style_weights={text[:60]} are to be numbers of at least 0, not all 0, one for each of {count} "
            f"style{'s' * (count > 1)}"
        )
    return tuple(weight / sum(weights) for weight in weights)


def read_style(flags: StyleFlags, config: Any, classifier: Experiment) -> Data:
    """The images, and what batches share at the result's size, see `targets`.

    Args:
        flags: the run's.
        config: of the technique, with its layers.
        classifier: see `fixed_networks.fixed`.

    Raises Refused, see `photograph`, `fixed` and `shares`; for layers that are none; where images are too small, and
    where masks have another size than the content.
    """
    paths = [path for path in flags.style.split(",") if path]
    if not paths:
        raise Refused("--style names no image; give one, or several separated by commas")
    part = shares(flags.style_weights, len(paths))
    frozen = fixed(learnt_or_random(flags), lambda network: asked(network, layers(config)), classifier)
    if flat := [name for name in layers(config) if name not in frozen.network.spatial]:
        raise Refused(f"{flat[0]} of {frozen.network.name} has no positions; style transfer compares layers that have")
    material = _material(flags, paths, frozen)
    shape = material.content.shape
    shared = targets(material, config, shape)
    columns = {"image": material.content[None]}
    images = [
        material.content,
        *material.styles,
        *material.masks,
        *([] if material.start is None else [material.start]),
    ]
    digest = fingerprint((images, frozen.variables, part, flags.style_scale, flags.colours, flags.start == NOISE))
    facts = {"network": frozen.description, "shape": shape, "shares": part, "masked": bool(material.masks)}
    print(f"network: {frozen.origin}")
    data = Data(facts, resident(columns, 1), None, holdout(columns, 1), 1, digest, material, "", ("images", 1))
    return sharing(data, **shared)


def _material(flags, paths, frozen):
    content = photograph(flags.content, flags.data_dir, flags.height)
    smallest = [int(side / math.sqrt(2) ** (flags.scales - 1)) for side in content.shape[:2]]
    least = max(frozen.network.least, 2)
    if min(smallest) < least:
        raise Refused(
            f"--content={flags.content} of {content.shape[0]} x {content.shape[1]} pixels is too small: "
            f"{frozen.network.name} takes {least} pixels a side, and {smallest[0]} x {smallest[1]} is the least that "
            "it would see"
        )
    styles = tuple(photograph(path, flags.data_dir) for path in paths)
    masks = _masks(flags, len(paths))
    start = None if flags.start in ("content", NOISE) else photograph(flags.start, flags.data_dir)
    return Material(content, styles, masks, start, frozen, flags.colours, flags.style_scale)


def _masks(flags, count):
    """Luminance of the masks. Raises Refused where there are not as many as styles, or one has another size."""
    paths = [path for path in flags.masks.split(",") if path]
    if paths and len(paths) != count:
        raise Refused(f"--masks={flags.masks} are {len(paths)} for {count} styles; there must be one for each")
    size = photograph(flags.content, flags.data_dir).shape[:2] if paths else ()
    masks = []
    for path in paths:
        mask = np.asarray(luminance(to_unit(jnp.asarray(photograph(path, flags.data_dir)))))[..., 0]
        if mask.shape != size:
            raise Refused(
                f"the mask {path} has {mask.shape[0]} x {mask.shape[1]} pixels, the content {size[0]} x {size[1]}"
            )
        if not mask.any():
            raise Refused(f"the mask {path} is black everywhere: its style has no region")
        masks.append(mask)
    return tuple(masks)
