"""Denoising autoencoder (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294; 2010, https://jmlr.org/papers/v11/vincent10a.html).

The encoder sees a corrupted image, drawn anew each time, and the reconstruction is compared with the clean one. So the
code cannot merely copy, be it as wide as the image. Metrics that end in `_restored` are of codes of corrupted images,
those without an ending of codes of clean ones.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Technique
from jaxgen.ops import corruption
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder
from jaxgen.techniques.autoencoders.autoencoder import Autoencoder
from jaxgen.techniques.autoencoders.coding import Network, dense


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    network: Network = nested(Network())
    corruption: Literal["masking", "salt_and_pepper", "gaussian"] = knob("masking", "of the encoder's input")
    corrupted: float = knob(0.25, "share of pixels that masking, or salt and pepper, replace", lower=0.0, upper=1.0)
    sigma: float = knob(0.3, "standard deviation of the gaussian noise", lower=0.0)


def corruption_of(config: Config) -> tuple[Callable[[jax.Array, jax.Array], jax.Array], str]:
    """(key, x [..., D] -> what the encoder sees of it, what that is in words)."""
    share, sigma = config.corrupted, config.sigma
    if config.corruption == "gaussian":
        return lambda key, x: corruption.gaussian(key, x, sigma), f"images with noise of standard deviation {sigma:g}"
    if config.corruption == "masking":
        return lambda key, x: corruption.masking(key, x, share), f"images with {share:.0%} of the pixels set to 0"
    replaced = f"images with {share:.0%} of the pixels replaced by 0 or 1"
    return lambda key, x: corruption.salt_and_pepper(key, x, share), replaced


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique, which infers `corrupt` too; `autoencoder.technique` describes its batches."""
    apply, text = corruption_of(config)
    model = Autoencoder(
        config.network, dense(config.network, config.shape), config.shape, corrupt=apply, corruption=text
    )
    technique = autoencoder.technique(model, optimizer)

    def corrupt(state, key, image):
        """One image [D] to what the encoder sees of such an image in training [D]; values may leave [0, 1]."""
        del state
        return apply(key, to_unit(image))

    def inputs(key):
        others = technique.inputs(key)
        return {**others, "corrupt": others["encode"]}

    return technique._replace(infer={**technique.infer, "corrupt": corrupt}, inputs=inputs)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Each corruption, for the contract tests."""
    small = {"shape": (4, 4, 1), "latent": 6, "activation": "sigmoid", "learning_rate": 1e-2}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "autoencoder_masking": change({}),
        "autoencoder_salt": change({"corruption": "salt_and_pepper", "tied": True}),
        "autoencoder_gaussian": change({"corruption": "gaussian", "loss": "squared"}),
    }
