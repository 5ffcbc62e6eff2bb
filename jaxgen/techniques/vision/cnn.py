"""Classifier with convolutions (LeCun et al. 1998, https://doi.org/10.1109/5.726791), as they are made today.

Each convolution is 3x3, followed by an activation and 2x2 max pooling; then come dense layers. What it is trained with
stands in `techniques.vision.classifier`.
"""

import dataclasses

import flax.linen as nn

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.hidden import Block, dense_classifier, names, widths
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


class CNN(nn.Module):
    """Convolutions with pooling, hidden dense layers and a linear output."""

    config: Config

    @nn.compact
    def __call__(self, x, train=False):
        """Images [B, D] in [0, 1] to logits [B, C] float32, and layer -> activations [B, H, W, F] or [B, F]."""
        config, training, activations = self.config, self.config.training, {}
        channels, units = widths(config.channels, "channels"), widths(config.hidden, "hidden")
        options, frozen = classifier.options(training), classifier.listed(training.freeze)
        undropped = {**options, "dropout": 0.0}  # dropout begins at the last convolution
        x = x.reshape(-1, *config.shape)
        for number, features in enumerate(channels, 1):
            name, chosen = f"layer{number}", options if number == len(channels) else undropped
            x, activations[name] = Block(features, conv=True, **chosen, name=name)(x, train and name not in frozen)
        classes, x = len(config.labels), x.reshape(len(x), -1)
        logits, above = dense_classifier(x, units, classes, options, train, frozen, first=len(channels) + 1)
        return logits, {**activations, **above}


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
    layers = names(len(channels) + len(units))
    return classifier.Classifier(CNN(config), layers, config.shape, config.labels, config.training)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `classifier.technique` describes its batches."""
    return classifier.technique(network(config), optimizer)


def tiny(optimizer=adam):
    """A small case in colour whose sides are no powers of 2, for the contract tests."""
    small = {"shape": (9, 8, 3), "labels": ("a", "b", "c"), "channels": "4,4", "hidden": "8", "learning_rate": 1e-2}
    return {"classifier_cnn": make(changed(Config(), {**small, "batch_norm": True, "activation": "gelu"}), optimizer)}
