"""What a network has learnt to see: images of its classes and channels, and what in an image speaks for a class.

python -m experiments.visualize                                     numerals, by a small classifier of them
python -m experiments.visualize --judge=auto                        what another classifier takes them for
python -m experiments.visualize --network=runs/classify --targets=0-9 --examples=mnist         of a run of yours
python -m experiments.visualize --preset=lucid --network=squeezenet --layer=fire5 --targets=0-31      channels
python -m experiments.visualize --preset=lucid --network=squeezenet --layer=fire5 --parameters=pixels --views=none
python -m experiments.visualize --preset=lucid --what=layer --network=vgg19 --layer=block3_conv4 --targets=0
python -m experiments.visualize --preset=lucid --network=vgg19 --layer=block3_conv1 --targets=7,7,7,7 --diversity=1

What they look like, and how long it takes: experiments/results/visualize.md. What in an image speaks for a class:
experiments/attribution.py.
"""

import functools
import sys
from collections.abc import Iterator
from typing import Any

from experiments import classify
from jaxgen.core.config import fitted
from jaxgen.core.types import Fold
from jaxgen.figures import visualizations
from jaxgen.nets.pretrained.network import Network
from jaxgen.run import cli
from jaxgen.run.experiment import Data, Experiment, Reader, Setting, Watch, fits
from jaxgen.run.target_reader import TargetFlags, read_targets
from jaxgen.techniques.imagery import visualize
from jaxgen.techniques.imagery.agreement import by_judge

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


def layer_of(config: Any, network: Network) -> str:
    """--layer, or what is shown by default: of classes the layer of the logits, which is the last."""
    if config.what == "class":
        return config.layer or network.activations[-1]
    return config.layer or LAYERS.get(network.name) or (network.spatial or network.activations)[0]


def read(flags: TargetFlags, config: Any) -> Data:
    """The network, and the targets as examples. Raises Refused, see `read_targets`, and for what does not fit."""
    data = read_targets(flags, config.what, functools.partial(layer_of, config), classify.EXPERIMENT)
    fits(visualize.make(fitted(config, data.facts)), data)
    return data


def judged(setting: Setting) -> Iterator[Fold]:
    """What the judge takes the images for, where there is one."""
    judge = setting.data.examples.judge
    if judge is not None:
        yield by_judge(setting.module.make(setting.config), judge.network, len(setting.data.examples.names))


EXPERIMENT = Experiment(
    name="experiments.visualize",
    doc=__doc__ or "",
    title="Feature visualisation",
    text="Images that start as noise and change until a class, a channel or a layer of a fixed network is excited.",
    technique=visualize,
    data=Reader(TargetFlags, read),
    presets=PRESETS,
    defaults={"steps": 512, "batch_size": 1, "log_every": 64, "eval_every": 64, "checkpoint_every": 128},
    watch=Watch(visualizations.look, at_start=True),
    folds=judged,
    show=visualizations.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
