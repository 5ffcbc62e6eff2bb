"""From a loss to a step."""

from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.types import Batch, Metrics, Params, State

NORMS = (
    "gradient_norm",
    "update_norm",
)  # metrics of every `gradient_step`, which compile to nothing where nobody reads them

Loss = Callable[[Params, Any, jax.Array, Batch], tuple[jax.Array, tuple[Any, Metrics]]]


def begin(
    key: jax.Array,
    params: Params,
    optimizer: optax.GradientTransformation,
    carry: Any = (),
    frozen: Collection[str] = (),
) -> State:
    """The state before the first update. Of params that are `frozen`, see `gradient_step`, the optimiser knows none."""
    return State(jnp.zeros((), jnp.int32), key, params, started(optimizer, free(params, frozen)), carry)


def started(optimizer: optax.GradientTransformation, params: Params) -> Any:
    """The optimiser's state, whose own numbers are float32 where no parameter is float64.

    With JAX_ENABLE_X64 the rate would be float64, and no run without it could read the checkpoint.
    """
    opt = optimizer.init(params)
    if any(jnp.result_type(leaf) == jnp.float64 for leaf in jax.tree.leaves(params)):
        return opt
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if jnp.result_type(leaf) == jnp.float64 else leaf, opt)


def free(params: Params, frozen: Collection[str]) -> Params:
    """The params, a dict, without its entries of these names; as they are where there are none."""
    return {name: tree for name, tree in params.items() if name not in frozen} if frozen else params


def descend(
    loss: Callable[[Params], tuple[jax.Array, Any]],
    optimizer: optax.GradientTransformation,
    params: Params,
    opt: Any,
) -> tuple[Params, Any, Any]:
    """Moves `params` once down `loss(params) -> (scalar, aux)`; returns (params, opt, aux).

    See `descended`, which measures the step as well.
    """
    params, opt, aux, _ = descended(loss, optimizer, params, opt)
    return params, opt, aux


def descended(
    loss: Callable[[Params], tuple[jax.Array, Any]],
    optimizer: optax.GradientTransformation,
    params: Params,
    opt: Any,
) -> tuple[Params, Any, Any, Metrics]:
    """As `descend`, with the Euclidean norms of the loss's gradient and of what was added to the parameters.

    The optimiser receives `value`, `grad` and `value_fn`, which line searches (optax.lbfgs) and step sizes that
    depend on the objective (optax.contrib.momo) need, and the others ignore.
    """
    (value, aux), grads = jax.value_and_grad(loss, has_aux=True)(params)
    updates, opt = optax.with_extra_args_support(optimizer).update(
        grads, opt, params, value=value, grad=grads, value_fn=lambda p: loss(p)[0]
    )
    norms = dict(zip(NORMS, (optax.tree.norm(grads), optax.tree.norm(updates))))
    return optax.apply_updates(params, updates), opt, aux, norms


def gradient_step(
    loss: Loss, optimizer: optax.GradientTransformation, frozen: Collection[str] = ()
) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """Lifts `loss(params, carry, key, batch) -> (scalar, (carry, metrics))` to a step.

    The step's randomness is a function of (state.key, state.step): a run can stop anywhere and go on.
    The metrics have the norms of `descended` beside the loss's own.
    `frozen` entries of params, a dict, are constants of the loss, which is what `stop_gradient` makes of them: no
    gradient is computed, clipped or accumulated for them, and no optimiser moves them.
    """

    def step(state, batch):
        key = jax.random.fold_in(state.key, state.step)

        def of(moving):
            return loss({**state.params, **moving} if frozen else moving, state.carry, key, batch)

        moved, opt, (carry, metrics), norms = descended(of, optimizer, free(state.params, frozen), state.opt)
        params = {**state.params, **moved} if frozen else moved
        return State(state.step + 1, state.key, params, opt, carry), {**metrics, **norms}

    return step


def all_finite(tree: Any, infinite: bool = False) -> jax.Array:
    """[] bool, over the floating leaves of a pytree; with `infinite`, only NaN counts as not finite."""
    floating = [a for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.floating)]
    fine = [(~jnp.isnan(a) if infinite else jnp.isfinite(a)).all() for a in floating]
    return jnp.stack(fine).all() if fine else jnp.ones((), bool)
