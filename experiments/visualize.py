"""What a network has learnt to see: images of its classes and channels, and what in an image speaks for a class.

python -m experiments.visualize                                     numerals, by a small classifier of them
python -m experiments.visualize --network=runs/classify --targets=0-9           of a run of yours
python -m experiments.visualize --preset=lucid --network=squeezenet --layer=fire5 --targets=0-31      channels
python -m experiments.visualize --preset=lucid --network=squeezenet --layer=fire5 --parameters=pixels --views=none
python -m experiments.visualize --preset=lucid --what=layer --network=vgg19 --layer=block3_conv4 --targets=0
python -m experiments.visualize --preset=lucid --network=vgg19 --layer=block3_conv1 --targets=7,7,7,7 --diversity=1

What they look like, and how long it takes: experiments/results/visualize.md. What in an image speaks for a class:
experiments/attribution.py.
"""

import dataclasses
import re
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import classify
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Refused
from jaxgen.data.sources import holdout, resident
from jaxgen.figures import visualizations
from jaxgen.nets.pretrained.network import Network
from jaxgen.run import cli
from jaxgen.run.experiment import Data, Experiment, Reader, Watch, sharing
from jaxgen.run.fixed_networks import NetworkFlags, fixed
from jaxgen.run.flags import DATA
from jaxgen.run.provenance import fingerprint
from jaxgen.techniques.imagery import visualize

PRESETS: dict[str, dict[str, Any]] = {
    # Olah et al. 2017, for networks of photographs.
    "lucid": {
        "what": "channel",
        "parameters": "fourier",
        "views": "standard",
        "noise": 0.0,
        "variation": 0.0,
        "brightness": 0.0,
        "learning_rate": 0.05,
    }
}
LAYERS = {"vgg16": "block4_conv1", "vgg19": "block3_conv1", "inception_v3": "mixed4", "squeezenet": "fire5"}
LEAST = 64  # pixels a side where nothing is said


@dataclasses.dataclass(frozen=True)
class VisualizeFlags(NetworkFlags):
    """The flags of feature visualisation."""

    targets: str = knob("", "classes by name, or channels by number: 0-9 or a,b,c; empty: the first ten", free=True)
    size: int = knob(
        0,
        "pixels a side of the images; 0: what the classifier reads, or 128",
        lower=0,
        upper=4096,
        free=True,
        group=DATA,
    )


def top(network: Network) -> str:
    """The layer of the logits."""
    return network.activations[-1]


def layer_of(config: Any, network: Network) -> str:
    """--layer, or what is shown by default."""
    if config.what == "class":
        return config.layer or top(network)
    return config.layer or LAYERS.get(network.name) or (network.spatial or network.activations)[0]


def numbered(text: str, names: Sequence[str], count: int) -> list[int]:
    """The targets of "a,b" or "0-9,12": numbers, or names of classes. Raises Refused for one that does not exist."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        span = re.fullmatch(r"(\d+)-(\d+)", part)
        if part in names:
            numbers.append(list(names).index(part))
        elif span and not names:
            numbers += range(int(span[1]), int(span[2]) + 1)
        elif span and span[1] in names and span[2] in names:
            numbers += range(list(names).index(span[1]), list(names).index(span[2]) + 1)
        elif part.isdecimal() and not names:
            numbers.append(int(part))
        else:
            raise Refused(f"--targets={text}: there is no {part!r}; known: {', '.join(names) or f'0-{count - 1}'}")
    numbers = numbers or list(range(min(10, count)))
    if max(numbers) >= count:
        raise Refused(f"--targets={text}: {max(numbers)} is not among 0-{count - 1}")
    return numbers


def read(flags: VisualizeFlags, config: Any) -> Data:
    """The network, and the targets as examples. Raises Refused, see `fixed`, and for targets that do not exist."""
    frozen = fixed(flags, lambda network: (layer_of(config, network),), classify.EXPERIMENT)
    network, layer = frozen.network, layer_of(config, frozen.network)
    own = tuple(map(int, frozen.description[1].split("x"))) if frozen.description[0] == "cnn" else ()
    side = flags.size or (0 if own else 128)
    shape = (side, side, own[2] if own else 3) if side else own
    if min(shape[:2]) < network.least:
        raise Refused(f"--size={flags.size}: {network.name} takes images of at least {network.least} pixels a side")
    like = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    activation = jax.eval_shape(lambda v, x: network.apply(v, x, (layer,)), frozen.variables, like)[layer]
    names = frozen.labels if config.what == "class" else ()
    targets = numbered(flags.targets, names, activation.shape[-1])
    shown = tuple(names[n] if names else str(n) for n in targets)
    print(f"network: {frozen.origin}; {config.what} of {layer}: {', '.join(shown)}")
    columns = {"target": np.array(targets, np.int32)}
    facts = {"network": frozen.description, "shape": shape, "count": len(targets), "layer": layer}
    technique = visualize.make(fitted(config, facts))
    sha256 = fingerprint((columns, frozen.variables))
    variables = jax.tree.map(jnp.asarray, frozen.variables)
    batch = {**jax.tree.map(jnp.asarray, columns), "network": variables}
    key = jax.random.key(0)
    jax.eval_shape(technique.step, jax.eval_shape(technique.init, key), batch)  # raises Refused for what does not fit
    data = Data(
        facts,
        resident(columns, len(targets), True),
        None,
        holdout(columns, len(targets)),
        1,
        sha256,
        shown,
        judged="last",
        counted=("images", len(targets)),
    )
    return sharing(data, network=variables)


EXPERIMENT = Experiment(
    name="experiments.visualize",
    doc=__doc__ or "",
    title="Feature visualisation",
    text="Images that start as noise and change until a class, a channel or a layer of a fixed network is excited.",
    technique=visualize,
    data=Reader(VisualizeFlags, read),
    presets=PRESETS,
    defaults={"steps": 512, "batch_size": 1, "log_every": 64, "eval_every": 64, "checkpoint_every": 128},
    watch=Watch(visualizations.look, at_start=True),
    show=visualizations.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
