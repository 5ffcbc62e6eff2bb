"""What in an image speaks for a class: class-activation maps, integrated gradients, occlusion.

Grad-CAM: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391. Integrated gradients: Sundararajan et al. 2017,
https://arxiv.org/abs/1703.01365. Occlusion: Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901.

A score is a logit or any other number that a network makes of one image. Logits and not probabilities: those of a class
that the network is sure of have no gradient left.

H, W, C    of the image
h, w, F    of a layer's activation
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.objectives import Objective

Score = Callable[[jax.Array], jax.Array]  # image [H, W, C] -> []


def grad_cam(score: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]], image: jax.Array) -> jax.Array:
    """Where a layer's features speak for the class, [h, w], in [0, 1]: max(0, sum over F of mean slope times feature).

    All zeros where nothing speaks for it.

    Args:
        score: image [H, W, C], what is added to the layer's activation [h, w, F] -> score [], activation.
        image: [H, W, C].
    """
    shape = jax.eval_shape(lambda image: score(image, jnp.zeros((), jnp.float32))[1], image).shape
    slope, activation = jax.grad(lambda added: score(image, added), has_aux=True)(jnp.zeros(shape, jnp.float32))
    return class_map(activation, slope)


def class_map(activation: jax.Array, slope: jax.Array) -> jax.Array:
    """The map [h, w] of a layer's activation [h, w, F] and the score's slope in it, divided by its largest value."""
    heat = jnp.maximum(jnp.einsum("hwf,f->hw", activation, slope.mean((0, 1))), 0.0)
    return heat / jnp.maximum(heat.max(), jnp.finfo(heat.dtype).tiny)


def integrated_gradients(score: Score, image: jax.Array, baseline: jax.Array, points: int = 64) -> jax.Array:
    """What each value of the image adds to the score, [H, W, C]; they sum to score(image) - score(baseline).

    The integral of the slope on the straight line from the baseline to the image, by the midpoint rule.

    Args:
        score: of an image.
        image: [H, W, C].
        baseline: [H, W, C], what stands for nothing: black, grey, a blurred image.
        points: at which slopes are computed, one after the other.
    """
    shares = (jnp.arange(points, dtype=jnp.float32) + 0.5) / points
    slope = jax.grad(score)

    def add(total, share):
        return total + slope(baseline + share * (image - baseline)), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(image), shares)
    return (image - baseline) * total / points


def occlusion(score: Score, image: jax.Array, side: int, stride: int, fill: float = 0.5) -> jax.Array:
    """How much the score falls where a square is covered, [rows, columns] of squares, one after the other.

    Args:
        score: of an image.
        image: [H, W, C].
        side: of the square, pixels; it ends at the image's edge.
        stride: pixels from one square to the next.
        fill: the value of covered pixels.
    """
    height, width, _ = image.shape
    rows, columns = jnp.arange(height)[:, None, None], jnp.arange(width)[None, :, None]
    tops, lefts = jnp.meshgrid(jnp.arange(0, height, stride), jnp.arange(0, width, stride), indexing="ij")

    def covered(corner):
        top, left = corner
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        return score(jnp.where(inside, jnp.asarray(fill, image.dtype), image))

    return score(image) - jax.lax.map(covered, (tops.reshape(-1), lefts.reshape(-1))).reshape(tops.shape)


class Attribution(NamedTuple):
    """What in an image speaks for a score, in three ways."""

    heat: jax.Array  # `grad_cam`, [h, w]; [0, 0] without a layer
    parts: jax.Array  # `integrated_gradients`, [H, W, C]
    scores: jax.Array  # of the image and of the baseline, [2]
    falls: jax.Array  # `occlusion`, [rows, columns]


def attribute(
    apply: Callable[..., Mapping[str, jax.Array]],
    names: Sequence[str],
    objective: Objective,
    layer: str,
    image: jax.Array,
    fill: float,
    points: int,
    side: int,
    stride: int,
) -> Attribution:
    """The image [H, W, C] seen in three ways.

    Args:
        apply: images [B, H, W, C], names of activations, and `added` by name -> these activations.
        names: of the activations that the objective reads.
        objective: what the score is of them.
        layer: whose features are to speak for it, for `grad_cam`; "": none.
        image: [H, W, C].
        fill: the value of the baseline's pixels, and of covered ones.
        points: see `integrated_gradients`.
        side: see `occlusion`.
        stride: likewise.
    """
    score = lambda image: objective(apply(image[None], names))

    def through(image, added):
        activations = apply(image[None], (*names, layer), added={layer: added[None] if added.ndim else added})
        return objective(activations), activations[layer][0]

    baseline = jnp.full_like(image, fill)
    heat = grad_cam(through, image) if layer else jnp.zeros((0, 0), image.dtype)
    parts = integrated_gradients(score, image, baseline, points)
    falls = occlusion(score, image, side, stride, fill)
    return Attribution(heat, parts, jnp.stack([score(image), score(baseline)]), falls)
