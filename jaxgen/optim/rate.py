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

Schedule = Callable[[jax.Array], jax.Array | float]  # updates made -> what the rate is multiplied by


class RateState(NamedTuple):
    """The state of `scale_by_rate`."""

    updates: jax.Array  # [] int32, made so far
    rate: jax.Array  # [] float32
    factor: jax.Array  # [] float32, the schedule's for the last update; only to be looked at


def constant(count: jax.Array) -> float:
    """The schedule of a constant rate."""
    del count
    return 1.0


def scale_by_rate(rate: float | jax.Array, schedule: Schedule = constant) -> optax.GradientTransformation:
    """Multiplies updates by -rate * schedule(updates made); `schedule` is relative to the rate, 1.0 where constant."""

    def init(params):
        del params
        return RateState(jnp.zeros((), jnp.int32), jnp.asarray(rate, jnp.float32), jnp.ones((), jnp.float32))

    def update(updates, state, params=None):
        del params
        factor = jnp.asarray(schedule(state.updates), jnp.float32)
        updates = jax.tree.map(lambda u: (-state.rate * factor * u).astype(u.dtype), updates)
        return updates, RateState(state.updates + 1, state.rate, factor)

    return optax.GradientTransformation(init, update)
