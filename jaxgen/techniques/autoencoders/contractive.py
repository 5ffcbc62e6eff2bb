"""Contractive autoencoder (Rifai et al. 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf).

The squared Frobenius norm of the Jacobian of the code in the image is a penalty: codes change only in the directions
that the reconstruction needs. Of one sigmoid layer it is a closed form; of other encoders it is computed row by row, a
backward pass for each unit of the code, or estimated by one forward derivative along random signs.
"""

import dataclasses
from typing import Literal

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Technique
from jaxgen.ops import contraction
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
    contraction: float = knob(0.1, "weight of the squared norm of the Jacobian", lower=0.0)
    jacobian: Literal["exact", "hutchinson"] = knob(
        "exact", "how its norm is computed: exactly, or estimated along one vector of random signs an image"
    )


def model(config: Config) -> Autoencoder:
    """The network and its penalty."""
    network = config.network
    one_layer = (network.hidden, network.activation, network.code) == ("", "sigmoid", "activated")
    definition = "squared Frobenius norm of the Jacobian of the code in the image"
    if config.jacobian == "hutchinson":
        definition += ", estimated along one vector of random signs an image"
        terms = lambda params, encode, key, x, code: contraction.hutchinson(key, encode, x)
    elif one_layer:
        terms = lambda params, encode, key, x, code: contraction.of_sigmoid_layer(code, params["encoder_0"]["kernel"])
    else:
        terms = lambda params, encode, key, x, code: contraction.by_rows(encode, x)
    penalty = Penalty("jacobian", f"{definition}, mean over images", config.contraction, terms)
    return Autoencoder(network, dense(network, config.shape), config.shape, penalty=penalty)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `autoencoder.technique` describes its batches."""
    return autoencoder.technique(model(config), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """The closed form, the rows and the estimate, for the contract tests."""
    small = {"shape": (4, 4, 1), "latent": 5, "learning_rate": 1e-2}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "autoencoder_contractive": change({"tied": True}),
        "autoencoder_rows": change({"hidden": "6", "activation": "tanh", "loss": "squared"}),
        "autoencoder_hutchinson": change({"hidden": "6", "jacobian": "hutchinson"}),
    }
