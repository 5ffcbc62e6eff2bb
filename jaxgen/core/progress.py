"""What a run has learnt about itself: the best evaluation so far, patience, cuts of the learning rate.

A small pytree beside the State: it is checkpointed with it, and vmapped over trials. An *objective* here is the
first metric of the technique's Fold, its sign turned so that lower is better.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.types import State


@dataclasses.dataclass(frozen=True)
class Policy:
    """When to stop and when to cut the learning rate; both count evaluations, the second from the last cut on."""

    patience: int = knob(
        0, "evaluations without a new best before stopping and returning to it; 0: never", lower=0, group="training"
    )
    plateau: int = knob(
        0,
        "evaluations without a new best before a cut of the rate; 0: never (performance: 1)",
        lower=0,
        group="training",
    )
    plateau_factor: float = knob(0.5, "what a cut multiplies it by", above=0.0, upper=1.0, group="training")
    min_delta: float = knob(0.0, "how much better a new best must be than the last", lower=0.0, group="training")
    keep_best: bool = False  # also without patience

    @property
    def keeps(self) -> bool:
        """Whether the best parameters are kept: early stopping is meant to return to them."""
        return self.keep_best or self.patience > 0


class Progress(NamedTuple):
    """Of the current stage."""

    best: jax.Array  # [] float32, lowest objective seen; inf before the first evaluation
    best_step: jax.Array  # [] int32, the step it was seen at
    waited: jax.Array  # [] int32, evaluations since the best
    stalled: jax.Array  # [] int32, evaluations since the best or the last cut
    scale: jax.Array  # [] float32, product of the cuts so far
    stop: jax.Array  # [] bool
    kept: Any = ()  # (params, carry) at the best, or () where the policy keeps none


def begin_progress(policy: Policy, state: State) -> Progress:
    """Before any evaluation. The kept parameters are copies: the loop donates the State's own."""
    kept = jax.tree.map(jnp.copy, (state.params, state.carry)) if policy.keeps else ()
    # Each count its own array: one buffer cannot be donated twice.
    best_step, waited, stalled = (jnp.zeros((), jnp.int32) for _ in range(3))
    best = jnp.full((), jnp.inf, jnp.float32)
    return Progress(best, best_step, waited, stalled, jnp.ones((), jnp.float32), jnp.zeros((), bool), kept)


def adapt(policy: Policy, progress: Progress, objective: jax.Array, state: State) -> tuple[Progress, State]:
    """One evaluation later: the new Progress, and the State, its learning rates cut where the policy asks for it.

    objective is [] float32, lower is better; NaN never counts as a new best.
    """
    improved = objective < progress.best - policy.min_delta
    waited = jnp.where(improved, 0, progress.waited + 1)
    stalled = jnp.where(improved, 0, progress.stalled + 1)
    cut = (stalled >= policy.plateau) if policy.plateau else jnp.zeros((), bool)
    factor = jnp.where(cut, policy.plateau_factor, 1.0).astype(jnp.float32)
    kept = progress.kept
    if policy.keeps:
        kept = jax.tree.map(lambda new, old: select(improved, new, old), (state.params, state.carry), kept)
    progress = Progress(
        best=jnp.where(improved, objective, progress.best),
        best_step=jnp.where(improved, state.step, progress.best_step),
        waited=waited,
        stalled=jnp.where(cut, 0, stalled),
        scale=progress.scale * factor,
        stop=(waited >= policy.patience) if policy.patience else progress.stop,
        kept=kept,
    )
    return progress, (scale_rates(state, factor) if policy.plateau else state)


def select(condition: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """One of two leaves; PRNG keys, which `where` of raw bits would lose the type of, included."""
    return jax.lax.select(jnp.broadcast_to(condition, jnp.shape(new)), jnp.asarray(new), jnp.asarray(old))


def is_rate(path: tuple) -> bool:
    """Whether a leaf of an optimiser's state, by its path, is a learning rate: its last name is `rate`."""
    last = path[-1] if path else None
    return getattr(last, "name", getattr(last, "key", None)) == "rate"


def scale_rates(state: State, factor: jax.Array) -> State:
    """The State with every learning rate in the optimiser's state multiplied by `factor`."""

    def scaled(path, leaf):
        return leaf * factor if is_rate(path) else leaf

    return state._replace(opt=jax.tree_util.tree_map_with_path(scaled, state.opt))


def rates(opt: Any) -> dict[str, jax.Array]:
    """The learning rates in an optimiser's state: `rate` where there is one, else `rate PLACE` for each.

    As the last update had them: where a schedule's `factor` stands beside a rate, it is multiplied by it.
    """
    leaves = dict(jax.tree_util.tree_leaves_with_path(opt))
    factor = lambda path: leaves.get((*path[:-1], jax.tree_util.GetAttrKey("factor")), 1.0)
    listed = [(path, leaf * factor(path)) for path, leaf in leaves.items() if is_rate(path)]
    if len(listed) == 1:
        return {"rate": listed[0][1]}
    # The first two steps of the path: a player and the link of its chain.
    return {f"rate {jax.tree_util.keystr(path[:2], simple=True, separator='.')}": leaf for path, leaf in listed}


def best_state(progress: Progress, state: State) -> State:
    """The State with the best parameters seen, where an evaluation found some and they were kept; else as it is."""
    if not progress.kept or not bool(jnp.isfinite(progress.best)):
        return state
    params, carry = progress.kept
    return state._replace(params=params, carry=carry)
