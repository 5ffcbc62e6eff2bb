"""Sparse autoencoder: few units of the code are active for each image, or every unit is for few images.

`l1`: the sum of absolute activations is a penalty. Made smaller by smaller kernels and larger ones in the decoder it
costs nothing: tie the kernels, or let them decay (--weight_decay).
`kl`: the KL divergence between a target and the mean activation of each sigmoid unit over the batch is one (Ng 2011,
https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf).
`largest`: all but the k largest activations are set to 0, in training and afterwards (the k-sparse autoencoder of
Makhzani & Frey 2014, https://arxiv.org/abs/1312.5663; theirs is linear and tied, and keeps alpha k afterwards).
"""

import dataclasses
import functools
from typing import Literal

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.ops import sparsity
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder
from jaxgen.techniques.autoencoders.autoencoder import Autoencoder, Penalty
from jaxgen.techniques.autoencoders.coding import Network, dense


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    network: Network = nested(Network(activation="sigmoid"))
    sparsity: Literal["kl", "l1", "largest"] = knob("kl", "what makes codes sparse")
    sparsity_weight: float = knob(3.0, "of the penalty; l1 takes less, such as 0.1", lower=0.0)
    target: float = knob(0.1, "mean activation of a unit that kl pulls to", above=0.0, upper=0.999)
    k: int = knob(8, "activations of a code that `largest` keeps", lower=1)


def model(config: Config) -> Autoencoder:
    """The network and its restriction. Raises Refused where the code cannot have it."""
    network, weight = config.network, config.sparsity_weight
    if config.sparsity == "largest":
        if config.k > network.latent:
            raise Refused(f"--k={config.k} activations cannot be kept of a code of --latent={network.latent}")
        restrict = functools.partial(sparsity.largest, k=config.k)
        return Autoencoder(network, dense(network, config.shape), config.shape, restrict=restrict)
    if config.sparsity == "l1":
        definition = "sum of the absolute activations of the code, mean over images"
        l1 = Penalty("l1_activations", definition, weight, lambda params, encode, key, x, code: sparsity.l1(code))
        return Autoencoder(network, dense(network, config.shape), config.shape, penalty=l1)
    if (network.activation, network.code) != ("sigmoid", "activated"):
        raise Refused("--sparsity=kl compares probabilities: it needs --activation=sigmoid and --code=activated")
    definition = f"sum over units of KL(target {config.target:g} || mean activation over all images), nats"
    codes = lambda params, encode, key, x, code: code
    of_mean = functools.partial(sparsity.kl_to_target, target=config.target)
    kl = Penalty("kl_activations", definition, weight, codes, of_mean, (network.latent,))
    return Autoencoder(network, dense(network, config.shape), config.shape, penalty=kl)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `autoencoder.technique` describes its batches. Raises Refused, see `model`."""
    return autoencoder.technique(model(config), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Each way to be sparse, for the contract tests."""
    small = {"shape": (4, 4, 1), "latent": 6, "learning_rate": 1e-2, "sparsity_weight": 0.1}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "autoencoder_kl": change({}),
        "autoencoder_l1": change({"sparsity": "l1", "tied": True}),
        "autoencoder_largest": change({"sparsity": "largest", "k": 2, "code": "linear", "tied": True}),
    }
