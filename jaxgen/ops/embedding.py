"""Rows of a table, with a gradient that does not depend on the order of additions on a GPU.

V    rows of the table: the vocabulary
D    features of a row
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops.derivatives import by_hand

SMALL = 1024  # rows up to which the gradient is a product


def rows(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """The rows of table [V, D] at tokens [...] integers: [..., D].

    The gradient of a row is a sum over all places where it was taken. JAX adds them up by a scatter, whose order on a
    GPU changes from run to run. Here, of a vocabulary of characters or bytes, it is a product with one-hot vectors; on
    CPU, where a scatter is sequential, it stays one, because the product costs more: 768 tokens of 96, D = 128: 0.59
    against 0.20 ms; 4,096 of 256, D = 512: 15.1 against 1.9 (minimum of 20 calls of the gradient alone; 2 shared cores
    of an AMD EPYC, jax 0.10.2, 2026-11-29). Tables of more than SMALL rows need XLA's deterministic scatter.
    """
    return _rows(table, tokens) if len(table) <= SMALL else table[tokens]


def gradient_by_product(dy: jax.Array, tokens: jax.Array, count: int) -> jax.Array:
    """The sum over tokens [...] of dy [..., D] for each of `count` rows, [V, D]."""
    taken = jnp.expand_dims(jnp.arange(count, dtype=tokens.dtype), range(1, tokens.ndim + 1)) == tokens[None]
    return jnp.tensordot(taken.astype(dy.dtype), dy, tokens.ndim, precision="highest")  # tensor cores would round dy


def _backward(residuals, dy):
    # Tokens keep their axes: joined, those of a device would not lie side by side where several split a batch, and each
    # would gather the whole of dy.
    table, tokens = residuals
    scattered = lambda dy, tokens: jax.linear_transpose(lambda table: table[tokens], table)(dy)[0]
    summed = lambda dy, tokens: gradient_by_product(dy, tokens, len(table))
    return lax.platform_dependent(dy, tokens, cpu=scattered, default=summed), None


_rows = by_hand(lambda table, tokens: table[tokens], lambda table, tokens: (table[tokens], (table, tokens)), _backward)
