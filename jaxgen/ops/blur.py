"""Gaussian blur of images."""

import functools

import jax
import jax.numpy as jnp

TRUNCATE = 4.0  # standard deviations from its centre at which the kernel ends, as in scipy.ndimage


def gaussian_blur(image: jax.Array, sigma: float | jax.Array, radius: int | None = None) -> jax.Array:
    """The image [..., H, W, C] blurred along both axes; beyond its borders it is mirrored, the outermost pixels twice.

    Args:
        image: [..., H, W, C].
        sigma: standard deviation in pixels, > 0; a float, or an array [] where `radius` is stated: a blur may then
            decrease in a compiled loop.
        radius: pixels from the centre to the end of the kernel, whose sum is 1; None: 4 sigma, rounded.
    """
    radius = int(TRUNCATE * sigma + 0.5) if radius is None else radius
    weights = jax.nn.softmax(-0.5 * (jnp.arange(-radius, radius + 1, dtype=jnp.float32) / sigma) ** 2)
    for axis in (image.ndim - 3, image.ndim - 2):
        around = [(radius, radius) if n == axis else (0, 0) for n in range(image.ndim)]
        padded, size = jnp.pad(image, around, mode="symmetric"), image.shape[axis]
        shifted = (jax.lax.slice_in_dim(padded, n, n + size, axis=axis) for n in range(2 * radius + 1))
        image = functools.reduce(jnp.add, (weights[n].astype(image.dtype) * each for n, each in enumerate(shifted)))
    return image
