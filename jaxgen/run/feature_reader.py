"""Sets of images with a fixed network beside them, in whose features images are compared, as the data of a run."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused
from jaxgen.run import moved_reader
from jaxgen.run.experiment import Data, Experiment, sharing
from jaxgen.run.fixed_networks import WeightFlags, fixed
from jaxgen.run.moved_reader import MovedFlags
from jaxgen.run.provenance import fingerprint


@dataclasses.dataclass(frozen=True)
class FeatureFlags(WeightFlags, MovedFlags):
    """The flags of a run on images with a fixed network."""


def read_with_network(
    flags: FeatureFlags, config: Any, names: Callable[[Any], Sequence[str]], classifier: Experiment
) -> Data:
    """Images, in whose batches the variables of the network are the entry `network`, which examples share.

    Args:
        flags: the run's.
        config: the technique's.
        names: the network -> the activations that it must have.
        classifier: see `fixed_networks.fixed`.

    Raises Refused, see `moved_reader.read` and `fixed`, and for images with neither 1 nor 3 channels, or too
    small for these activations.
    """
    data = moved_reader.read(flags, config)
    height, width, channels = data.facts["shape"]
    if channels not in (1, 3):
        raise Refused(f"--dataset={flags.dataset} has {channels} channels; a network sees grey images or colours")
    frozen = fixed(flags, names, classifier)
    image = jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32)
    jax.eval_shape(lambda *args: frozen.network.apply(*args, names(frozen.network)), frozen.variables, image)
    print(f"network: {frozen.origin}")
    facts = {**data.facts, "network": frozen.description}
    data = data._replace(facts=facts, sha256=fingerprint((data.sha256, frozen.variables)))
    return sharing(data, network=jax.tree.map(jnp.asarray, frozen.variables))
