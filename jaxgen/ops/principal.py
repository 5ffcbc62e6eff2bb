"""Principal components by a randomised singular value decomposition.

Halko, Martinsson & Tropp 2011, "Finding structure with randomness", https://arxiv.org/abs/0909.4061, algorithms 4.4
and 5.1: the range of the centred data is found by products with a few random vectors, and the decomposition is made
within it.

N    rows
D    values of a row
K    components
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

OVERSAMPLING, ITERATIONS = 10, 4


class Principal(NamedTuple):
    """The K directions in which rows vary most."""

    mean: jax.Array  # [D]
    components: jax.Array  # [K, D], orthonormal rows, by falling variance; the sign of each is arbitrary
    variances: jax.Array  # [K] along them, of N rows divided by N - 1


def _product(a, b):
    return jnp.matmul(a, b, precision="highest")


def principal_components(
    key: jax.Array, x: jax.Array, count: int, oversampling: int = OVERSAMPLING, iterations: int = ITERATIONS
) -> Principal:
    """The principal components of x [N, D], float32.

    Args:
        key: of the random vectors, of which there are `count` + `oversampling`, but not more than N or D.
        x: [N, D], at least two rows.
        count: K.
        oversampling: further vectors; with more of them the last components are more exact.
        iterations: products with x x^T, each of which damps what does not belong to the largest singular values.

    Raises:
        ValueError: there are not as many components.
    """
    rows, values = x.shape
    if not 1 <= count <= min(rows - 1, values):
        raise ValueError(f"{rows} rows of {values} values have 1 to {min(rows - 1, values)} components, not {count}")
    mean = x.mean(0)
    centred = x - mean[None]
    drawn = jax.random.normal(key, (values, min(count + oversampling, rows, values)), x.dtype)
    basis = jnp.linalg.qr(_product(centred, drawn))[0]

    def iterate(_, basis):
        across = jnp.linalg.qr(_product(centred.T, basis))[0]
        return jnp.linalg.qr(_product(centred, across))[0]

    basis = jax.lax.fori_loop(0, iterations, iterate, basis)  # [N, L]
    _, singular, components = jnp.linalg.svd(_product(basis.T, centred), full_matrices=False)
    return Principal(mean, components[:count], singular[:count] ** 2 / (rows - 1))


def project(principal: Principal, x: jax.Array) -> jax.Array:
    """Coordinates [..., K] of rows x [..., D] along the components."""
    mean = principal.mean.reshape((1,) * (x.ndim - 1) + (-1,))
    return _product(x - mean, principal.components.T)


def restore(principal: Principal, coordinates: jax.Array) -> jax.Array:
    """Rows [..., D] with these coordinates [..., K]; the nearest ones in the space of the components."""
    mean = principal.mean.reshape((1,) * (coordinates.ndim - 1) + (-1,))
    return mean + _product(coordinates, principal.components)
