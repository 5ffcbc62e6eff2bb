"""What this machine does at most, measured in this process: the limits that the other rows are shares of.

products: 2 N^3 operations of a product of two square matrices, in GFLOP/s. triad: b <- b + c / 2 in place, the bytes
of its three arrays, in GB/s. dispatch: from the call of a compiled function of one number to its result, in
microseconds. Each is that of the fastest call.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.racing import quietest

BLOCK = 0.2  # seconds


class Sizes(NamedTuple):
    """Large enough that nothing else counts."""

    matrix: int = 1536  # rows and columns
    array: int = 2**25  # values of an array of the triad, beyond all caches


LARGE = Sizes()


def measure(rounds: int = 5, sizes: Sizes | None = None) -> list[dict[str, Any]]:
    """A row for each limit: its name, value and unit; by default of LARGE."""
    sizes = sizes or LARGE
    works = {"float32": products(sizes, jnp.float32), "bfloat16": products(sizes, jnp.bfloat16)}
    works |= {"triad": triad(sizes), "dispatch": dispatch()}
    seconds = {name: quietest({name: work}, rounds, BLOCK)[name] for name, work in works.items()}
    operations, moved = 2e-9 * sizes.matrix**3, 4e-9 * 3 * sizes.array
    row = lambda limit, value, unit: {"limit": limit, "value": value, "unit": unit}
    return [
        row("products, float32", operations / seconds["float32"], "GFLOP/s"),
        row("products, bfloat16", operations / seconds["bfloat16"], "GFLOP/s"),
        row("triad", moved / seconds["triad"], "GB/s"),
        row("dispatch", 1e6 * seconds["dispatch"], "us"),
    ]


def products(sizes: Sizes, dtype: Any) -> Callable[[], jax.Array]:
    """The product of two matrices, as precise as products of this type are by default."""
    a, b = (jnp.full((sizes.matrix, sizes.matrix), value, dtype) for value in (0.5, 0.25))
    multiply = jax.jit(jnp.matmul)
    return lambda: multiply(a, b)


def triad(sizes: Sizes) -> Callable[[], jax.Array]:
    """b <- b + c / 2, b given away."""
    move = jax.jit(lambda b, c: b + 0.5 * c, donate_argnums=0)
    held, other = [jnp.zeros(sizes.array, jnp.float32)], jnp.full(sizes.array, 1e-6, jnp.float32)

    def call():
        held[0] = move(held[0], other)
        return held[0]

    return call


def dispatch() -> Callable[[], jax.Array]:
    """A function that adds 1 to a number."""
    add, one = jax.jit(lambda x: x + 1.0), jnp.float32(1.0)
    return lambda: add(one)
