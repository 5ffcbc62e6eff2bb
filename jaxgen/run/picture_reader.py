"""One image, with a fixed network beside it, as the data of a run."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.images.photograph import EMBEDDED, photograph
from jaxgen.data.sources import holdout, resident
from jaxgen.nets.pretrained.network import Network
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.fixed_networks import Fixed, NetworkFlags, fixed
from jaxgen.run.flags import DATA
from jaxgen.run.provenance import fingerprint


@dataclasses.dataclass(frozen=True)
class PictureFlags(NetworkFlags):
    """The flags of a run on one image."""

    image: str = knob(
        "china",
        f"a file that Pillow reads, in the working folder or in --data_dir; {' or '.join(EMBEDDED)} are embedded",
        free=True,
        group=DATA,
    )
    height: int = knob(
        0,
        "rows that the image is resized to, its width in proportion; 0: as it is",
        lower=0,
        upper=2**14,
        free=True,
        group=DATA,
    )


class Pictured(NamedTuple):
    """What figures need of the data."""

    image: np.ndarray  # [H, W, 3] uint8
    fixed: Fixed


def read_picture(
    flags: PictureFlags, names: Callable[[Network], Sequence[str]], classifier: Experiment, smallest: float = 1.0
) -> Data:
    """The image and the network's variables, which are shared by all batches as `network`.

    Args:
        flags: the run's.
        names: see `fixed_networks.fixed`.
        classifier: likewise.
        smallest: by how much the image will be divided at most.

    Raises Refused, see `photograph` and `fixed`, and where the image is too small for the network.
    """
    image = photograph(flags.image, flags.data_dir, flags.height)
    frozen = fixed(flags, names, classifier)
    height, width = (int(side / smallest) for side in image.shape[:2])
    if min(height, width) < frozen.network.least:
        raise Refused(
            f"--image={flags.image} of {image.shape[0]} x {image.shape[1]} pixels is too small: {frozen.network.name} "
            f"takes {frozen.network.least} pixels a side, and {height} x {width} is the least that it would see"
        )
    seen = jax.ShapeDtypeStruct((1, height, width, 3), np.float32)
    compute = lambda variables, images: frozen.network.apply(variables, images, names(frozen.network))
    jax.eval_shape(
        compute, frozen.variables, seen
    )  # raises Refused where layers do not fit, before anything is written
    columns = {"image": image[None]}
    digest = hashlib.sha256(image.tobytes() + repr((image.shape, fingerprint(frozen.variables))).encode()).hexdigest()
    data = Data(
        {"network": frozen.description, "shape": image.shape},
        resident(columns, 1),
        None,
        holdout(columns, 1),
        1,
        digest,
        Pictured(image, frozen),
        judged="",
        counted=("images", 1),
    )
    return sharing(data, network=jax.tree.map(jax.numpy.asarray, frozen.variables))


def guide_of(path: str, flags: PictureFlags, fixed: Fixed, names: Sequence[str]) -> dict[str, Any]:
    """Activations [n, F] of another image's positions, of each layer. Raises Refused, see `photograph`."""
    pixels = photograph(path, flags.data_dir, flags.height)
    compute = jax.jit(lambda variables, pixels: fixed.network.apply(variables, pixels[None], names))
    activations = compute(fixed.variables, pixels)
    if flat := [name for name, a in activations.items() if a.ndim != 4]:
        raise Refused(f"a guide needs layers with positions, and {flat[0]} has none")
    return {name: a.reshape(-1, a.shape[-1]) for name, a in activations.items()}
