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


class Products(NamedTuple):
    """Of all pairs with a vector; of pairs that are not there, anything."""

    steps: jax.Array  # [m] s_i . v
    changes: jax.Array  # [m] y_i . v


class Ends(NamedTuple):
    """The gradients at both ends of a step."""

    before: jax.Array  # [n]
    after: jax.Array  # [n]
    products: Products  # of the pairs so far with `before`


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Of vectors or matrices, in float32 on every device: searches compare nearly equal numbers."""
    return jnp.matmul(a, b, precision="highest")


def unknown(memory: int, like: jax.Array) -> Curvature:
    """No pairs yet, of vectors like [n]."""
    rows, inner = jnp.zeros((memory, like.size), like.dtype), jnp.zeros((memory, memory), like.dtype)
    return Curvature(rows, rows, inner, inner, jnp.zeros(memory, like.dtype), jnp.zeros((), jnp.int32))


def products(known: Curvature, vector: jax.Array) -> Products:
    """With a vector [n]."""
    return Products(product(known.steps, vector), product(known.changes, vector))


def remembered(
    known: Curvature, step: jax.Array, inner: jax.Array, along: jax.Array, ends: Ends, condition: jax.Array
) -> tuple[Curvature, Products]:
    """With one more pair in place of the oldest, where the condition [] holds; and the products with its last gradient.

    Those with the change of the gradient are differences of products, so that the pairs are read once.

    Args:
        known: so far.
        step: s [n].
        inner: [] s.y, above 0 where the condition holds.
        along: [m] y_i . s of the pairs so far.
        ends: the gradients before and after the step.
        condition: [] whether the pair counts.
    """
    row = jnp.where(condition, (known.newest + 1) % len(known.inverses), known.newest)
    row, condition = jax.lax.optimization_barrier((row, condition))
    change = ends.after - ends.before
    put = lambda array, new: array.at[row].set(jnp.where(condition, new, array[row]))
    known = known._replace(steps=put(known.steps, step), changes=put(known.changes, change))
    after = products(known, ends.after)
    crosses = (after.steps - ends.products.steps).at[row].set(inner)
    squares = (after.changes - ends.products.changes).at[row].set(product(change, change))
    crossed = put(put(known.crossed, along.at[row].set(inner)).mT, crosses).mT
    squared = put(put(known.squared, squares).mT, squares)
    inverses = put(known.inverses, 1 / jnp.where(condition, inner, 1))
    return known._replace(crossed=crossed, squared=squared, inverses=inverses, newest=row), after


def forgotten(known: Curvature, condition: jax.Array) -> Curvature:
    """Without any pair where the condition [] holds."""
    return known._replace(inverses=jnp.where(condition, 0, known.inverses))


def inverse_hessian(known: Curvature, vector: jax.Array, inner: Products) -> tuple[jax.Array, jax.Array]:
    """(H v [n], y_i . H v [m]), H_0 = (s.y / y.y) I of the newest pair; pairs that are not there change nothing.

    `inner` are the products with v.

    The first loop ends with q = v - Y'a, the second with r = H_0 q + S'b. So s_i . q = s_i . v - s_i . Y'a, and y_i . r
    likewise: only the factors a and b [m] are computed one after the other.
    """
    count = len(known.inverses)
    rows = (known.newest - jnp.arange(count, dtype=jnp.int32)) % count  # the newest first

    def forward(a, row):
        return a.at[row].set(known.inverses[row] * (inner.steps[row] - product(known.crossed[row], a))), None

    def backward(b, row):
        across = scaled[row] + product(known.crossed[:, row], b)
        return b.at[row].set(a[row] - known.inverses[row] * across), None

    a, _ = jax.lax.scan(forward, jnp.zeros_like(inner.steps), rows)
    ratio = known.inverses[known.newest] * known.squared[known.newest, known.newest]  # y.y / s.y
    scale = jnp.where(ratio > 0, 1 / jnp.where(ratio > 0, ratio, 1), 1)
    scaled = scale * (inner.changes - product(known.squared, a))
    b, _ = jax.lax.scan(backward, jnp.zeros_like(a), rows, reverse=True)
    scale, a, b = jax.lax.optimization_barrier((scale, a, b))
    direction = scale * (vector - product(a, known.changes)) + product(b, known.steps)
    return direction, scaled + product(b, known.crossed)
