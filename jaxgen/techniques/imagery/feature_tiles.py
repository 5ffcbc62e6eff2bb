"""What style transfer reads of an image's features, of the whole image or added up tile by tile.

A Gram matrix is a sum over positions, its distance from a target is not: the sums of all tiles come first, then the
distance, and its gradient goes back through each tile again, whose activations are computed a second time and not kept.
That is what the derivative of a checkpointed loop is, so that it costs one more forward pass and memory of one tile.

Tiles overlap by MARGIN times the stride of the deepest layer, more than VGG's and SqueezeNet's activations see to one
side, and begin at multiples of it; each position counts in one tile. Values and gradients are those of the whole
image, to rounding, for networks whose layers see no further.

H, W    of the image      h, w    of a layer's positions      C    its channels
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused
from jaxgen.techniques.imagery.style_losses import Statistics, Sums, means, sums

MARGIN = 8  # strides
PROBE = 1024  # pixels a side of the image of which strides are measured
Activations = Callable[[jax.Array], Mapping[str, jax.Array]]  # [1, H, W, 3] -> name -> [1, h, w, C]


class Parts(NamedTuple):
    """Sums over the positions of a part of an image; those of all parts are the image's."""

    content: Mapping[str, jax.Array]  # layer -> [] squared differences
    style: Mapping[str, Sums]  # layer -> sums; with regions each has the leading axis [R]


class Tile(NamedTuple):
    """Pixels along an axis: where a tile begins, and from where to where positions count in it."""

    start: int
    first: int
    end: int


def of_parts(
    activations: Activations,
    image: jax.Array,
    content: Mapping[str, jax.Array],
    layers: Sequence[str],
    regions: Mapping[str, jax.Array] | None = None,
    tile: int = 0,
) -> tuple[dict[str, jax.Array], dict[str, Statistics]]:
    """(Layer -> mean squared difference [] from the target, layer -> statistics of the features).

    Args:
        activations: of a network.
        image: [H, W, 3].
        content: layer -> target [h, w, C].
        layers: whose statistics are computed.
        regions: layer -> weights [R, h, w] of the positions in each region, or None: all in one, without the axis [R].
        tile: side of the tiles in pixels; 0: none.

    Raises Refused where a tile is too small for its margins.
    """
    whole = functools.partial(_part, activations, tuple(layers))
    if tile and max(image.shape[:2]) > tile:
        parts = _tiled(activations, whole, image, content, regions, tile)
    else:
        parts = whole(image, content, regions, None)
    errors = {name: parts.content[name] / math.prod(target.shape) for name, target in content.items()}
    return errors, {name: means(each) for name, each in parts.style.items()}


def _part(activations, layers, image, content, regions, owned):
    """Parts of (part of) an image; `owned` has the weights [h, w] of each layer's positions, None: 1 each."""
    features = activations(image[None])
    errors = {name: jnp.square(features[name][0].astype(jnp.float32) - target) for name, target in content.items()}
    if owned is not None:
        errors = {name: error * owned[name][..., None] for name, error in errors.items()}
    weights = dict.fromkeys(layers) if owned is None else dict(owned)
    if regions is not None:
        one = {name: jnp.ones((), jnp.float32) if owned is None else owned[name][None] for name in layers}
        weights = {name: regions[name] * one[name] for name in layers}
    return Parts(
        {name: error.sum() for name, error in errors.items()},
        {name: sums(features[name][0], weights[name]) for name in layers},
    )


def strides(activations: Activations, names: Sequence[str]) -> dict[str, int]:
    """Name -> pixels between two positions: of networks that halve, powers of two."""
    shapes = jax.eval_shape(activations, jax.ShapeDtypeStruct((1, PROBE, PROBE, 3), jnp.float32))
    return {name: 2 ** round(math.log2(PROBE / shapes[name].shape[1])) for name in names}


def cuts(size: int, tile: int, stride: int) -> tuple[int, list[Tile]]:
    """(Side of the tiles, tiles along an axis of so many pixels). The side is less than `tile` where they begin at
    multiples of the stride only so.

    Raises Refused where margins leave nothing.
    """
    if size <= tile:
        return size, [Tile(0, 0, size)]
    side, margin = tile - (tile - size) % stride, MARGIN * stride
    step = (side - 2 * margin) // stride * stride
    if step < stride:
        least = 2 * margin + 2 * stride
        raise Refused(f"--tile={tile} leaves nothing beside margins of {margin} pixels; {least} is the least here")
    starts = [*range(0, size - side, step), size - side]
    firsts = [0, *(start + margin for start in starts[1:])]
    return side, [Tile(*each) for each in zip(starts, firsts, [*firsts[1:], size])]


def _tiled(activations, part, image, content, regions, tile):
    """The Parts of the image: the sum of those of its tiles, each computed again for its gradient."""
    names = list(dict.fromkeys([*content, *part.args[1]]))
    every = strides(activations, names)
    (height, rows), (width, columns) = (cuts(size, tile, max(every.values())) for size in image.shape[:2])
    like = jax.eval_shape(activations, jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32))
    sides = {name: like[name].shape[1:3] for name in names}
    places = jnp.asarray([[*row, *column] for row in rows for column in columns], jnp.int32)
    last = {name: jnp.moveaxis(each, 0, -1) for name, each in (regions or {}).items()}  # [h, w, R]

    @jax.checkpoint
    def of(image, place):
        row, column = Tile(*place[:3]), Tile(*place[3:])
        cut = lambda arrays: {n: _cut(a, (row, column), every[n], sides[n]) for n, a in arrays.items()}
        weights = {name: _owned(row, column, every[name], sides[name]) for name in names}
        regional = None if regions is None else {n: jnp.moveaxis(a, -1, 0) for n, a in cut(last).items()}
        return part(_cut(image, (row, column), 1, (height, width)), cut(content), regional, weights)

    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(of, image, places[0]))
    add = lambda total, place: (jax.tree.map(jnp.add, total, of(image, place)), None)
    return jax.lax.scan(add, zeros, places)[0]


def _cut(array, tiles, stride, sides):
    """[h, w, C] of an array of a layer, or of an image, where two tiles begin."""
    starts = [*(tile.start // stride for tile in tiles), jnp.zeros((), jnp.int32)]
    return jax.lax.dynamic_slice(array, starts, (*sides, array.shape[-1]))


def _owned(row, column, stride, sides):
    """Whether each position of a tile counts in it: [h, w] float32."""
    inside = []
    for tile, count in zip((row, column), sides):
        pixels = tile.start + stride * jnp.arange(count, dtype=jnp.int32)
        inside.append((pixels >= tile.first) & (pixels < tile.end))
    return (inside[0][:, None] & inside[1][None]).astype(jnp.float32)
