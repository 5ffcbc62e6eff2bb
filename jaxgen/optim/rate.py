"""The learning rate as a leaf of the optimiser's state.

One mechanism for constants, schedules, cuts on a plateau and sweeps: `scale_by_rate` stands where the formula has
eta, and keeps it as the leaf `rate`, so that it can be vmapped over trials, set by `optax.tree_utils.tree_set` and
resumed from a checkpoint.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax


class RateState(NamedTuple):
    """The state of `scale_by_rate`."""

    updates: jax.Array  # [] int32, made so far
    rate: jax.Array  # [] float32


def scale_by_rate(
    rate: float | jax.Array, schedule: Callable[[jax.Array], jax.Array | float] = lambda count: 1.0
) -> optax.GradientTransformation:
    """Multiplies updates by -rate * schedule(updates made); `schedule` is relative to the rate, 1.0 where constant."""

    def init(params):
        del params
        return RateState(jnp.zeros((), jnp.int32), jnp.asarray(rate, jnp.float32))

    def update(updates, state, params=None):
        del params
        scale = -state.rate * schedule(state.updates)
        updates = jax.tree.map(lambda u: (scale * u).astype(u.dtype), updates)
        return updates, state._replace(updates=state.updates + 1)

    return optax.GradientTransformation(init, update)
