"""Autoencoder of dense layers without any regulariser (Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647).

With fewer codes than pixels it has to compress. Linear, with the squared error, its codes span the space of the first
principal components (Baldi & Hornik 1989, https://doi.org/10.1016/0893-6080(89)90014-2). With as many codes as pixels
or more it can copy; `sparse`, `denoising` and `contractive` keep it from that. What they share stands in
`techniques.autoencoders.autoencoder`.
"""

import dataclasses

from jaxgen.core.config import changed, nested
from jaxgen.core.types import Technique
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder
from jaxgen.techniques.autoencoders.coding import Network, dense


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    network: Network = nested(Network())


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `autoencoder.technique` describes its batches."""
    return autoencoder.technique(
        autoencoder.Autoencoder(config.network, dense(config.network, config.shape), config.shape), optimizer
    )


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Tied and not, deep and not, both losses, for the contract tests."""
    small = {"shape": (4, 4, 1), "latent": 3, "learning_rate": 1e-2}
    deep = {"hidden": "8,6", "activation": "tanh", "code": "linear", "loss": "squared"}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {"autoencoder_dense": change({"tied": True, "activation": "sigmoid"}), "autoencoder_deep": change(deep)}
