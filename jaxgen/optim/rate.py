"""Optimisers made from formulas, with the learning rate as a leaf of their state.

One mechanism serves constants, schedules, cuts on a plateau and sweeps: the state keeps the rate as its leaf `rate`, so
that it can be vmapped over trials, set by `optax.tree_utils.tree_set` and resumed from a checkpoint.

The first argument of every factory is the rate: a number; a function, updates made -> rate, as optax's schedules are;
or an array, traced or not. The leaf holds what a number or an array was in `init`. Where an array differs from the one
of the update before, as optax.inject_hyperparams makes it, the new one replaces the leaf. Of a function the leaf is a
multiplier, 1 at first.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Schedule = Callable[[jax.Array], jax.Array | float]  # updates made -> factor of the rate
Rate = float | jax.Array | Schedule  # a Schedule here: updates made -> the rate itself


class RateState(NamedTuple):
    """The state of all optimisers here, and of optax's that `foreign` adapts."""

    updates: jax.Array  # [] int32, made so far
    rate: jax.Array  # [] float
    factor: jax.Array  # [] float, of the schedule in the last update
    slots: Any = ()  # a tuple of pytrees like the parameters; in `foreign`, the state of optax's optimiser
    argument: Any = ()  # [] float, the rate that the factory was called with where that is an array


def constant(count: jax.Array) -> float:
    """The schedule of a constant rate."""
    del count
    return 1.0


def initial_state(rate: Rate, slots: Any) -> RateState:
    """The state before the first update. The rate is copied, since the loop donates the State; float64 if enabled."""
    leaf = jnp.ones((), float) if callable(rate) else jnp.array(rate, float)
    argument = jnp.array(rate, float) if isinstance(rate, jax.Array) else ()
    return RateState(jnp.zeros((), jnp.int32), leaf, jnp.ones((), float), slots, argument)


def advance(state: RateState, rate: Rate, schedule: Schedule | jax.Array) -> tuple[jax.Array, RateState]:
    """(the rate of the next update, the state after it with its slots unchanged).

    A schedule may be the factor itself, which optax.inject_hyperparams makes of every function it is given.
    """
    if isinstance(rate, jax.Array) and isinstance(state.argument, jax.Array):
        argument = jnp.array(rate, state.argument.dtype)
        leaf = jnp.where(argument == state.argument, state.rate, argument)
        state = state._replace(rate=leaf, argument=argument)
    factor = jnp.asarray(schedule(state.updates) if callable(schedule) else schedule, state.factor.dtype)
    if callable(rate):
        factor = jnp.asarray(factor * rate(state.updates), state.factor.dtype)
    return state.rate * factor, state._replace(updates=state.updates + 1, factor=factor)


def moment(dtype: Any = None) -> Callable[[Any], Any]:
    """The slot that is like a gradient: the parameters' dtype -> its dtype, at least float32 where none is chosen.

    In bfloat16 beta = 0.999 would be 1, and averages would not move.
    """
    return lambda own: jnp.promote_types(own, jnp.float32) if dtype is None else dtype


def squares(own: Any) -> Any:
    """The slot of an average or sum of `squared` gradients: the parameters' dtype -> its dtype, real."""
    return jnp.finfo(moment()(own)).dtype


def squared(g: jax.Array) -> jax.Array:
    """|g|^2, which is real."""
    return jnp.real(g * jnp.conj(g)) if jnp.iscomplexobj(g) else g * g


def by_formula(
    formula: Callable[..., tuple[jax.Array, ...]],
    slots: Sequence[Callable[[Any], Any]],
    rate: Rate,
    schedule: Schedule = constant,
    at: Callable[[jax.Array], Any] = lambda t: t,
) -> optax.GradientTransformationExtraArgs:
    """The optimiser that applies a formula to each leaf.

    Args:
        formula: (eta, t, g, theta, *slots) -> (delta, *slots). eta is [], the learning rate times the schedule's
            factor; the rest has the leaf's shape. theta is None where `update` is called without parameters. It is
            elementwise, so that XLA compiles one kernel for each array that is written.
        slots: for each tree like the parameters in the state, `moment(dtype)` or `squares`; they start at 0.
        rate: the learning rate, see this module.
        schedule: updates made -> factor of the rate.
        at: function of the number of the update, [] int32 from 1, whose result the formula takes as t; it is computed
            once for all leaves.

    Arithmetic is done in the parameters' dtype, but at least in float32; what moves them is of their dtype.
    """

    def init(params):
        zeros = lambda slot: jax.tree.map(lambda p: jnp.zeros_like(p, slot(jnp.result_type(p))), params)
        return initial_state(rate, tuple(zeros(slot) for slot in slots))

    def update(grads, state, params=None, **extra):
        del extra
        eta, after = advance(state, rate, schedule)
        t = at(after.updates)

        def on_leaf(g, theta, *old_slots):
            own = jnp.result_type(g if theta is None else theta)
            wide = jnp.promote_types(jnp.promote_types(own, jnp.result_type(g)), jnp.float32)
            real = jnp.finfo(wide).dtype
            arguments = [None if x is None else jnp.asarray(x, wide) for x in (g, theta)]
            arguments += [x.astype(jnp.promote_types(x.dtype, real)) for x in old_slots]
            results = formula(eta.astype(real), t, *arguments)
            return [x.astype(dtype) for x, dtype in zip(results, (own, *(x.dtype for x in old_slots)))]

        # Not jax.tree.transpose, which cannot tell a tree without leaves from one whose leaves are missing.
        leaves: list[Any]
        structure: Any
        leaves, structure = jax.tree.flatten(grads)
        thetas = [None] * len(leaves) if params is None else structure.flatten_up_to(params)
        old = [structure.flatten_up_to(slot) for slot in state.slots]
        results = [on_leaf(*each) for each in zip(leaves, thetas, *old)]
        delta, *new = (structure.unflatten([each[n] for each in results]) for n in range(1 + len(slots)))
        return delta, after._replace(slots=tuple(new))

    return optax.GradientTransformationExtraArgs(init, update)


def corrections(beta1: float, beta2: float) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """t -> Adam's bias corrections 1 - beta1^t and 1 - beta2^t, by which its averages are divided."""
    return lambda t: (1 - beta1**t, 1 - beta2**t)


def root(s: jax.Array, eps: float, inside: bool) -> jax.Array:
    """The divisor of adaptive optimisers: sqrt(s) + eps as in the papers, or sqrt(s + eps) where `inside`."""
    return jnp.sqrt(s + eps) if inside else jnp.sqrt(s) + eps


def is_zero(setting: float | jax.Array) -> bool:
    """Whether a setting is the number 0; of an array, which may be traced, nothing is known."""
    return not isinstance(setting, jax.Array) and setting == 0


def decays(leaf: Any, decay_all: bool = False) -> bool:
    """Whether decay and penalties are of this array: of two axes or more, as kernels and embeddings have, or of all.

    Biases and scales of normalisation have one axis; to shrink them makes no function smoother.
    """
    return decay_all or jnp.ndim(leaf) >= 2


def decay(weight_decay: float | jax.Array, theta: jax.Array | None, decay_all: bool = False) -> jax.Array | float:
    """lambda theta where the array `decays`, else 0.

    Raises ValueError where lambda is not 0 and `update` was called without parameters.
    """
    if is_zero(weight_decay):
        return 0.0
    if theta is None:
        raise ValueError("weight decay needs the parameters: update(grads, state, params)")
    return weight_decay * theta if decays(theta, decay_all) else 0.0


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
