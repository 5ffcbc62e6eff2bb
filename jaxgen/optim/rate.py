"""Optimisers made from formulas, with the learning rate as a leaf of their state.

One mechanism serves constants, schedules, cuts on a plateau and sweeps: the state keeps the rate as its leaf `rate`, so
that it can be vmapped over trials, set by `optax.tree_utils.tree_set` and resumed from a checkpoint.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Schedule = Callable[[jax.Array], jax.Array | float]  # updates made -> factor of the rate


class RateState(NamedTuple):
    """The state of all optimisers here, and of optax's that `foreign` adapts."""

    updates: jax.Array  # [] int32, made so far
    rate: jax.Array  # [] float
    factor: jax.Array  # [] float, of the schedule in the last update
    slots: Any = ()  # a tuple of pytrees like the parameters; in `foreign`, the state of optax's optimiser


def constant(count: jax.Array) -> float:
    """The schedule of a constant rate."""
    del count
    return 1.0


def initial_state(rate: float | jax.Array, slots: Any) -> RateState:
    """The state before the first update. The rate is copied, since the loop donates the State; float64 if enabled."""
    return RateState(jnp.zeros((), jnp.int32), jnp.array(rate, float), jnp.ones((), float), slots)


def advance(state: RateState, schedule: Schedule) -> tuple[jax.Array, RateState]:
    """(the rate of the next update, the state after it with its slots unchanged)."""
    factor = jnp.asarray(schedule(state.updates), state.factor.dtype)
    return state.rate * factor, state._replace(updates=state.updates + 1, factor=factor)


def by_formula(
    formula: Callable[..., tuple[jax.Array, ...]],
    slots: int,
    rate: float | jax.Array,
    schedule: Schedule = constant,
    at: Callable[[jax.Array], Any] = lambda t: t,
) -> optax.GradientTransformation:
    """The optimiser that applies a formula to each leaf.

    Args:
        formula: (eta, t, g, theta, *slots) -> (delta, *slots). eta is [], the learning rate times the schedule's
            factor; the rest has the leaf's shape. theta is None where `update` is called without parameters. It is
            elementwise, so that XLA compiles one kernel for each array that is written.
        slots: number of trees like the parameters in the state; they start at 0.
        rate: the learning rate, a number or a (traced) array [].
        schedule: updates made -> factor of the rate.
        at: function of the number of the update, [] int32 from 1, whose result the formula takes as t; it is computed
            once for all leaves.

    Slots have their parameters' shape and dtype. The arithmetic is done in that dtype, but at least in float32:
    beta = 0.999 would be 1 in bfloat16.
    """

    def init(params):
        zeros = lambda: jax.tree.map(lambda p: jnp.zeros_like(p, jnp.result_type(p)), params)
        return initial_state(rate, tuple(zeros() for _ in range(slots)))

    def update(grads, state, params=None):
        eta, after = advance(state, schedule)
        t = at(after.updates)

        def on_leaf(g, theta, *old_slots):
            wide = jnp.promote_types(g.dtype, jnp.float32)
            arguments = [None if x is None else x.astype(wide) for x in (g, theta, *old_slots)]
            results = formula(eta.astype(wide), t, *arguments)
            models = (g if theta is None else theta, *old_slots)
            return tuple(x.astype(model.dtype) for x, model in zip(results, models))

        if params is None:
            params = jax.tree.map(lambda g: None, grads)
        results = jax.tree.map(on_leaf, grads, params, *state.slots)
        outer, inner = jax.tree.structure(grads), jax.tree.structure((0,) * (1 + slots))
        delta, *new_slots = jax.tree.transpose(outer, inner, results)
        return delta, after._replace(slots=tuple(new_slots))

    return optax.GradientTransformation(init, update)


def corrections(beta1: float, beta2: float) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """t -> Adam's bias corrections 1 - beta1^t and 1 - beta2^t, by which its averages are divided."""
    return lambda t: (1 - beta1**t, 1 - beta2**t)


def root(s: jax.Array, eps: float, inside: bool) -> jax.Array:
    """The divisor of adaptive optimisers: sqrt(s) + eps as in the papers, or sqrt(s + eps) where `inside`."""
    return jnp.sqrt(s + eps) if inside else jnp.sqrt(s) + eps


def decay(weight_decay: float, theta: jax.Array | None) -> jax.Array | float:
    """lambda theta. Raises ValueError where lambda is not 0 and `update` was called without parameters."""
    if not weight_decay:
        return 0.0
    if theta is None:
        raise ValueError("weight decay needs the parameters: update(grads, state, params)")
    return weight_decay * theta


def iterates(
    optimizer: optax.GradientTransformation, theta: float, gradients: list[float], digits: int = 6
) -> list[float]:
    """The iterates theta_1, theta_2, ... of one parameter under these gradients, rounded; for examples."""
    point, points = jnp.asarray(theta, float), []
    state = optimizer.init(point)
    for g in gradients:
        delta, state = optimizer.update(jnp.asarray(g, float), state, point)
        point = point + delta
        points.append(round(float(point), digits))
    return points
