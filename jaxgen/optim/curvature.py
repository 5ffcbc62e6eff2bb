"""The curvature that L-BFGS learns from its last steps, and the product of its inverse with a vector.

Nocedal & Wright 2006, *Numerical Optimization*, algorithm 7.4, two loops over the pairs of a step s and the change y of
the gradient over it. Here the loops run on inner products, as in Chen et al. 2014
(https://papers.nips.cc/paper/5333-large-scale-l-bfgs-using-mapreduce): the pairs are read in products with all of them
at once, not one after the other.

n    parameters, as one vector        m    pairs that are remembered
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Curvature(NamedTuple):
    """The pairs, and their inner products."""

    steps: jax.Array  # [m, n] s
    changes: jax.Array  # [m, n] y, of the gradient
    crossed: jax.Array  # [m, m] s_i . y_j
    squared: jax.Array  # [m, m] y_i . y_j
    inverses: jax.Array  # [m] 1 / s.y; 0 where there is no pair
    newest: jax.Array  # [] int32, the row of the newest pair


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Of vectors or matrices, in float32 on every device: searches compare nearly equal numbers."""
    return jnp.matmul(a, b, precision="highest")


def unknown(memory: int, like: jax.Array) -> Curvature:
    """No pairs yet, of vectors like [n]."""
    rows, inner = jnp.zeros((memory, like.size), like.dtype), jnp.zeros((memory, memory), like.dtype)
    return Curvature(rows, rows, inner, inner, jnp.zeros(memory, like.dtype), jnp.zeros((), jnp.int32))


def remembered(
    known: Curvature, step: jax.Array, change: jax.Array, along: jax.Array, inner: jax.Array, condition: jax.Array
) -> Curvature:
    """With one more pair in place of the oldest, where the condition [] holds.

    Args:
        known: so far.
        step: s [n].
        change: y [n].
        along: [m] y_i . s of the pairs so far.
        inner: [] s.y, above 0 where the condition holds.
        condition: [] whether the pair counts.
    """
    row = jnp.where(condition, (known.newest + 1) % len(known.inverses), known.newest)
    row, condition = jax.lax.optimization_barrier((row, condition))
    put = lambda array, new: array.at[row].set(jnp.where(condition, new, array[row]))
    steps, changes = put(known.steps, step), put(known.changes, change)
    crossed = put(known.crossed, along.at[row].set(inner))
    crossed = put(crossed.mT, product(steps, change)).mT
    squares = product(changes, change)
    squared = put(put(known.squared, squares).mT, squares)
    inverses = put(known.inverses, 1 / jnp.where(condition, inner, 1))
    return Curvature(steps, changes, crossed, squared, inverses, row)


def forgotten(known: Curvature, condition: jax.Array) -> Curvature:
    """Without any pair where the condition [] holds."""
    return known._replace(inverses=jnp.where(condition, 0, known.inverses))


def inverse_hessian(known: Curvature, vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(H v [n], y_i . H v [m]), H_0 = (s.y / y.y) I of the newest pair; pairs that are not there change nothing.

    The first loop ends with q = v - Y'a, the second with r = H_0 q + S'b. So s_i . q = s_i . v - s_i . Y'a, and y_i . r
    likewise: only the factors a and b [m] are computed one after the other.
    """
    count = len(known.inverses)
    rows = (known.newest - jnp.arange(count, dtype=jnp.int32)) % count  # the newest first
    along, across = product(known.steps, vector), product(known.changes, vector)

    def forward(a, row):
        return a.at[row].set(known.inverses[row] * (along[row] - product(known.crossed[row], a))), None

    def backward(b, row):
        inner = scaled[row] + product(known.crossed[:, row], b)
        return b.at[row].set(a[row] - known.inverses[row] * inner), None

    a, _ = jax.lax.scan(forward, jnp.zeros_like(along), rows)
    ratio = known.inverses[known.newest] * known.squared[known.newest, known.newest]  # y.y / s.y
    scale = jnp.where(ratio > 0, 1 / jnp.where(ratio > 0, ratio, 1), 1)
    scaled = scale * (across - product(known.squared, a))
    b, _ = jax.lax.scan(backward, jnp.zeros_like(a), rows, reverse=True)
    scale, a, b = jax.lax.optimization_barrier((scale, a, b))
    direction = scale * (vector - product(a, known.changes)) + product(b, known.steps)
    return direction, scaled + product(b, known.crossed)
