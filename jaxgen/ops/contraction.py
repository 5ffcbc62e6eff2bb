"""The squared Frobenius norm of an encoder's Jacobian, |dh/dx|^2 (Rifai et al. 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf).

`encode` maps images x [B, D] to codes h [B, Z], each image by itself; all functions return [B].

B    images
D    values of an image
Z    units of a code
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Encode = Callable[[jax.Array], jax.Array]


def of_sigmoid_layer(code: jax.Array, kernel: jax.Array) -> jax.Array:
    """sum_j (h_j (1 - h_j))^2 |W_j|^2 of h = sigmoid(x W + b): codes [B, Z] and W [D, Z], as in the paper."""
    return jnp.square(code * (1.0 - code)) @ jnp.square(kernel).sum(0)


def by_rows(encode: Encode, x: jax.Array) -> jax.Array:
    """The exact norm, a row of the Jacobian of all images at a time: Z backward passes."""
    code, backward = jax.vjp(encode, x)

    def add(total, unit):
        (row,) = backward(jnp.broadcast_to(unit[None], code.shape))
        return total + jnp.square(row).sum(-1), None

    units = jnp.eye(code.shape[-1], dtype=code.dtype)
    return jax.lax.scan(add, jnp.zeros(len(x), code.dtype), units)[0]


def hutchinson(key: jax.Array, encode: Encode, x: jax.Array) -> jax.Array:
    """|J v|^2 with v [B, D] of independent signs: one forward derivative.

    Hutchinson 1989, https://doi.org/10.1080/03610918908812806. With A = J^T J its expectation is tr A = |J|^2, its
    variance 2 sum_{i != j} A_ij^2, less than 2 |A|^2.
    """
    signs = jax.random.rademacher(key, x.shape, jnp.float32)
    return jnp.square(jax.jvp(encode, (x,), (signs,))[1]).sum(-1)


def saturation(code: jax.Array, margin: float = 0.05) -> jax.Array:
    """Share of the units of codes [B, Z] of sigmoids that are below `margin` or above 1 - margin: [B]."""
    return ((code < margin) | (code > 1.0 - margin)).mean(-1, dtype=jnp.float32)
