"""Classifier of images, with every knob of a lecture on deep learning: how an MLP or a CNN is started, bent and held.

Softmax regression on what a stack of hidden layers makes of the pixels, trained on the cross-entropy. Initialisation
decides whether signals survive the layers (Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html; He et
al. 2015, https://arxiv.org/abs/1502.01852), batch normalisation keeps them alive (Ioffe & Szegedy 2015,
https://arxiv.org/abs/1502.03167); dropout, smoothed labels and augmented images are against learning by heart, as are
the penalties on weights that every optimiser can be given (`jaxgen.optim.gradients`). Glossary: B batch, D values of an
image, C classes, L layers, the output included.

Layers are called layer1, layer2, ... and output. A frozen layer is used as at evaluation: running statistics, no
dropout, `stop_gradient` around its parameters, no update.
"""

import dataclasses
import math
import re
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import classified
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.hidden import Block
from jaxgen.nets.initializers import initializer
from jaxgen.ops.augment import Ranges, augment
from jaxgen.ops.classification import cross_entropy, hard_label
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.textbook import adam


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` and `labels` are the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    network: Literal["mlp", "cnn"] = knob("mlp", "dense layers, or 3x3 convolutions with 2x2 max pooling before them")
    channels: str = knob("32,64", "of the CNN's convolutions, separated by commas")
    hidden: str = knob("300,100", "units of the hidden dense layers, separated by commas; 100x50 are fifty of 100")
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "rrelu", "prelu", "elu", "selu", "gelu"] = knob(
        "relu", "of the hidden layers"
    )
    initializer: Literal[
        "xavier_uniform",
        "xavier_normal",
        "he_uniform",
        "he_normal",
        "lecun_normal",
        "lecture_uniform",
        "lecture_normal",
        "truncated",
    ] = knob("he_uniform", "of the kernels; lecture_* depend on the activation")
    batch_norm: bool = knob(False, "normalise over the batch before each activation")
    dropout: float = knob(
        0.0, "share of units dropped, from the last convolution or the first dense layer on", lower=0.0, upper=0.99
    )
    label_smoothing: float = knob(0.0, "share of a label that is spread over all classes", lower=0.0, upper=1.0)
    shift: float = knob(0.0, "pixels that training images are shifted by, at most, each way", lower=0.0, upper=4096)
    rotate: float = knob(0.0, "degrees that they are rotated by, at most, each way", lower=0.0, upper=180.0)
    zoom: float = knob(0.0, "0.1: enlarged or made smaller by up to a tenth", lower=0.0, upper=9.0)
    flip: bool = knob(False, "half of them left to right")
    cutout: int = knob(0, "side in pixels of a square that is blacked out in each", lower=0, upper=4096)
    freeze: str = knob("", "layers that do not learn, separated by commas: layer1,layer2")
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")


def widths(text: str, flag: str) -> list[int]:
    """The numbers of "300,100", and fifty times 100 of "100x50". Raises Refused for what is no such list."""
    found = []
    for part in filter(None, text.split(",")):
        given = re.fullmatch("([1-9][0-9]{0,6})(?:x([1-9][0-9]{0,3}))?", part)
        if not given or int(given[1]) > 2**20:
            raise Refused(f"--{flag} is a list of widths such as 300,100 or 100x50, not {text[:50]!r}")
        found += [int(given[1])] * int(given[2] or 1)
    if len(found) > 1000:
        raise Refused(f"--{flag}={text} are {len(found):,} layers; at most 1,000 are made")
    return found


def layers(config: Config) -> dict[str, dict[str, Any]]:
    """Name -> what its Block is made with, from the image up. Raises Refused where pooling would leave no pixel."""
    channels = widths(config.channels, "channels") if config.network == "cnn" else []
    units = widths(config.hidden, "hidden")
    if min(config.shape[:2]) < 2 ** len(channels):
        raise Refused(
            f"{len(channels)} convolutions with pooling need images of at least {2 ** len(channels)} pixels a side, "
            f"found {config.shape[0]}x{config.shape[1]}; fewer --channels need less"
        )
    found, dtype = {}, jnp.bfloat16 if config.precision == "bf16" else jnp.float32
    for n, features in enumerate([*channels, *units], 1):
        found[f"layer{n}"] = {
            "features": features,
            "conv": n <= len(channels),
            "activation": config.activation,
            "initializer": config.initializer,
            "batch_norm": config.batch_norm,
            "dropout": config.dropout if n >= len(channels) else 0.0,
            "dtype": dtype,
        }
    return found


def frozen(config: Config) -> frozenset[str]:
    """Names of the layers that do not learn. Raises Refused for one that is not there, or where none is left."""
    names, asked = [*layers(config), "output"], [name for name in config.freeze.split(",") if name]
    if unknown := [name for name in asked if name not in names]:
        raise Refused(f"--freeze={config.freeze}: there is no layer {unknown[0]!r}; known: {', '.join(names)}")
    if set(asked) == set(names):
        raise Refused(f"--freeze={config.freeze} leaves no layer to learn")
    return frozenset(asked)


class Network(nn.Module):
    """Hidden layers and a linear output."""

    config: Config

    @nn.compact
    def __call__(self, x, train=False):
        """Images [B, D] in [0, 1] to logits [B, C] float32, and each layer's activations, the logits last."""
        config, still, found = self.config, frozen(self.config), []
        x = x.reshape(-1, *config.shape) if config.network == "cnn" else x
        for name, options in layers(config).items():
            x = x if options["conv"] else x.reshape(len(x), -1)
            x, activations = Block(**options, name=name)(x, train and name not in still)
            found.append(activations)
        start = initializer(config.initializer, config.activation)
        logits = nn.Dense(len(config.labels), kernel_init=start, name="output")(x.reshape(len(x), -1))
        return logits.astype(jnp.float32), [*found, logits]


def training(config: Config) -> tuple[Network, Any]:
    """The network, and `loss(params, carry, key, batch) -> [], (carry, logits [B, C], activations)` in training."""
    net, still = Network(config), frozen(config)
    ranges = Ranges(config.shift, config.rotate, config.zoom, config.flip, config.cutout)

    def loss(params, carry, key, batch):
        augment_key, dropout_key, slope_key = jax.random.split(key, 3)
        x = augment(augment_key, to_unit(batch["image"]), config.shape, ranges)
        params = {name: jax.lax.stop_gradient(p) if name in still else p for name, p in params.items()}
        random = {"dropout": dropout_key, "rrelu": slope_key}
        given: Any = net.apply({"params": params, **dict(carry)}, x, True, rngs=random, mutable=list(carry))
        (logits, activations), moved = given
        value = cross_entropy(logits, batch["label"], config.label_smoothing).mean()
        return value, (moved or carry, logits, activations)

    return net, loss


def root_mean_square(x: jax.Array) -> jax.Array:
    """[] of an array of any shape. What vanishes has squares below the smallest float32: it is scaled first."""
    largest = jnp.maximum(jnp.abs(x).max(), jnp.finfo(x.dtype).tiny)
    return largest * jnp.sqrt(jnp.square(x / largest).mean())


def layer_statistics(config: Config):
    """State, key, batch -> per layer [L] what a vanishing or exploding signal shows, in training.

    `gradient`: root mean square of the loss's gradient in the layer's kernel; `mean` and `spread`: mean and standard
    deviation of its activations, of the output the logits.
    """
    _, loss = training(config)

    def measure(state, key, batch):
        (_, (_, _, activations)), slopes = jax.value_and_grad(loss, has_aux=True)(state.params, state.carry, key, batch)
        kernels = [slopes[name].get("linear", slopes[name])["kernel"] for name in [*layers(config), "output"]]
        return {
            "gradient": jnp.stack([root_mean_square(g) for g in kernels]),
            "mean": jnp.stack([a.astype(jnp.float32).mean() for a in activations]),
            "spread": jnp.stack([a.astype(jnp.float32).std() for a in activations]),
        }

    return measure


def make(config=Config(), optimizer=adam):
    """A batch is {"image": [B, D] uint8 or float32 in [0, 1], "label": [B] class numbers, or [B, C] distributions}."""
    (net, training_loss), still = training(config), frozen(config)
    pixels, classes = math.prod(config.shape), len(config.labels)
    optimizer = optimizer(config.learning_rate)

    def init(key):
        state_key, net_key = jax.random.split(key)
        variables: Any = dict(net.init(net_key, jnp.zeros((1, pixels))))
        params = variables.pop("params")
        return begin(state_key, params, optimizer, variables or (), still)

    def loss(params, carry, key, batch):
        value, (carry, logits, _) = training_loss(params, carry, key, batch)
        right = logits.argmax(-1) == hard_label(batch["label"])
        return value, (carry, {"loss": value, "accuracy": right.mean()})

    def judge(state, image) -> Any:
        """Logits [B, C] and activations, as at evaluation."""
        return net.apply({"params": state.params, **dict(state.carry)}, to_unit(image))

    def predict(state, key, image):
        """One image [D] to the probabilities [C] of its classes."""
        del key
        return jax.nn.softmax(judge(state, image[None])[0][0])

    def features(state, key, image):
        """One image [D] to the activations [F] of the last hidden layer."""
        del key
        hidden = judge(state, image[None])[1][:-1]
        return hidden[-1].reshape(-1) if hidden else to_unit(image)

    def example(key):
        image_key, label_key = jax.random.split(key)
        image = 255 * jax.random.bernoulli(image_key, 0.3, (8, pixels)).astype(jnp.uint8)
        return {"image": image, "label": jax.random.randint(label_key, (8,), 0, classes)}

    def inputs(key):
        image = example(key)["image"][0]
        return {"predict": image, "features": image}

    evaluate = classified(lambda state, batch: judge(state, batch["image"])[0], config.labels)
    step = gradient_step(loss, optimizer, still)
    return Technique(init, step, evaluate, {"predict": predict, "features": features}, example, inputs)


def tiny():
    """A small case of every kind of layer, for the contract tests."""
    small = Config(shape=(8, 8, 1), labels=("a", "b", "c"), hidden="8,8", channels="4,4", learning_rate=1e-2)
    change = lambda **fields: make(dataclasses.replace(small, **fields))
    return {
        "classifier_mlp": change(activation="prelu", label_smoothing=0.1),
        "classifier_cnn": change(network="cnn", batch_norm=True, shape=(9, 8, 3), hidden="8", activation="gelu"),
        "classifier_noisy": change(
            **{"dropout": 0.2, "activation": "rrelu", "batch_norm": True, "shift": 1.0, "rotate": 10.0, "cutout": 2},
            **{"freeze": "layer1", "hidden": "8,8,8", "initializer": "lecun_normal"},
        ),
    }
