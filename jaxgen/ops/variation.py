"""How much neighbouring pixels differ: what an image that is optimised pays for noise.

image    [..., H, W, C]; each function is a sum [] over all of it
"""

import jax
import jax.numpy as jnp


def total_variation(image: jax.Array, exponent: float = 1.25) -> jax.Array:
    """sum ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^exponent [] over pixels that have both neighbours.

    Mahendran & Vedaldi 2015, https://arxiv.org/abs/1412.0035, with beta = 2 exponent, there 2; 1.25 is that of Chollet
    & Allaire 2018, *Deep Learning with R*, section 8.3.

    Raises:
        ValueError: the exponent is less than 1: the derivative of equal pixels would not be finite.
    """
    if exponent < 1:
        raise ValueError(f"expected an exponent of at least 1, found {exponent}")
    down, right = differences(image)
    return jnp.sum((down[..., :-1, :] ** 2 + right[..., :-1, :, :] ** 2) ** exponent)


def squared_variation(image: jax.Array) -> jax.Array:
    """sum (x_ij - x_i+1,j)^2 + sum (x_ij - x_i,j+1)^2 [] over all pairs of neighbours.

    Johnson et al. 2016, https://arxiv.org/abs/1603.08155.
    """
    down, right = differences(image)
    return jnp.sum(down**2) + jnp.sum(right**2)


def absolute_variation(image: jax.Array) -> jax.Array:
    """sum |x_ij - x_i+1,j| + sum |x_ij - x_i,j+1| [] over all pairs of neighbours; the derivative at 0 is 0.

    The anisotropic form of Rudin et al. 1992, https://doi.org/10.1016/0167-2789(92)90242-F.
    """
    down, right = differences(image)
    return jnp.sum(down * jnp.sign(down)) + jnp.sum(right * jnp.sign(right))  # the derivative of jnp.abs at 0 is 1


def differences(image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The next row less each [..., H - 1, W, C], and the next column less each [..., H, W - 1, C]."""
    return jnp.diff(image, axis=-3), jnp.diff(image, axis=-2)
