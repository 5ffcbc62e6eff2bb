"""Stacked autoencoders: layers that learn one after the other, then all together (Bengio et al. 2007,
https://papers.nips.cc/paper/2006/hash/5da713a690c067105aeb2fae32403405-Abstract.html; Vincent et al. 2010,
https://jmlr.org/papers/v11/vincent10a.html).

Each layer is an autoencoder of the codes of the layers below it, which are fixed meanwhile. Then the layers are either
unrolled into one deep autoencoder, whose decoder is no longer tied (Hinton & Salakhutdinov 2006,
https://doi.org/10.1126/science.1127647), or get a softmax layer on top, see `stacked_classifier`, and are fine-tuned.
`Config.layer` says which of these stages a Technique is of. D values of an image, Z units of a code.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.steps import begin
from jaxgen.core.types import Refused, State, Technique
from jaxgen.nets.hidden import widths
from jaxgen.nets.mirrored import activation_of
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder, contractive, denoising, layerwise, sparse, stacked_classifier
from jaxgen.techniques.autoencoders.autoencoder import Autoencoder
from jaxgen.techniques.autoencoders.coding import Network, dense

# What --strength is where it is not given.
STRENGTHS = {"masking": 0.25, "salt_and_pepper": 0.25, "gaussian": 0.3, "contractive": 0.1, "kl": 3.0, "l1": 0.1}
SHARES = ("masking", "salt_and_pepper")


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` and `labels` are the data set's, `layer` is the stage's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    layer: int = 0  # the layer that learns, from 1; 0: all of them, the last stage
    network: Network = nested(Network(activation="sigmoid", tied=True))
    pretraining: Literal["plain", "masking", "salt_and_pepper", "gaussian", "contractive", "kl", "l1"] = knob(
        "masking", "what keeps each layer from copying: nothing, a corruption of its inputs, or a penalty of its codes"
    )
    strength: float | None = knob(
        None,
        "share of inputs that masking, or salt and pepper, replace (0.25); standard deviation of the gaussian noise "
        "(0.3); weight of the penalty: contractive (0.1), kl (3), l1 (0.1)",
        lower=0.0,
    )
    target: float = knob(0.1, "mean activation of a unit that kl pulls to", above=0.0, upper=0.999)
    top: Literal["autoencoder", "classifier"] = knob("autoencoder", "what the layers become for the fine-tuning")
    freeze: bool = knob(False, "of a classifier, only the output layer is fine-tuned")
    label_smoothing: float = knob(
        0.0, "share of a label that is spread over all classes, of a classifier", lower=0.0, upper=1.0
    )
    tuning_noise: float = knob(
        0.0, "standard deviation of Gaussian noise on the images while a classifier is fine-tuned", lower=0.0
    )
    pretrain_rate: float = knob(
        1e-3, "learning rate of each layer alone; --learning_rate is the fine-tuning's", above=0.0
    )


def sizes(config: Config) -> tuple[int, ...]:
    """D and the units of each layer. Raises Refused where `hidden` is no list of widths."""
    return (math.prod(config.shape), *widths(config.network.hidden, "hidden"), config.network.latent)


def model(config: Config) -> Autoencoder:
    """The autoencoder that layer `config.layer` is alone; of codes, which are its images, from the second layer on.

    Layer 1 has the network's loss. Those above it reconstruct codes: by the cross-entropy where codes are sigmoids, by
    the squared error of activated outputs otherwise. So each decodes as its layer in the unrolled network does.

    Raises Refused for a penalty that codes of this activation cannot have, and for a share above 1.
    """
    number, every, network = config.layer, sizes(config), config.network
    activation = network.activation
    layer = dataclasses.replace(
        network,
        hidden="",
        latent=every[number],
        code=network.code if number == len(every) - 1 else "activated",
        loss=network.loss if number == 1 else "cross_entropy" if activation == "sigmoid" else "squared",
        learning_rate=config.pretrain_rate,
    )
    alone = regularised(config, layer, config.shape if number == 1 else (1, 1, every[number - 1]))
    if number == 1 or activation == "sigmoid":
        return alone
    act, decode = activation_of(activation), alone.coders.decode
    activated = lambda params, code, beside: act(decode(params, code, beside))
    return alone._replace(coders=alone.coders._replace(decode=activated))


def regularised(config: Config, layer: Network, shape: tuple[int, int, int]) -> Autoencoder:
    """The autoencoder of one layer, with the corruption or the penalty of `config`. Raises Refused, see `model`."""
    kind = config.pretraining
    strength = STRENGTHS.get(kind, 0.0) if config.strength is None else config.strength
    if kind in SHARES and strength > 1:
        raise Refused(f"--strength={strength:g} of --pretraining={kind} is a share of the inputs: it is at most 1")
    if kind in ("masking", "salt_and_pepper", "gaussian"):
        apply, text = denoising.corruption_of(denoising.Config(shape, layer, kind, strength, strength))
        return Autoencoder(layer, dense(layer, shape), shape, corrupt=apply, corruption=text)
    if kind in ("kl", "l1"):
        return sparse.model(sparse.Config(shape, layer, kind, strength, config.target))
    if kind == "contractive":
        # Of one sigmoid layer the norm is a closed form; of others it would take a backward pass for each unit.
        exact = layer.activation == "sigmoid" and layer.code == "activated"
        return contractive.model(contractive.Config(shape, layer, strength, "exact" if exact else "hutchinson"))
    return Autoencoder(layer, dense(layer, shape), shape)


def unrolled(layers: Sequence[Any]) -> dict[str, Any]:
    """The params of the deep autoencoder that the layers make, the lowest first; nothing in it is tied."""
    params = {}
    for number, layer in enumerate(layers):
        own = layer["decoder_0"]
        kernel = own["kernel"] if "kernel" in own else layer["encoder_0"]["kernel"].T
        params[f"encoder_{number}"] = layer["encoder_0"]
        params[f"decoder_{len(layers) - 1 - number}"] = {"kernel": kernel, "bias": own["bias"]}
    return params


def adopting(config: Config, optimizer: Factory) -> Callable[[State | None, jax.Array, Any], State]:
    """A stage's `adopt`: the first State of `make(config, optimizer)`, with the layers that learnt before it.

    The output layer of a classifier, and a layer that is next to learn, start as drawn; the optimiser starts anew.
    """
    technique = make(config, optimizer)

    def adopt(previous, key, arrays):
        del arrays
        state = technique.init(key)
        if previous is None:
            return state
        layers = (*previous.carry, previous.params)
        if config.layer:
            return state._replace(carry=layers)
        params = unrolled(layers)
        if config.top == "classifier":
            params = {name: params.get(name, drawn) for name, drawn in state.params.items()}
        frozen = stacked_classifier.frozen(params, config.freeze)
        return begin(state.key, params, optimizer(config.network.learning_rate), (), frozen)

    return adopt


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique of the stage that `config.layer` names.

    A batch is {"image": [B, D] uint8, or float32 in [0, 1]}, of a classifier with "label" as well. Raises Refused for
    what only a classifier has without one, for a classifier of fewer than two classes, and see `model`.
    """
    if config.freeze and config.top != "classifier":
        raise Refused("--freeze is for --top=classifier: an autoencoder has no layer above the others")
    for name in ("label_smoothing", "tuning_noise"):
        if getattr(config, name) and config.top != "classifier":
            raise Refused(f"--{name} is for --top=classifier")
    if config.layer:
        below = [model(dataclasses.replace(config, layer=n)) for n in range(1, config.layer)]
        return layerwise.technique(below, model(config), optimizer)
    if config.top == "classifier":
        rules = stacked_classifier.Rules(config.freeze, config.label_smoothing, config.tuning_noise)
        return stacked_classifier.technique(config.network, config.shape, config.labels, rules, optimizer)
    network = dataclasses.replace(config.network, tied=False)
    return autoencoder.technique(Autoencoder(network, dense(network, config.shape), config.shape), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """A layer alone, unrolled layers, and a classifier, for the contract tests."""
    small = {"shape": (4, 4, 1), "labels": ("a", "b", "c"), "hidden": "6", "latent": 5}
    rates = {"learning_rate": 1e-2, "pretrain_rate": 1e-2}
    change = lambda **fields: make(changed(Config(), {**small, **rates, **fields}), optimizer)
    return {
        "stacked_layer": change(layer=2),
        "stacked_unrolled": change(code="linear", loss="squared"),
        "stacked_classifier": change(top="classifier"),
    }
