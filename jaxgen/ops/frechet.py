"""Frechet distance between two Gaussians fitted to features of images: FID, where an Inception network makes them.

Heusel et al. 2017, "GANs trained by a two time-scale update rule", https://arxiv.org/abs/1706.08500, equation 6.
Moments are merged as in Chan, Golub & LeVeque 1979, http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf.

The estimate is biased upwards, by less the more samples there are: compare distances of equally many only, and take at
least F, since the covariance of fewer is singular.

B    features in a batch
F    dimensions of a feature
"""

from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array | np.ndarray


class Moments(NamedTuple):
    """Number, mean and scatter of samples: float32 of JAX, float64 of numpy."""

    samples: Array  # [] integer
    mean: Array  # [F]
    scatter: Array  # [F, F] sum of outer products of the centred features


def kind(array: Array) -> ModuleType:
    """jax.numpy of JAX's arrays and tracers, otherwise numpy."""
    return jnp if isinstance(array, jax.Array) else np


def product(a: Array, b: Array) -> Array:
    """a @ b in the precision of its dtype, which a GPU would not take by itself."""
    return jnp.matmul(a, b, precision="highest") if isinstance(a, jax.Array) else a @ b


def start(features: int, xp: ModuleType = jnp) -> Moments:
    """Moments of no features of F = `features` dimensions; xp is jax.numpy or numpy."""
    return Moments(xp.zeros((), int), xp.zeros(features, float), xp.zeros((features, features), float))


def batch_moments(x: Array, mask: Array) -> Moments:
    """Moments of the rows of x [B, F] where mask [B] is true; the others may be NaN.

    Raises:
        ValueError: x is no matrix, or the mask has another length.
    """
    if x.ndim != 2 or mask.shape != x.shape[:1]:
        raise ValueError(f"expected features [B, F] and a mask [B], found {x.shape} and {mask.shape}")
    xp = kind(x)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32) if xp is jnp else np.float64)
    count = xp.sum(mask, dtype=int)
    mean = xp.sum(xp.where(mask[:, None], x, 0.0), axis=0) / xp.maximum(count, 1)
    centred = xp.where(mask[:, None], x - mean[None], 0.0)
    return Moments(count, mean, product(centred.T, centred))


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of two sets together.

    Only differences of means are squared, so that float32 stays accurate where means are large beside deviations.
    """
    count = a.samples + b.samples
    share = b.samples / kind(a.mean).maximum(count, 1)
    step = b.mean - a.mean
    between = (a.samples * share) * (step[:, None] * step[None])
    return Moments(count, a.mean + share * step, a.scatter + b.scatter + between)


def add(moments: Moments, x: Array, mask: Array) -> Moments:
    """Moments with the rows of x [B, F] where mask [B] is true."""
    return merge(moments, batch_moments(x, mask))


def root(covariance: Array) -> Array:
    """Symmetric square root of a positive semidefinite [F, F]; eigenvalues that rounding made negative count as 0."""
    xp = kind(covariance)
    values, vectors = xp.linalg.eigh(covariance)
    return product(vectors * xp.sqrt(xp.maximum(values, 0.0))[None], vectors.T)


def frechet_distance(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> Array:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^1/2) of means m [F] and covariances S [F, F]: a squared distance [].

    The trace of (S_a S_b)^1/2 is the sum of the singular values of S_a^1/2 S_b^1/2. Eigenvalues of the product of
    covariances are their squares, whose rounding errors would grow by the root where a covariance is nearly singular.
    Numpy computes in float64, for reported figures; JAX in float32, for following a run.

    Raises:
        ValueError: the shapes do not fit.
    """
    features = mean_a.shape
    if len(features) != 1 or mean_b.shape != features or not cov_a.shape == cov_b.shape == features * 2:
        shapes = ", ".join(str(each.shape) for each in (mean_a, cov_a, mean_b, cov_b))
        raise ValueError(f"expected a mean [F] and a covariance [F, F] of each of two sets, found {shapes}")
    xp = kind(mean_a)
    overlap = xp.sum(xp.linalg.svd(product(root(cov_a), root(cov_b)), compute_uv=False))
    return xp.sum((mean_a - mean_b) ** 2) + xp.trace(cov_a) + xp.trace(cov_b) - 2.0 * overlap


def distance_of(a: Moments, b: Moments) -> Array:
    """Frechet distance [] of two sets of features, with unbiased covariances.

    Raises:
        ValueError: a set has fewer than 2 samples (traced, the distance is then NaN), or the shapes do not fit.
    """
    for count in (a.samples, b.samples):
        if not isinstance(count, jax.core.Tracer) and count < 2:
            raise ValueError(f"a covariance needs at least 2 samples, found {count}")
    xp = kind(a.mean)
    first, second = (each.scatter / xp.where(each.samples > 1, each.samples - 1, xp.nan) for each in (a, b))
    return frechet_distance(a.mean, first, b.mean, second)
