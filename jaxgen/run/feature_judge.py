"""A fixed network that measures how far reconstructions are from their images, for a report."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.nets.pretrained.network import Network
from jaxgen.ops.feature_distance import perceptual_distance
from jaxgen.run.experiment import Experiment
from jaxgen.run.fixed_networks import Fixed, fixed
from jaxgen.techniques.autoencoders.perceptual import coloured

# Those of LPIPS where its network is known; all that have positions of another one.
LAYERS = {"squeezenet": ("relu_conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")}
BLOCK = 40  # images at a time


class FeatureJudge(NamedTuple):
    """What measures."""

    fixed: Fixed
    layers: tuple[str, ...]  # whose distances are averaged


def layers_of(network: Network) -> tuple[str, ...]:
    """The layers whose distances are averaged."""
    return LAYERS.get(network.name, network.spatial)


def feature_judge(flags: Any, classifier: Experiment) -> FeatureJudge:
    """The judge of flags as in `WeightFlags`. Raises Refused, see `fixed`."""
    frozen = fixed(flags, layers_of, classifier)
    return FeatureJudge(frozen, layers_of(frozen.network))


def definition(judge: FeatureJudge) -> str:
    """What `distances` are, in words."""
    return (
        "|a/|a| - b/|b||^2 of the vectors of channels a and b at a position, mean over positions and then over "
        f"{', '.join(judge.layers)} of {judge.fixed.origin}"
    )


def distances(judge: FeatureJudge, images: np.ndarray, others: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The distance [N] of images [N, D] of a shape (H, W, C) from others [N, D], see `perceptual_distance`."""

    @jax.jit
    def apart(variables, one, other):
        seen = (judge.fixed.network.apply(variables, coloured(each, shape), judge.layers) for each in (one, other))
        return perceptual_distance(*seen)

    parts = np.array_split(np.arange(len(images)), -(-len(images) // BLOCK))
    of = lambda part: apart(judge.fixed.variables, jnp.asarray(images[part]), jnp.asarray(others[part]))
    return np.concatenate([of(part) for part in parts])
