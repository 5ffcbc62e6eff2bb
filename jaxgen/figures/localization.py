"""Whether maps find what they speak of: the share of a map's mass on the half of the image that its digit is on.

N       pairs of digits
H, W    of an image
h, w    of a map
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data.images.halves import Pairs
from jaxgen.figures.attributions import warm
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.objectives import logit
from jaxgen.report.canvas import drawing
from jaxgen.report.galleries import gallery
from jaxgen.report.items import Figure
from jaxgen.run.fixed_networks import Fixed
from jaxgen.techniques.imagery.attribution import attribute

POINTS = 64  # of integrated gradients
SQUARES = 4  # of occlusion, side by side, in a column
SHOWN = 3  # pairs of a gallery
WIDE = 112  # pixels of an image in it, about


def maps_of(fixed: Fixed, layer: str, pairs: Pairs) -> dict[str, np.ndarray]:
    """What speaks for each of two digits: method -> maps [N, 2, h, w], not negative, of left and right digit.

    Black is what stands for nothing.
    """
    network, top = fixed.network, fixed.network.activations[-1]
    side = max(1, pairs.image.shape[1] // SQUARES)

    def maps(variables, image, label):
        apply = functools.partial(network.apply, variables)
        each = attribute(apply, (top,), logit(top, label), layer, image, 0.0, POINTS, side, side)
        return each.heat, jnp.maximum(each.parts.sum(-1), 0), jnp.maximum(each.falls, 0)

    def every(variables, images, labels):
        both = lambda pair: jax.lax.map(lambda label: maps(variables, pair[0], label), pair[1])
        return jax.lax.map(both, (images, labels))

    computed = jax.jit(every)(fixed.variables, to_unit(jnp.asarray(pairs.image)), jnp.asarray(pairs.label))
    return dict(zip((f"Grad-CAM at {layer}", "integrated gradients", "occlusion"), map(np.asarray, computed)))


def shares(maps: np.ndarray) -> np.ndarray:
    """The share [N, 2] of the mass of maps [N, 2, h, w] on the left half for the first, on the right for the second.

    A cell in the middle is divided between them. NaN where a map is all zeros.
    """
    width = maps.shape[-1]
    left = np.clip(width / 2 - np.arange(width), 0, 1)
    on_own = (maps * np.stack([left, 1 - left])[:, None, :]).sum((-2, -1))
    total = maps.sum((-2, -1))
    return np.divide(on_own, total, out=np.full(total.shape, np.nan), where=total > 0)


def drawn_pairs(pairs: Pairs, maps: Mapping[str, np.ndarray], labels: tuple[str, ...], numbers: Sequence[int]):
    """A row for each of the pairs: the image, and each method's map of its left and its right digit."""
    images, captions, scale = [], [], max(1, WIDE // pairs.image.shape[2])
    for n in numbers:
        large = np.repeat(pairs.image[n].repeat(scale, 0).repeat(scale, 1), 3, 2)
        names = [labels[label] for label in pairs.label[n]]
        images.append(large.astype(np.float32) / 255)
        captions.append(f"pair {n}\n{names[0]} and {names[1]}")
        for method, values in maps.items():
            share = shares(values[n][None])[0]
            for name, part, heat in zip(names, share, values[n]):
                images.append(warm(large, heat / (heat.max() or 1.0)))
                captions.append(f"{method}\n{name}: {'all zeros' if np.isnan(part) else f'{part:.0%}'}")
    return gallery(np.stack(images), captions, 1 + 2 * len(maps))


def show(pairs: Pairs, maps: Mapping[str, np.ndarray], labels: tuple[str, ...]) -> Iterator[Figure]:
    """The first pairs, and those with the map of the least share of the first method, the worst first."""
    method, values = next(iter(maps.items()))
    worst = np.argsort(np.nan_to_num(shares(values), nan=0.0).min(1), kind="stable")[:SHOWN]
    text = "what speaks for the left digit, and what for the right one, with the share on the digit's half"
    first = range(min(SHOWN, len(values)))
    yield drawing("pairs", f"The first pairs: {text}", drawn_pairs, pairs, maps, labels, first)
    least = f"The pairs with the least share of a map of {method}: {text}"
    yield drawing("worst_pairs", least, drawn_pairs, pairs, maps, labels, [int(n) for n in worst])
