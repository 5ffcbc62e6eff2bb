"""Images of which a part is hidden, filled in by an autoencoder that is applied again and again.

N    images
D    values of an image
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.latents import below_each, grid, vmapped
from jaxgen.ops.imaging import to_unit
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still

SHOWN, ROUNDS = 20, 50
MEASURED = 500  # test images


def hidden(shape: tuple[int, int, int], part: Literal["block", "half"]) -> np.ndarray:
    """Which values of an image of `shape` (H, W, C) are hidden, [D] bool: the block in its middle, or its lower half.

    The block is half as high and wide as the image.
    """
    height, width, _ = shape
    mask = np.zeros(shape, bool)
    if part == "half":
        mask[height // 2 :] = True
    else:
        mask[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = True
    return mask.ravel()


def filled(technique: Technique, state: State, x: np.ndarray, mask: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Images [N, D], in [0, 1], whose hidden values [D] are those of their reconstruction, ROUNDS times over.

    They begin as `start` [D]; what is known is put back each time.
    """
    reconstruct = vmapped(technique, "reconstruct")
    image = np.where(mask, start, x)
    for _ in range(ROUNDS):
        image = np.where(mask, np.clip(reconstruct(state, jax.random.key(0), image), 0.0, 1.0), x)
    return image.astype(np.float32)


def show(technique: Technique, state: State, images: Dataset, part: Literal["block", "half"] = "block") -> Figure:
    """Test images, the same with a part hidden, and filled in; the caption tells the squared error of that part.

    It is measured on the first MEASURED test images, beside that of the mean training image.
    """
    x = np.asarray(to_unit(jnp.asarray(rows.read(images.test.image, slice(0, MEASURED)))))
    some = np.asarray(to_unit(jnp.asarray(rows.read(images.train.image, slice(0, 10_000)))))
    mask, mean = hidden(images.shape, part), some.mean(0)
    restored = filled(technique, state, x, mask, mean)
    error = lambda other: float(np.square(np.where(mask, other - x, 0.0)).sum(1).mean())
    what = {"block": "a block", "half": "the lower half"}[part]
    caption = (
        f"Test images; {what} hidden; filled in by {ROUNDS} reconstructions that begin at the mean image. Squared "
        f"error of the hidden pixels {error(restored):.2f}, of the mean image {error(mean[None]):.2f}"
    )
    shown = [each[:SHOWN] for each in (x, np.where(mask, 0.5, x), restored)]
    columns = min(SHOWN, len(x))
    return still(f"filled_{part}", caption, grid(below_each(SHOWN, *shown), images.shape, columns))
