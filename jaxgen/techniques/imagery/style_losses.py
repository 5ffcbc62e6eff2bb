"""What style transfer compares: features of a layer, and their statistics over positions.

Style is what remains of a layer's features when their positions are forgotten: their mean and the mean of their outer
products, the Gram matrix over the number of positions. Every style distance here is a function of the two, so that
sums over parts of an image (tiles, regions, masks) give the statistics of the whole. Targets are computed from images
once and are data: arrays that come with a batch.

Gatys et al. 2016, https://doi.org/10.1109/CVPR.2016.265 (gram); Huang & Belongie 2017, https://arxiv.org/abs/1703.06868
(moments); Olkin & Pukelsheim 1982, https://doi.org/10.1016/0024-3795(82)90112-4 (wasserstein, of Gaussians).

h, w    positions of a layer        C    its channels
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.nets.pretrained.terms import Term
from jaxgen.ops.gram import gram_matrix

RIDGE = 1e-3  # share of the target's mean variance that `wasserstein` adds to the variances of both
TINY = 1e-12  # least divisor, of features that are all 0
FLAT = 1e-6  # added to a variance before its root, whose derivative at 0 is infinite


class Sums(NamedTuple):
    """Sums over positions. Those of the parts of an image add up to those of the whole."""

    positions: jax.Array  # [...] how many, or the sum of their weights
    first: jax.Array  # [..., C] features
    second: jax.Array  # [..., C, C] their outer products: the Gram matrix


class Statistics(NamedTuple):
    """Means over positions."""

    mean: jax.Array  # [..., C]
    second: jax.Array  # [..., C, C], the Gram matrix divided by the number of positions


Distance = Callable[[Statistics, Statistics], jax.Array]  # of an image, of the target, of equally many axes -> [...]


def sums(features: jax.Array, weights: jax.Array | None = None) -> Sums:
    """Sums over the positions of features [..., h, w, C], float32.

    Args:
        features: of a layer.
        weights: [..., h, w] of the positions, at least 0, whose leading axes may be regions; None: 1 each.
    """
    features = features.astype(jnp.float32)
    if weights is None:
        count = jnp.full(features.shape[:-3], features.shape[-3] * features.shape[-2], jnp.float32)
        return Sums(count, features.sum((-3, -2)), gram_matrix(features))
    weights = jax.lax.stop_gradient(weights.astype(jnp.float32))  # the root of 0 has no derivative
    features = _with_axes(features, weights.ndim + 1)
    first = jnp.einsum("...hw,...hwc->...c", weights, features, precision="highest")
    return Sums(weights.sum((-2, -1)), first, gram_matrix(jnp.sqrt(weights)[..., None] * features))


def means(sums: Sums) -> Statistics:
    """The statistics of the sums; those of no position at all are 0."""
    positions = jnp.maximum(sums.positions, 1e-6)
    return Statistics(sums.first / positions[..., None], sums.second / positions[..., None, None])


def statistics(features: jax.Array, weights: jax.Array | None = None) -> Statistics:
    """The statistics of features [..., h, w, C], see `sums`."""
    return means(sums(features, weights))


def covariance(statistics: Statistics) -> jax.Array:
    """[..., C, C], of the positions as the whole population."""
    return statistics.second - statistics.mean[..., :, None] * statistics.mean[..., None, :]


def gram(statistics: Statistics, target: Statistics) -> jax.Array:
    """sum (G - A)^2 / (4 C^2), G and A Gram matrices, each divided by its number of positions: [...].

    Gatys et al., equation 4, for two images of one size; the images may have different sizes here. Johnson et al. 2016,
    whose Gram matrices are divided by C h w, has four times this.
    """
    channels = target.second.shape[-1]
    return jnp.square(statistics.second - target.second).sum((-2, -1)) / (4 * channels**2)


def moments(statistics: Statistics, target: Statistics) -> jax.Array:
    """The mean over channels of (mean - mean')^2 + (deviation - deviation')^2: [...].

    The squared Wasserstein-2 distance of Gaussians with diagonal covariances, divided by C; AdaIN's style loss.
    """
    deviation, other = (jnp.sqrt(jnp.maximum(_variance(s), 0.0) + FLAT) for s in (statistics, target))
    return (jnp.square(statistics.mean - target.mean) + jnp.square(deviation - other)).mean(-1)


def wasserstein(statistics: Statistics, target: Statistics) -> jax.Array:
    """The squared Wasserstein-2 distance of Gaussians with full covariances S and T, divided by C: [...].

    (|mean - mean'|^2 + tr S + tr T - 2 tr (T^1/2 S T^1/2)^1/2) / C, where RIDGE times the target's mean variance was
    added to the variances of both: covariances of fewer positions than channels are singular, and the root of 0 has no
    derivative.
    """
    channels = target.mean.shape[-1]
    ridge = RIDGE * jnp.maximum(_variance(target), 0.0).mean(-1) + FLAT
    identity = _with_axes(jnp.eye(channels, dtype=jnp.float32), target.second.ndim)
    ours, theirs = (covariance(s) + ridge[..., None, None] * identity for s in (statistics, target))
    values, vectors = jnp.linalg.eigh(jax.lax.stop_gradient(theirs))
    roots = jnp.sqrt(jnp.maximum(values, ridge[..., None]))
    root = _product(vectors * roots[..., None, :], vectors.mT)
    product = _product(_product(root, ours), root)
    shared = jnp.sqrt(jnp.maximum(jnp.linalg.eigvalsh(product), jnp.square(ridge)[..., None])).sum(-1)
    traces = (jnp.trace(each, axis1=-2, axis2=-1) for each in (ours, theirs))
    return (jnp.square(statistics.mean - target.mean).sum(-1) + sum(traces) - 2 * shared) / channels


DISTANCES: Mapping[str, Distance] = {"gram": gram, "moments": moments, "wasserstein": wasserstein}


def magnitude(name: str, target: Statistics) -> jax.Array:
    """The distance of that name from features that are all 0: [...]. What is divided by it is 1 for those."""
    if name == "gram":
        return gram(jax.tree.map(jnp.zeros_like, target), target)
    return jnp.trace(target.second, axis1=-2, axis2=-1) / target.second.shape[-1]


def content(features: jax.Array, target: jax.Array) -> jax.Array:
    """The mean squared difference over positions and channels of features [..., h, w, C]: [...]."""
    return jnp.square(features.astype(jnp.float32) - _with_axes(target, features.ndim)).mean((-3, -2, -1))


def content_losses(features: Mapping[str, jax.Array], targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Layer -> `content` [...] for each layer that has a target."""
    return {layer: content(features[layer], target) for layer, target in targets.items()}


def style_losses(
    ours: Mapping[str, Statistics], targets: Mapping[str, Statistics], distance: Distance = gram
) -> dict[str, jax.Array]:
    """Layer -> distance [...] for each layer that has a target, whose leading axes may be fewer, or 1."""
    like = lambda target, statistic: _with_axes(target, statistic.ndim)
    aligned = {layer: jax.tree.map(like, target, ours[layer]) for layer, target in targets.items()}
    return {layer: distance(ours[layer], target) for layer, target in aligned.items()}


def style_targets(features: Mapping[str, jax.Array], layers: Sequence[str]) -> dict[str, Statistics]:
    """Layer -> statistics [...] of a style image's features, name -> [..., h, w, C]."""
    return {layer: statistics(features[layer]) for layer in layers}


def relative_content(errors: Mapping[str, jax.Array], targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Layer -> `content` [...], of that of features that are 0: the mean square of the target [..., h, w, C]."""
    squares = {layer: jnp.square(target).mean((-3, -2, -1)) for layer, target in targets.items()}
    return {layer: error / jnp.maximum(squares[layer], TINY) for layer, error in errors.items()}


def relative_style(
    distances: Mapping[str, jax.Array], targets: Mapping[str, Statistics], name: str
) -> dict[str, jax.Array]:
    """Layer -> distance [...] of that name, of that of features that are 0."""
    return {layer: each / jnp.maximum(magnitude(name, targets[layer]), TINY) for layer, each in distances.items()}


def weighted(terms: Sequence[Term], losses: Mapping[str, jax.Array]) -> jax.Array:
    """The sum [...] over terms of weight x loss [...]."""
    return sum((term.weight * losses[term.layer] for term in terms), jnp.zeros((), jnp.float32))


def named(kind: str, losses: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Metrics: kind_layer -> the loss [], of a loss [...] its mean."""
    return {f"{kind}_{layer}": loss.mean() for layer, loss in losses.items()}


def of_the_book(channels: int, positions: int, pixels: int) -> float:
    """What `gram` is multiplied with to be that of Chollet & Allaire 2018, *Deep Learning with R*, section 8.3.

    There Gram matrices are sums over positions, and their squared distance is divided by 4 x 3^2 x pixels^2 in all
    layers. Exact where both images have one size, as there.
    """
    return (channels * positions / (3 * pixels)) ** 2


def _with_axes(array, count):
    """The array with so many axes: new ones come first."""
    return array.reshape((1,) * (count - array.ndim) + array.shape)


def _variance(statistics):
    return jnp.diagonal(statistics.second, axis1=-2, axis2=-1) - jnp.square(statistics.mean)


def _product(a, b):
    return jnp.matmul(a, b, precision="highest")
