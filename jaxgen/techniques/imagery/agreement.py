"""Whether another classifier sees in images what they were optimised for.

An image of a class that only one network recognises shows a weakness of that network, and not the class. A judge is
trained separately and never takes part in the optimisation.

B    images
"""

import jax
import jax.numpy as jnp

from jaxgen.core.types import Fold, State, Technique
from jaxgen.nets.pretrained.network import Network

CONFIDENT = 0.9


def images_of(technique: Technique, state: State, count: int) -> jax.Array:
    """The images [B, H, W, C] in [0, 1] of a visualisation."""
    one = lambda number: technique.infer["image"](state, state.key, number)
    return jax.vmap(one)(jnp.arange(count, dtype=jnp.int32))


def by_judge(technique: Technique, judge: Network, count: int) -> Fold:
    """The Fold of the probabilities that a judge gives to the targets of images, classes; its tally has them all, [B].

    Args:
        technique: a visualisation's.
        judge: the network, whose last activation has the logits. A batch has its variables as `judge`.
        count: B.
    """
    top = judge.activations[-1]

    def add(state, key, tally, batch, mask):
        logits = judge.apply(batch["judge"], images_of(technique, state, count), (top,))[top]
        probability = jnp.take_along_axis(jax.nn.softmax(logits), batch["target"][:, None], 1)[:, 0]
        return jnp.where(mask, probability, tally)

    def finish(tally):
        agrees = jnp.where(jnp.isnan(tally), jnp.nan, tally > CONFIDENT)
        return {"judge_probability": jnp.nanmean(tally), "judge_agrees": jnp.nanmean(agrees)}

    definitions = {
        "judge_probability": "mean over images of the probability that another classifier gives to their class",
        "judge_agrees": f"share of images to which that classifier gives more than {CONFIDENT}",
    }
    return Fold(lambda: jnp.full(count, jnp.nan, jnp.float32), add, finish, definitions, "higher")
