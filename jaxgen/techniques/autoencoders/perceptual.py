"""Deep feature consistent variational autoencoder (Hou et al. 2017, https://arxiv.org/abs/1610.00291).

A variational autoencoder as in `vae`, whose reconstruction is compared with its image in the activations of a fixed
network, and not pixel by pixel: what looks alike to the network may differ in every pixel. The loss is

    beta KL(q(z | x) || N(0, I)) + sum over layers of weight / (2 C w h) |features of reconstruction - of image|^2

with z drawn from q; it is no bound of log p(x). The paper's VAE-123: relu1_1, relu2_1 and relu3_1 of VGG19 with a
weight of 0.5, beta 1 and no term of pixels. The network's preprocessing is part of it, and sees both images alike;
images without colours are repeated in three channels.

B images of a batch, D values of an image, Z dimensions of a code.
"""

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Technique
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.terms import layer_weights
from jaxgen.ops.distributions import kl_standard_normal
from jaxgen.ops.feature_distance import weighted_loss
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.likelihoods import LIKELIHOODS
from jaxgen.ops.reconstruction import SQUARED, squared_error
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import vae


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, and `network`, a description of the fixed one, are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (64, 64, 3)
    network: tuple[str, ...] = ("vgg19", "keras")
    coder: Literal["deep", "conv", "mlp"] = knob("deep", "encoder and decoder; see `nets.coders`")
    hidden: int = knob(512, "units of the hidden layers of --coder=mlp", lower=1, upper=2**20)
    latent: int = knob(100, "dimensions of the code", lower=1, upper=2**20)
    layers: str = knob("", "whose features are compared, with weights: block1_conv1:0.5,block2_conv1:0.5")
    pixels: float = knob(0.0, "weight of the squared error of pixels in [0, 1], summed over an image", lower=0.0)
    beta: float = knob(1.0, "weight of what pulls codes to the prior", lower=0.0)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the autoencoder's products; parameters stay float32")


def needed(config: Config) -> tuple[str, ...]:
    """The activations that the fixed network must have. Raises Refused for a text that names none."""
    return tuple(layer for layer, _ in layer_weights(config.layers, "layers"))


def coloured(x: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
    """Images [B, D] of a shape (H, W, C) as [B, H, W, 3]: of one channel, three times that."""
    images = x.reshape(-1, *shape)
    return jnp.repeat(images, 3, axis=-1) if shape[-1] == 1 else images


def autoencoder(config: Config) -> vae.VAE:
    """The network, whose decoder's outputs are logits of pixels."""
    names = ("shape", "hidden", "latent", "precision")
    fields = {name: getattr(config, name) for name in names}
    return vae.VAE(vae.Config(network=config.coder, likelihood="greyscale", **fields))


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """A batch is {"image": [B, D] uint8, or float32 in [0, 1]; "network": its variables, which examples share}.

    Raises Refused for layers that the fixed network does not have.
    """
    network, weights, likelihood = network_of(config.network), layer_weights(config.layers, "layers"), "greyscale"
    names, net, pixels = asked(network, needed(config)), autoencoder(config), math.prod(config.shape)
    mean_of, descent = LIKELIHOODS[likelihood].mean, optimizer(config.learning_rate)
    apply: Any = lambda params, *inputs, method=None: net.apply({"params": params}, *inputs, method=method)

    def init(key):
        state_key, net_key = jax.random.split(key)
        shapes = (1, pixels), (1, 1, config.latent)
        params = net.init(net_key, *(jnp.zeros(shape, jnp.float32) for shape in shapes))["params"]
        return begin(state_key, params, descent)

    def terms(params, key, batch):
        """The terms of the loss [B] without their weights: features, KL, squared error."""
        x = to_unit(batch["image"])
        out, _, mean, log_var, _ = apply(params, x, jax.random.normal(key, (1, len(x), config.latent), jnp.float32))
        y = mean_of(out[0])
        seen = lambda images: network.apply(batch["network"], coloured(images, config.shape), names)
        return weighted_loss(seen(y), seen(x), weights), kl_standard_normal(mean, log_var), squared_error(y, x)

    def total(features, kl, squared):
        return features + config.beta * kl + config.pixels * squared

    def loss(params, carry, key, batch):
        each = tuple(term.mean() for term in terms(params, key, batch))
        value = total(*each)
        return value, (carry, {"loss": value, **dict(zip(("features", "kl", "squared_error"), each))})

    def measure(state, key, batch):
        each = terms(state.params, key, batch)
        return total(*each), *each

    def example(key):
        image_key, network_key = jax.random.split(key)
        image = speckled(image_key, 8, pixels)
        return {"image": image, "network": network.init(network_key, names)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image = speckled(image_key, pixels)
        z = jax.random.normal(code_key, (config.latent,), jnp.float32)
        return {"sample": (), "encode": image, "decode": z, "reconstruct": image}

    of_layers = f"{network.name}, {', '.join(f'{weight:g} {layer}' for layer, weight in weights)}"
    definitions = {
        "loss": f"features + {config.beta:g} kl + {config.pixels:g} squared_error, 1 sample of z",
        "features": f"half the mean squared difference of activations, weighted sum over layers: {of_layers}",
        "kl": "KL(q(z | x) || N(0, I)), nats per image, in closed form",
        "squared_error": f"{SQUARED}; of 1 sample of z",
    }
    infer = vae.inference(apply, LIKELIHOODS[likelihood], config.latent)
    evaluate, step = averaged(measure, definitions), gradient_step(loss, descent)
    return Technique(init, step, evaluate, infer, example, inputs, shared=("network",))


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Grey images and a term of pixels, and images with colours, for the contract tests."""
    network = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
    small = Config((8, 8, 1), network, "mlp", 8, 2, "layer1:50", 0.1, 0.5, 1e-2)
    deep = dataclasses.replace(small, shape=(8, 8, 3), coder="deep", layers="layer1:50,layer2:50", pixels=0.0)
    return {"perceptual_grey": make(small, optimizer), "perceptual_deep": make(deep, optimizer)}
