"""Evaluations that most techniques share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.types import Batch, Fold, State
from jaxgen.ops.classification import calibration_bins, calibration_error, confusion, cross_entropy, hard_label


def averaged(
    measure: Callable[[State, jax.Array, Batch], tuple[jax.Array, ...]],
    definitions: Mapping[str, str],
    better: Literal["lower", "higher"] = "lower",
) -> Fold:
    """The Fold of means over examples.

    measure: State, key, batch -> one [B] for each of `definitions`, in their order. Its values for examples that
    only fill up the last batch does not count, be it NaN.
    """

    def add(state: State, key: jax.Array, tally: Any, batch: Batch, mask: jax.Array) -> Any:
        sums = [jnp.sum(jnp.where(mask, each, 0.0)) for each in measure(state, key, batch)]
        return tally + jnp.stack([*sums, jnp.sum(mask, dtype=jnp.float32)])

    def finish(tally: Any) -> dict[str, jax.Array]:
        return dict(zip(definitions, tally[:-1] / tally[-1]))

    return Fold(lambda: jnp.zeros(len(definitions) + 1, jnp.float32), add, finish, definitions, better)


def classified(logits: Callable[[State, Batch], jax.Array], classes: Sequence[str]) -> Fold:
    """The Fold of a classifier: accuracy, negative log-likelihood, calibration error.

    Its tally holds the counts [C, C] of true and predicted classes as `confusion`.

    logits: State, batch -> [B, C]; the batch has `label`, [B] or [B, C].
    """

    def start() -> Any:
        nothing = jnp.zeros((1, len(classes)), jnp.float32)
        none, mask = jnp.zeros(1, jnp.int32), jnp.zeros(1, bool)
        return {
            "nll": jnp.zeros((), jnp.float32),
            "bins": calibration_bins(nothing, none, mask),
            "confusion": confusion(nothing, none, mask, len(classes)),
        }

    def add(state: State, key: jax.Array, tally: Any, batch: Batch, mask: jax.Array) -> Any:
        outputs, label = logits(state, batch), hard_label(batch["label"])
        new = {
            "nll": jnp.sum(jnp.where(mask, cross_entropy(outputs, batch["label"]), 0.0)),
            "bins": calibration_bins(jax.nn.softmax(outputs), label, mask),
            "confusion": confusion(outputs, label, mask, len(classes)),
        }
        return jax.tree.map(jnp.add, tally, new)

    def finish(tally: Any) -> dict[str, jax.Array]:
        count = tally["confusion"].sum()
        values = (jnp.trace(tally["confusion"]) / count, tally["nll"] / count, calibration_error(tally["bins"]))
        return dict(zip(definitions, values))

    definitions = {
        "accuracy": f"share of images whose most probable class of {len(classes)} is theirs",
        "nll": "-log p(class | image), nats per image",
        "calibration_error": "expected difference of confidence and accuracy over 15 equal bins of confidence",
    }
    return Fold(start, add, finish, definitions, "higher")
