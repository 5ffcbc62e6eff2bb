"""Evaluations that most techniques share."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.types import Batch, Fold, State


def averaged(
    measure: Callable[[State, jax.Array, Batch], tuple[jax.Array, ...]],
    definitions: Mapping[str, str],
    better: Literal["lower", "higher"] = "lower",
) -> Fold:
    """The Fold of means over examples.

    measure: State, key, batch -> one [B] for each of `definitions`, in their order. What it gives for examples that
    only fill up the last batch does not count, be it NaN.
    """

    def add(state: State, key: jax.Array, tally: Any, batch: Batch, mask: jax.Array) -> Any:
        sums = [jnp.sum(jnp.where(mask, each, 0.0)) for each in measure(state, key, batch)]
        return tally + jnp.stack([*sums, jnp.sum(mask)])

    def finish(tally: Any) -> dict[str, jax.Array]:
        return dict(zip(definitions, tally[:-1] / tally[-1]))

    return Fold(lambda: jnp.zeros(len(definitions) + 1), add, finish, definitions, better)
