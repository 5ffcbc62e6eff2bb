"""Real images beside those that were optimised: which of a set excite a class or channel most, and where.

N          images of the set
h, w, F    of the layer's activation
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.nets.pretrained.network import Network

BLOCK = 16  # images whose activations are computed at a time
MOST = 10_000  # images that are looked at: the first of the training split


def excitations(network: Network, variables, layer: str, numbers, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """How much each image excites each target at most, and where.

    Args:
        network: the network.
        variables: its.
        layer: of the targets.
        numbers: [T], classes or channels of the layer.
        dataset: whose training images are looked at.

    Returns:
        Activations [N, T], and their positions (row, column) as shares of height and width, [N, T, 2]; the middle
        where the layer has no positions.
    """
    chosen = jnp.asarray(numbers)

    @jax.jit
    def of_block(variables, pixels):
        images = pixels.reshape(-1, *dataset.shape)
        activation = network.apply(variables, images, (layer,))[layer][..., chosen]
        if activation.ndim == 2:
            return activation, jnp.full((*activation.shape, 2), 0.5)
        height, width = activation.shape[1:3]
        flat = activation.reshape(len(images), height * width, -1)
        best = flat.argmax(1)
        return flat.max(1), jnp.stack([(best // width + 0.5) / height, (best % width + 0.5) / width], -1)

    count = min(MOST, rows.count(dataset.train.image))
    blocks = (rows.read(dataset.train.image, slice(n, min(n + BLOCK, count))) for n in range(0, count, BLOCK))
    values, positions = zip(*(of_block(variables, block) for block in blocks))
    return np.concatenate(values), np.concatenate(positions)


def cut(image: np.ndarray, centre: np.ndarray, side: int) -> np.ndarray:
    """The square of `side` pixels, at most all, about a position of the image [H, W, C], in shares; moved inside."""
    corners = []
    for length, share in zip(image.shape, centre):
        extent = min(side, length)
        corners.append(slice(first := int(np.clip(share * length - extent / 2, 0, length - extent)), first + extent))
    return image[tuple(corners)]


def strongest(values: np.ndarray, positions: np.ndarray, dataset: Dataset, side: int, count: int) -> np.ndarray:
    """The parts of the images that excite each target most, the strongest first, [T, count, side, side, C].

    Args:
        values: of `excitations`, [N, T].
        positions: likewise, [N, T, 2].
        dataset: the set.
        side: pixels of a part, at most those of an image.
        count: parts of each target, at most N, each of another image.
    """
    order = np.argsort(-values, axis=0, kind="stable")[:count]  # [count, T]
    pixels = rows.read(dataset.train.image, order.T.reshape(-1)).reshape(-1, *dataset.shape)
    centres = np.take_along_axis(positions, order[..., None], 0).transpose(1, 0, 2).reshape(-1, 2)
    parts = np.stack([cut(image, centre, side) for image, centre in zip(pixels, centres)])
    return parts.reshape(values.shape[1], count, *parts.shape[1:])
