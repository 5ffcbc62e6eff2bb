"""Classifier with convolutions (LeCun et al. 1998, https://doi.org/10.1109/5.726791), as they are made today.

Each convolution is 3x3, followed by an activation and 2x2 max pooling; then come dense layers. What it is trained with
stands in `techniques.vision.classifier`.
"""

import dataclasses

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.convolutional import CNN
from jaxgen.nets.hidden import names, widths
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.vision import classifier
from jaxgen.techniques.vision.classifier import Training


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` and `labels` are the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    channels: str = knob("32,64", "of the CNN's convolutions, separated by commas")
    hidden: str = knob("300,100", "units of the hidden dense layers, separated by commas; 100x50 are fifty of 100")
    training: Training = nested(Training())


def network(config: Config) -> classifier.Classifier:
    """The network for the functions of `classifier`.

    Raises Refused for what is no list of widths, and where pooling would leave no pixel.
    """
    channels, units = widths(config.channels, "channels"), widths(config.hidden, "hidden")
    if min(config.shape[:2]) < 2 ** len(channels):
        raise Refused(
            f"{len(channels)} convolutions with pooling need images of at least {2 ** len(channels)} pixels a side, "
            f"found {config.shape[0]}x{config.shape[1]}; fewer --channels need less"
        )
    training, layers = config.training, names(len(channels) + len(units))
    options, frozen = classifier.options(training), tuple(classifier.listed(training.freeze))
    net = CNN(config.shape, channels, units, len(config.labels), options, frozen)
    return classifier.Classifier(net, layers, config.shape, config.labels, training)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `classifier.technique` describes its batches."""
    return classifier.technique(network(config), optimizer)


def tiny(optimizer=adam):
    """A small case in colour whose sides are no powers of 2, for the contract tests."""
    small = {"shape": (9, 8, 3), "labels": ("a", "b", "c"), "channels": "4,4", "hidden": "8", "learning_rate": 1e-2}
    return {"classifier_cnn": make(changed(Config(), {**small, "batch_norm": True, "activation": "gelu"}), optimizer)}
