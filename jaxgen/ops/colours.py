"""Colours of one image given to another: luminance alone changed, or mean and covariance, or histograms matched.

Gatys et al. 2016, "Preserving color in neural artistic style transfer", https://arxiv.org/abs/1606.05897; the linear
map is that of Hertzmann et al. 2001's image analogies and of optimal transport between Gaussians.

image    [H, W, 3], RGB in [0, 1]
"""

import jax
import jax.numpy as jnp

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601
LEAST = 1e-4  # of a variance: colours of a grey or flat image have no other directions, which are not stretched


def luminance(image: jax.Array) -> jax.Array:
    """Of images [..., 3], [..., 1], in [0, 1]."""
    weights = jnp.asarray(LUMINANCE, image.dtype)
    return jnp.einsum("...c,c->...", image, weights, precision="highest")[..., None]


def with_luminance_of(image: jax.Array, other: jax.Array) -> jax.Array:
    """The image whose luminance is that of the other, and whose chroma, YIQ's I and Q, is its own: not clipped."""
    return image + (luminance(other) - luminance(image))


def matched(image: jax.Array, target: jax.Array) -> jax.Array:
    """The image, its colours moved linearly so that they have mean and covariance of the target's: not clipped.

    x -> mean' + T^1/2 (T^1/2 S T^1/2)^-1/2 T^1/2 (x - mean): of all linear maps from the covariance S to T that which
    moves colours least. In directions in which an image's colours do not vary (a grey one has one direction) nothing
    can be matched: the variances of S are at least LEAST there.
    """
    (mean, covariance), (other_mean, other) = (_gaussian(x) for x in (image, target))
    root = _power(other, 0.5)
    spread = covariance + LEAST * jnp.eye(3, dtype=image.dtype)
    wide = _product(_product(root, spread), root)
    linear = _product(_product(root, _power(wide, -0.5)), root)
    return other_mean + jnp.einsum("hwc,cd->hwd", image - mean, linear, precision="highest")


def with_histograms_of(image: jax.Array, target: jax.Array) -> jax.Array:
    """The image, each of its channels moved so that its values have the distribution of the target's.

    A value becomes the target's quantile of its rank: of equal values, as in a flat region, the first in rows becomes
    the least.
    """

    def channel(values, wanted):
        middles = lambda count: (jnp.arange(count, dtype=image.dtype) + 0.5) / count
        quantiles = jnp.interp(middles(len(values)), middles(len(wanted)), jnp.sort(wanted))
        return jnp.zeros_like(values).at[jnp.argsort(values)].set(quantiles)

    moved = jax.vmap(channel, 1, 1)(image.reshape(-1, 3), target.reshape(-1, 3))
    return moved.reshape(image.shape)


def _gaussian(image):
    """Mean [1, 1, 3] and covariance [3, 3] of the pixels."""
    flat = image.reshape(-1, 3)
    mean = flat.mean(0)
    centred = flat - mean[None]
    return mean[None, None], jnp.einsum("pc,pd->cd", centred, centred, precision="highest") / len(flat)


def _power(matrix, exponent):
    """Of a symmetric matrix, on the directions in which it is not 0."""
    values, vectors = jnp.linalg.eigh(matrix)
    kept = values > 1e-6 * jnp.maximum(values[-1], 1e-6)
    powers = jnp.where(kept, jnp.where(kept, values, 1.0) ** exponent, 0.0)
    return _product(vectors * powers[None], vectors.T)


def _product(a, b):
    return jnp.matmul(a, b, precision="highest")
