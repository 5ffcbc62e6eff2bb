"""Epochs without replacement, without a stored permutation.

a, b    sides of the smallest near-square grid that holds range(size)
x       an index, seen as the cell (row, column) = (x // b, x % b)
"""

import math

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused

ROUNDS = 10  # each half mixed five times; with fewer, orders of less than about ten are visibly uneven


def _mix(x: jax.Array, salt: jax.Array) -> jax.Array:
    """The 32-bit finaliser of MurmurHash3 (Appleby 2011): every bit of x ^ salt reaches every bit."""
    x = x ^ salt
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def permuted(key: jax.Array, index: jax.Array, size: int) -> jax.Array:
    """Where each `index` goes in the shuffle of range(size) that `key` draws.

    A keyed bijection in O(1) an index: a Feistel network over the cells of a grid a x b, whose halves are
    added modulo a and b, walked along its cycle until it lands below `size` (Black & Rogaway, "Ciphers with
    arbitrary finite domains", CT-RSA 2002, sections 3 and 4). The grid has less than one row too many, so
    that a walk of more than one step is rare. A shuffle for sampling, not a cipher.

    Args:
        key: PRNG key, [].
        index: integers of any shape, each in [0, size); others are not checked and land anywhere.
        size: static, 1 to 2**31.

    Returns:
        int32, the shape of `index`.

    Raises:
        Refused: `size` is not in 1 to 2**31.
    """
    if not 1 <= size <= 2**31:
        raise Refused(f"a shuffle needs a size from 1 to 2**31; found {size}")
    a = math.isqrt(size - 1) + 1
    b = -(-size // a)
    limit, rows, columns = jnp.uint32(size), jnp.uint32(a), jnp.uint32(b)
    salts = jax.random.bits(key, (ROUNDS,), jnp.uint32)

    def encrypt(x):
        row, column = jax.lax.div(x, columns), jax.lax.rem(x, columns)
        for even, odd in zip(salts[::2], salts[1::2]):
            row = jax.lax.rem(row + jax.lax.rem(_mix(column, even), rows), rows)
            column = jax.lax.rem(column + jax.lax.rem(_mix(row, odd), columns), columns)
        return row * columns + column

    def walk(x):
        return jnp.where(x >= limit, encrypt(x), x)

    cells = encrypt(index.astype(jnp.uint32))
    return jax.lax.while_loop(lambda x: jnp.any(x >= limit), walk, cells).astype(jnp.int32)


def batches_per_epoch(batch_size: int, size: int) -> int:
    """Full batches in one epoch of `size` examples.

    Raises:
        Refused: there is not one.
    """
    if batch_size < 1:
        raise Refused(f"a batch needs at least one example; found a batch size of {batch_size}")
    if batch_size > size:
        raise Refused(f"a batch of {batch_size} is larger than the set it is drawn from: {size} examples")
    return size // batch_size


def batch_indices(key: jax.Array, n: jax.Array | int, batch_size: int, size: int) -> jax.Array:
    """Which examples make batch `n`: a function of (key, n), whatever came before.

    Epoch after epoch, each in a fresh order without replacement; what is left over at the end of an epoch
    (fewer than `batch_size`, other ones each time) is dropped.

    Args:
        key: PRNG key of the run, [].
        n: batch number from 0, [] int32.
        batch_size: static, at most `size`.
        size: static, examples in the set, up to 2**31.

    Returns:
        [batch_size] int32, distinct, in [0, size).

    Raises:
        Refused: `batch_size` is larger than `size` or less than 1.
    """
    n, batches = jnp.asarray(n, jnp.int32), batches_per_epoch(batch_size, size)
    # The one number of batches that int32 cannot hold, 2**31, is more than `n` can reach.
    epoch, within = jnp.divmod(n, batches) if batches < 2**31 else (jnp.zeros_like(n), n)
    positions = within * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
    return permuted(jax.random.fold_in(key, epoch), positions, size)


def ordered_indices(n: jax.Array | int, batch_size: int, size: int) -> jax.Array:
    """Which examples make batch `n` where they are read in order, again from the first where no batch is left.

    Arguments, result and errors as of `batch_indices`.
    """
    first = jnp.asarray(n, jnp.int32) % batches_per_epoch(batch_size, size) * batch_size
    return first + jnp.arange(batch_size, dtype=jnp.int32)
