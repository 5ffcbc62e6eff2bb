"""How sequences are written from codes, and read from what was written, for a `sequence.Config`.

B sequences, L elements of the longest one, T steps of the writer (L, of tokens L + 1), S features, Z dimensions of a
code.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.nets.seq2seq import Seq2Seq
from jaxgen.ops.elements import flipped, likeliest


class Written(NamedTuple):
    """Sequences as they are to be written."""

    target: jax.Array  # [B, T] or [B, T, S]
    before: jax.Array  # the same a step later, after a beginning; without forcing the beginning alone
    inside: jax.Array  # [B, T] bool: which are elements of the sequence
    counted: jax.Array  # [B, T] bool: those, and the end of tokens


def beginning(config: Any, *axes: int) -> jax.Array:
    """What is fed before the first element, [...] or [..., S]: the end of what was before, or zeros."""
    return jnp.full(axes, config.size, jnp.int32) if config.tokens else jnp.zeros((*axes, config.size), jnp.float32)


def written(config: Any, x: jax.Array, length: jax.Array) -> Written:
    """What is to be written of sequences [B, L] or [B, L, S]."""
    y, batch = jax.vmap(flipped)(x, length) if config.backwards else x, len(x)
    if config.tokens:
        y = jnp.concatenate([y, beginning(config, batch, 1)], 1)
    index = jnp.arange(y.shape[1], dtype=jnp.int32)[None]
    inside = index < length[:, None]
    if config.tokens:
        y = jnp.where(inside, y, config.size)
    begin = beginning(config, batch, 1)
    before = jnp.concatenate([begin, y[:, :-1]], 1) if config.forcing else jnp.broadcast_to(begin, y.shape)
    return Written(y, before, inside, index <= length[:, None] if config.tokens else inside)


def writing(config: Any, net: Seq2Seq, params: Any, code: jax.Array) -> jax.Array:
    """Codes [..., Z] to what is written, in the order of writing, [..., T] or [..., T, S]."""
    apply: Any = lambda *args, method: net.apply({"params": params}, *args, method=method)
    axes = code.shape[:-1]

    def advance(carry, _):
        before, memory = carry
        outputs, memory = apply(before, code, memory, method="feed")
        element = likeliest(config.elements, outputs)
        return (element if config.forcing else before, memory), element

    first = (beginning(config, *axes), apply(code, method="start"))
    _, elements = jax.lax.scan(advance, first, length=config.longest + config.tokens)
    return jnp.moveaxis(elements, 0, len(axes))


def as_read(config: Any, elements: jax.Array, length: jax.Array) -> dict[str, jax.Array]:
    """What was written, [T] or [T, S], as {"x": [L] or [L, S], "length": []}; tokens end where they say, or at L."""
    if config.tokens:
        ended = jnp.append(elements == config.size, True)
        length = jnp.minimum(ended.argmax(), config.longest).astype(jnp.int32)
        elements = elements[: config.longest]
    inside = jnp.arange(config.longest, dtype=jnp.int32) < length
    elements = jnp.where(inside if config.tokens else inside[:, None], elements, jnp.zeros_like(elements))
    return {"x": flipped(elements, length) if config.backwards else elements, "length": length}
