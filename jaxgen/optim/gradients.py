"""Penalties and clips of gradients before an optimiser's update, and decay of parameters beside it.

They have no state: the state of a wrapped optimiser is that of the optimiser, with its one leaf `rate`. w is an array
of parameters, g its gradient.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.progress import rates
from jaxgen.core.types import Params
from jaxgen.optim.rate import decays, is_zero


def penalty(params: Params, l1: float, l2: float, decay_all: bool = False) -> jax.Array:
    """l1 sum |w| + l2 sum w^2 [] over the arrays that `decays` names: of two axes or more, or all."""
    weights = [w for w in jax.tree.leaves(params) if decays(w, decay_all)]
    # |w| as w sign(w), whose derivative at 0 is 0 as in `add_penalty_gradient`; that of jnp.abs is 1.
    return sum((l1 * (w * jnp.sign(w)).sum() + l2 * jnp.square(w).sum() for w in weights), jnp.zeros(()))


def add_penalty_gradient(grads: Params, params: Params, l1: float, l2: float, decay_all: bool = False) -> Params:
    """g + l1 sign(w) + 2 l2 w, the gradient plus that of `penalty`; the derivative of |w| at 0 is 0."""
    added = lambda g, w: g + (l1 * jnp.sign(w) + 2 * l2 * w) if decays(w, decay_all) else g
    return jax.tree.map(added, grads, params)


def clips(value: float = 0.0, norm: float = 0.0, adaptive: float = 0.0) -> list[optax.GradientTransformation]:
    """The clips whose bound is not 0, in the order in which they are applied.

    Args:
        value: largest absolute value of a gradient's components.
        norm: largest norm of the gradient of all parameters together (Pascanu et al. 2013,
            https://arxiv.org/abs/1211.5063).
        adaptive: largest norm of a unit's gradient, as a share of the norm of the unit's weights (Brock et al. 2021,
            https://arxiv.org/abs/2102.06171).
    """
    makers = ((optax.clip, value), (optax.clip_by_global_norm, norm), (optax.adaptive_grad_clip, adaptive))
    return [make(bound) for make, bound in makers if not is_zero(bound)]


def wrapped(
    optimizer: optax.GradientTransformation,
    l1: float = 0.0,
    l2: float = 0.0,
    clips: Sequence[optax.GradientTransformation] = (),
    decay: float | jax.Array = 0.0,
    decay_all: bool = False,
) -> optax.GradientTransformation:
    """The optimiser applied to gradients with penalties added and then clipped, with weight decay beside it.

    Decay subtracts eta_t decay w, in addition to the optimiser's update, with eta_t the rate of that update
    (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101). Penalties and decay are of arrays with two axes or
    more, and of all with `decay_all`. The objective that a line search evaluates includes the penalties. `clips` are
    stateless.
    """
    inner = optax.with_extra_args_support(optimizer)

    def update(grads, state, params=None, **extra):
        if not (is_zero(l1) and is_zero(l2)):
            grads = add_penalty_gradient(grads, params, l1, l2, decay_all)
            extra = with_penalty(extra, params)
        for clip in clips:
            grads, _ = clip.update(grads, optax.EmptyState(), params)
        updates, state = inner.update(grads, state, params, **extra)
        if not is_zero(decay):
            (eta,) = rates(state).values()
            smaller = lambda u, w: u - (eta * decay * w).astype(u.dtype) if decays(w, decay_all) else u
            updates = jax.tree.map(smaller, updates, params)
        return updates, state

    def with_penalty(extra: dict[str, Any], params: Params) -> dict[str, Any]:
        """The arguments that `core.steps.descend` passes, which are of the loss alone, with the penalties added."""
        added = dict(extra)
        if "value" in extra:
            added["value"] = extra["value"] + penalty(params, l1, l2, decay_all)
        if "grad" in extra:
            added["grad"] = add_penalty_gradient(extra["grad"], params, l1, l2, decay_all)
        for name in {"value_fn", "obj_fn"} & extra.keys():
            added[name] = lambda w, of=extra[name]: of(w) + penalty(w, l1, l2, decay_all)
        return added

    return optax.GradientTransformationExtraArgs(inner.init, update)
