"""Drawings as sequences of a pen's movements, with one step after the last for the end.

Graves 2013, https://arxiv.org/abs/1308.0850; Ha & Eck 2017, https://arxiv.org/abs/1704.03477. A drawing of n points is
[L, 3]: offsets dx and dy from the point before, and 1 where the pen is lifted after this point; what is beyond n only
fills up. A *step* is (dx, dy, down, lifted, end), of which one of the last three is 1.

L    longest drawing
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.mixtures import Mixture, log_density

STEP = 5
END = 2  # the state after the last point


class Steps(NamedTuple):
    """A drawing as L + 1 steps, and which of them count."""

    before: jax.Array  # [L + 1, 5] the step before each; at first the pen is down at the origin
    offset: jax.Array  # [L + 1, 2]
    state: jax.Array  # [L + 1] int32: 0 down, 1 lifted, 2 the end
    point: jax.Array  # [L + 1] bool: a point, whose offset counts
    counts: jax.Array  # [L + 1] bool: a point, or the end


def steps(strokes: jax.Array, length: jax.Array) -> Steps:
    """Those of one drawing [L, 3] of `length` [] points."""
    n = jnp.arange(len(strokes) + 1)
    padded = jnp.concatenate([strokes, jnp.zeros((1, 3), strokes.dtype)])
    point = n < length
    offset = jnp.where(point[:, None], padded[:, :2], 0.0)
    state = jnp.where(point, (padded[:, 2] > 0.5).astype(jnp.int32), END)
    every = jnp.concatenate([offset, jax.nn.one_hot(state, 3, dtype=jnp.float32)], -1)
    start = jnp.array([[0.0, 0.0, 1.0, 0.0, 0.0]], jnp.float32)
    return Steps(jnp.concatenate([start, every[:-1]]), offset, state, point, n <= length)


def losses(of: Mixture, logits: jax.Array, target: Steps) -> tuple[jax.Array, jax.Array]:
    """-log p of offsets and of states [..., L + 1], 0 where they do not count.

    Args:
        of: mixtures [..., L + 1, M].
        logits: [..., L + 1, 3] of the states.
        target: [..., L + 1].
    """
    offset = jnp.where(target.point, -log_density(of, target.offset), 0.0)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), target.state[..., None], -1)[..., 0]
    return offset, jnp.where(target.counts, -chosen, 0.0)


def augmented(key: jax.Array, strokes: jax.Array, length: jax.Array, scale: float, dropped: float):
    """One drawing [L, 3] of `length` points, stretched and thinned: (strokes, length).

    x and y are multiplied by numbers within 1 +- scale each. Points between others of their stroke are left out with
    probability `dropped`, their offsets added to the next point's.
    """
    scale_key, drop_key = jax.random.split(key)
    size, n = len(strokes), jnp.arange(len(strokes))
    factor = jax.random.uniform(scale_key, (2,), jnp.float32, 1.0 - scale, 1.0 + scale)
    place = jnp.cumsum(strokes[:, :2] * factor[None], axis=0)  # of each point
    lifted = strokes[:, 2] > 0.5
    first = jnp.concatenate([jnp.ones(1, bool), lifted[:-1]])  # of its stroke
    inner = ~lifted & ~first & (n < length - 1)
    kept = (n < length) & ~(inner & jax.random.bernoulli(drop_key, dropped, (size,)))
    order = jnp.argsort(jnp.where(kept, n, size + n))
    place, pen = place[order], strokes[order, 2]
    offset = jnp.diff(place, axis=0, prepend=jnp.zeros((1, 2), place.dtype))
    count = kept.sum(dtype=jnp.int32)
    shorter = jnp.concatenate([offset, pen[:, None]], -1)
    return jnp.where((n < count)[:, None], shorter, 0.0), count
