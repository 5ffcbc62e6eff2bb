"""Classifier with dense layers, the multilayer perceptron (Rumelhart et al. 1986, https://doi.org/10.1038/323533a0).

Each hidden layer is a matrix product, then an activation; `hidden=""` is softmax regression on the pixels. What it is
trained with stands in `techniques.vision.classifier`.
"""

import dataclasses

import flax.linen as nn

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Technique
from jaxgen.nets.hidden import dense_classifier, names, widths
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.vision import classifier
from jaxgen.techniques.vision.classifier import Training


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` and `labels` are the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    hidden: str = knob("300,100", "units of the hidden dense layers, separated by commas; 100x50 are fifty of 100")
    training: Training = nested(Training())


class MLP(nn.Module):
    """Hidden dense layers and a linear output."""

    config: Config

    @nn.compact
    def __call__(self, x, train=False):
        """Images [B, D] in [0, 1] to logits [B, C] float32, and layer -> activations [B, F]."""
        config, training = self.config, self.config.training
        units, frozen = widths(config.hidden, "hidden"), classifier.listed(training.freeze)
        return dense_classifier(x, units, len(config.labels), classifier.options(training), train, frozen)


def network(config: Config) -> classifier.Classifier:
    """The network for the functions of `classifier`. Raises Refused for what is no list of widths."""
    layers = names(len(widths(config.hidden, "hidden")))
    return classifier.Classifier(MLP(config), layers, config.shape, config.labels, config.training)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `classifier.technique` describes its batches."""
    return classifier.technique(network(config), optimizer)


def tiny(optimizer=adam):
    """Learnt slopes, and everything that is drawn or frozen, for the contract tests."""
    small = {"shape": (8, 8, 1), "labels": ("a", "b", "c"), "hidden": "8,8", "learning_rate": 1e-2}
    drawn = {"dropout": 0.2, "activation": "rrelu", "shift": 1.0, "rotate": 10.0, "cutout": 2}
    rest = {"batch_norm": True, "freeze": "layer1", "hidden": "8,8,8", "initializer": "lecun_normal"}
    return {
        "classifier_mlp": make(changed(Config(), {**small, "activation": "prelu", "label_smoothing": 0.1}), optimizer),
        "classifier_noisy": make(changed(Config(), {**small, **drawn, **rest}), optimizer),
    }
