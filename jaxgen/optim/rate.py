"""From a formula to an optimiser whose learning rate is a leaf of its state.

One mechanism for constants, schedules, cuts on a plateau and sweeps: the state keeps the rate as its leaf `rate`, so
that it can be vmapped over trials, set by `optax.tree_utils.tree_set` and resumed from a checkpoint.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Schedule = Callable[[jax.Array], jax.Array | float]  # updates made -> what the rate is multiplied by


class RateState(NamedTuple):
    """The state of every optimiser of ours, and of optax's as `foreign` makes them."""

    updates: jax.Array  # [] int32, made so far
    rate: jax.Array  # [] float
    factor: jax.Array  # [] float, the schedule's in the last update
    slots: Any = ()  # what else is remembered: of ours, a tuple of pytrees like the parameters


def constant(count: jax.Array) -> float:
    """The schedule of a constant rate."""
    del count
    return 1.0


def begin(rate: float | jax.Array, slots: Any) -> RateState:
    """Before the first update. The rate is copied, as the loop donates the State; float64 where jax has it enabled."""
    return RateState(jnp.zeros((), jnp.int32), jnp.array(rate, float), jnp.ones((), float), slots)


def advance(state: RateState, schedule: Schedule) -> tuple[jax.Array, RateState]:
    """(the rate of the next update, the state that counts it), its slots as they were."""
    factor = jnp.asarray(schedule(state.updates), state.factor.dtype)
    return state.rate * factor, state._replace(updates=state.updates + 1, factor=factor)


def by_formula(
    formula: Callable[..., tuple[jax.Array, ...]],
    slots: int,
    rate: float | jax.Array,
    schedule: Schedule = constant,
    at: Callable[[jax.Array], Any] = lambda t: t,
) -> optax.GradientTransformation:
    """The optimiser of a formula for one leaf.

    Args:
        formula: (eta, t, g, theta, *slots) -> (delta, *slots). eta is [], the learning rate times the schedule's
            factor; the rest has the leaf's shape. theta is None where `update` was not given the parameters.
            Elementwise, so that XLA makes one kernel of it for each array that is written.
        slots: how many trees like the parameters are remembered; they start at 0.
        rate: the learning rate, a number or a (traced) array [].
        schedule: what multiplies the rate, a function of the updates made; 1.0 where constant.
        at: what a formula is told of t, [] int32, that counts updates from 1: computed once for all leaves.

    Slots have their parameters' shape and dtype. The arithmetic is in that dtype too, but in float32 at least: of
    beta = 0.999 bfloat16 would make 1.
    """

    def init(params):
        zeros = lambda: jax.tree.map(lambda p: jnp.zeros_like(p, jnp.result_type(p)), params)
        return begin(rate, tuple(zeros() for _ in range(slots)))

    def update(grads, state, params=None):
        eta, after = advance(state, schedule)
        t = at(after.updates)

        def on_leaf(g, theta, *kept):
            wide = jnp.promote_types(g.dtype, jnp.float32)
            given = [None if x is None else x.astype(wide) for x in (g, theta, *kept)]
            found = formula(eta.astype(wide), t, *given)
            return tuple(x.astype(like.dtype) for x, like in zip(found, (g if theta is None else theta, *kept)))

        if params is None:
            params = jax.tree.map(lambda g: None, grads)
        found = jax.tree.map(on_leaf, grads, params, *state.slots)
        outer, inner = jax.tree.structure(grads), jax.tree.structure((0,) * (1 + slots))
        delta, *kept = jax.tree.transpose(outer, inner, found)
        return delta, after._replace(slots=tuple(kept))

    return optax.GradientTransformation(init, update)


def corrections(beta1: float, beta2: float) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """t -> what Adam's averages, which start at 0, are divided by: 1 - beta1^t and 1 - beta2^t."""
    return lambda t: (1 - beta1**t, 1 - beta2**t)


def root(s: jax.Array, eps: float, inside: bool) -> jax.Array:
    """What adaptive optimisers divide by: sqrt(s) + eps as in the papers, or sqrt(s + eps)."""
    return jnp.sqrt(s + eps) if inside else jnp.sqrt(s) + eps


def decay(weight_decay: float, theta: jax.Array | None) -> jax.Array | float:
    """lambda theta. Raises ValueError where there is a lambda and `update` was given no parameters."""
    if not weight_decay:
        return 0.0
    if theta is None:
        raise ValueError("weight decay needs the parameters: update(grads, state, params)")
    return weight_decay * theta


def trajectory(
    optimizer: optax.GradientTransformation, theta: float, gradients: list[float], digits: int = 6
) -> list[float]:
    """The numbers theta_1, theta_2, ... that `theta` becomes under these gradients, rounded; for examples."""
    point, found = jnp.asarray(theta, float), []
    state = optimizer.init(point)
    for g in gradients:
        delta, state = optimizer.update(jnp.asarray(g, float), state, point)
        point = point + delta
        found.append(round(float(point), digits))
    return found
