"""What a network of movements draws: from the prior, from a code, from another drawing, on from half of one.

L points of the longest drawing, Z dimensions of the code. A drawing: {"strokes": [L, 3], "length": []}, see `ops.pen`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.nets.sketch import SketchRNN
from jaxgen.ops import pen
from jaxgen.ops.mixtures import draw, sharpened

TEMPERATURE = 0.4  # of samples, unless it is given
Drawing = dict[str, jax.Array]


def drawn(
    net: SketchRNN, params: Any, key: jax.Array, code: jax.Array, temperature: jax.Array, given: Drawing, longest: int
) -> Drawing:
    """A drawing of at most `longest` points, one step after the other, that begins as `given`.

    Of `given` the first `length` points are kept. It ends where the pen's state is the end, and no later than L.
    """
    apply: Any = lambda method, *args: net.apply({"params": params}, *args, method=method)
    kept = pen.steps(given["strokes"], given["length"])

    def advance(carry, n):
        before, memory, ended = carry
        of, logits, memory = apply("feed", before, code, memory)
        point_key, state_key = jax.random.split(jax.random.fold_in(key, n))
        state = jax.random.categorical(state_key, sharpened(logits, temperature))
        known = n < given["length"]
        state = jnp.where(known, kept.state[n], state)
        ended = ended | (state == pen.END)
        offset = jnp.where(known, kept.offset[n], draw(point_key, of, temperature))
        offset = jnp.where(ended, 0.0, offset)
        lifted = (state == 1) & ~ended
        after = jnp.concatenate([offset, jax.nn.one_hot(state, 3, dtype=jnp.float32)])
        return (after, memory, ended), (jnp.append(offset, lifted.astype(jnp.float32)), ended)

    begin = (kept.before[0], apply("start", code), jnp.zeros((), bool))
    _, (strokes, ended) = jax.lax.scan(advance, begin, jnp.arange(longest, dtype=jnp.int32))
    return {"strokes": strokes, "length": longest - ended.sum(dtype=jnp.int32)}


def of(net: SketchRNN, longest: int) -> tuple[Mapping[str, Callable], Callable[[jax.Array], Mapping[str, Any]]]:
    """`Technique.infer` and `Technique.inputs`."""
    nothing = {"strokes": jnp.zeros((longest, 3), jnp.float32), "length": jnp.zeros((), jnp.int32)}

    def mean_of(params, given):
        points = pen.steps(given["strokes"], given["length"]).before[None, 1:]
        return net.apply({"params": params}, points, given["length"][None], method="encode")[0][0]

    def decode(state, key, given):
        """{"code": [Z], "temperature": []} to a drawing; without an encoder Z is 0."""
        return drawn(net, state.params, key, given["code"], given["temperature"], nothing, longest)

    def sample(state, key, none=()):
        """A drawing from the prior at TEMPERATURE."""
        del none
        code_key, draw_key = jax.random.split(key)
        code = jax.random.normal(code_key, (net.latent,), jnp.float32)
        return decode(state, draw_key, {"code": code, "temperature": jnp.float32(TEMPERATURE)})

    def encode(state, key, given):
        """A drawing to its posterior's mean [Z]."""
        del key
        return mean_of(state.params, given)

    def reconstruct(state, key, given):
        """{"drawing": a drawing, "temperature": []} to a drawing from its code."""
        code = mean_of(state.params, given["drawing"])
        return decode(state, key, {"code": code, "temperature": given["temperature"]})

    def complete(state, key, given):
        """{"drawing": whose points are kept, "temperature": []} to a drawing that goes on from there.

        With an encoder from the code of the part that is given.
        """
        part = given["drawing"]
        code = mean_of(state.params, part) if net.latent else jnp.zeros(0, jnp.float32)
        return drawn(net, state.params, key, code, given["temperature"], part, longest)

    def inputs(key):
        one = jax.tree.map(lambda a: a[0], example(longest)(key))
        warm = jnp.float32(0.5)
        half = {**one, "length": one["length"] // 2}
        every = {"sample": (), "decode": {"code": jnp.ones(net.latent, jnp.float32), "temperature": warm}}
        every |= {"complete": {"drawing": half, "temperature": warm}}
        every |= {"encode": one, "reconstruct": {"drawing": one, "temperature": warm}} if net.latent else {}
        return every

    infer: dict[str, Callable] = {"sample": sample, "decode": decode, "complete": complete}
    infer |= {"encode": encode, "reconstruct": reconstruct} if net.latent else {}
    return infer, inputs


def example(longest: int) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """`Technique.example`: random walks, some of them as long as can be."""

    def batch(key):
        walk_key, pen_key, length_key = jax.random.split(key, 3)
        offset = jax.random.normal(walk_key, (8, longest, 2), jnp.float32)
        lifted = jax.random.bernoulli(pen_key, 0.3, (8, longest, 1)).astype(jnp.float32)
        length = jax.random.randint(length_key, (8,), 1, longest + 1, jnp.int32).at[0].set(longest)
        strokes = jnp.concatenate([offset, lifted], -1)
        inside = jnp.arange(longest)[None] < length[:, None]
        return {"strokes": jnp.where(inside[..., None], strokes, 0.0), "length": length}

    return batch
