"""Variational autoencoder (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114).

An encoder gives each image x a normal posterior q(z | x), a decoder gives each code z a distribution over images
p(x | z); both climb the evidence lower bound E_q log p(x | z) - KL(q(z | x) || N(0, I)). beta weighs the KL term
(Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl). Glossary: B batch, D values of an image, Z of a code.

The preset `chollet` keeps the network, optimiser, batch and epochs of Chollet & Allaire, Deep Learning with R, section
8.4. The book's code weighs the KL by 0.39 per image and samples with exp(log-variance) as the standard deviation; here
sampling is right and beta is 1. The preset `mlp` is 784-512-2, the Keras blog's autoencoder.
"""

import dataclasses
import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Technique
from jaxgen.nets.layers import Conv, ConvTranspose
from jaxgen.ops.distributions import kl_standard_normal, reparameterise
from jaxgen.ops.images import to_unit
from jaxgen.ops.likelihoods import LIKELIHOODS
from jaxgen.optim.textbook import adam


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    network: Literal["mlp", "conv"] = knob("mlp", "encoder and decoder")
    latent: int = knob(16, "dimensions of the code", lower=1, upper=2**20)
    hidden: int = knob(512, "units of the MLP's hidden layer", lower=1, upper=2**20)
    likelihood: Literal["bernoulli", "binarized", "gaussian"] = knob(
        "bernoulli",
        "of a pixel: bernoulli is the cross-entropy of grey values, binarized draws black or white anew each time, "
        "gaussian learns one standard deviation for all",
    )
    beta: float = knob(1.0, "weight of the KL term in training", lower=0.0)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")


PRESETS = {
    "chollet": {
        "network": "conv",
        "latent": 2,
        "optimizer": "rmsprop",
        "learning_rate": 1e-3,
        "batch_size": 16,
        "epochs": 10,
    },
    "mlp": {"network": "mlp", "hidden": 512, "latent": 2},
}


def mlp(config: Config, dtype: Any) -> tuple[list[Any], list[Any]]:
    """Layers of encoder and decoder: one hidden layer each way."""
    down = [nn.Dense(config.hidden, dtype=dtype), nn.relu, nn.Dense(2 * config.latent, dtype=dtype)]
    return down, [nn.Dense(config.hidden, dtype=dtype), nn.relu, nn.Dense(math.prod(config.shape), dtype=dtype)]


def conv(config: Config, dtype: Any) -> tuple[list[Any], list[Any]]:
    """Layers of encoder and decoder of Chollet & Allaire, section 8.4: halves the image once on the way down."""
    height, width, channels = config.shape
    half = (-(-height // 2), -(-width // 2), 64)
    shaped = lambda *shape: lambda x: x.reshape(*x.shape[:-1], *shape)
    flat = lambda x: x.reshape(*x.shape[:-3], -1)
    crop = lambda x: x[..., :height, :width, :]  # an odd size was rounded up on the way down
    down = [shaped(*config.shape), Conv(32, dtype=dtype), nn.relu, Conv(64, strides=(2, 2), dtype=dtype), nn.relu]
    down += [Conv(64, dtype=dtype), nn.relu, Conv(64, dtype=dtype), nn.relu]
    down += [flat, nn.Dense(32, dtype=dtype), nn.relu, nn.Dense(2 * config.latent, dtype=dtype)]
    up = [nn.Dense(math.prod(half), dtype=dtype), nn.relu, shaped(*half)]
    up += [ConvTranspose(32, strides=(2, 2), dtype=dtype), nn.relu, crop, Conv(channels, dtype=dtype), flat]
    return down, up


NETWORKS = {"mlp": mlp, "conv": conv}


class VAE(nn.Module):
    """Encoder to a normal posterior, decoder to the parameters of the pixels' distribution."""

    config: Config

    def setup(self):
        c = self.config
        down, up = NETWORKS[c.network](c, jnp.bfloat16 if c.precision == "bf16" else jnp.float32)
        self.encoder, self.decoder = nn.Sequential(down), nn.Sequential(up)
        self.log_sigma = self.param("log_sigma", nn.initializers.zeros, ()) if c.likelihood == "gaussian" else None

    def encode(self, x):
        """Images [..., D] to posterior mean and log-variance [..., Z], float32."""
        return tuple(jnp.split(self.encoder(x).astype(jnp.float32), 2, axis=-1))

    def decode(self, z):
        """Codes [..., Z] to Bernoulli logits or normal means [..., D], float32."""
        return self.decoder(z).astype(jnp.float32)

    def __call__(self, x, key):
        mean, log_var = self.encode(x)
        return self.decode(reparameterise(key, mean, log_var)), mean, log_var, self.log_sigma


def negative_elbo(log_likelihood, mean, log_var, beta=1.0):
    """-E log p(x | z) + beta KL, in nats per image [B], from log p(x | z) [B] at one draw of z."""
    return beta * kl_standard_normal(mean, log_var) - log_likelihood


def inference(apply, likelihood, latent):
    """`infer`, from apply(params, *inputs, method=...), one of LIKELIHOODS and the dimensions of a code."""

    def encode(state, key, image):
        """One image [D] to its posterior's mean [Z]."""
        del key
        return apply(state.params, to_unit(image), method="encode")[0]

    def decode(state, key, z):
        """One code [Z] to pixel means [D] between 0 and 1."""
        del key
        return likelihood.mean(apply(state.params, z, method="decode"))

    def sample(state, key, given=()):
        """Pixel means [D] of a code drawn from the prior."""
        del given
        return decode(state, key, jax.random.normal(key, (latent,)))

    def reconstruct(state, key, image):
        """Pixel means [D] of an image's [D] posterior mean."""
        return decode(state, key, encode(state, key, image))

    return {"sample": sample, "encode": encode, "decode": decode, "reconstruct": reconstruct}


def make(config=Config(), optimizer=adam):
    """A batch is {"image": [B, D] uint8, or float32 in [0, 1]}, and whatever else; labels are not looked at."""
    net, likelihood, pixels = VAE(config), LIKELIHOODS[config.likelihood], math.prod(config.shape)
    optimizer = optimizer(config.learning_rate)

    def apply(params, *inputs, method=None) -> Any:
        return net.apply({"params": params}, *inputs, method=method)

    def init(key):
        state_key, net_key, noise_key = jax.random.split(key, 3)
        return begin(state_key, net.init(net_key, jnp.zeros((1, pixels)), noise_key)["params"], optimizer)

    def terms(params, key, image):
        """log p(x | z) [B] and the posterior's mean and log-variance [B, Z]."""
        noise_key, target_key = jax.random.split(key)
        x = likelihood.target(target_key, to_unit(image))
        out, mean, log_var, log_sigma = apply(params, x, noise_key)
        return likelihood.log_prob(out, log_sigma, x), mean, log_var

    def loss(params, carry, key, batch):
        log_likelihood, mean, log_var = terms(params, key, batch["image"])
        value = negative_elbo(log_likelihood, mean, log_var, config.beta).mean()
        kl = kl_standard_normal(mean, log_var).mean()
        return value, (carry, {"loss": value, "kl": kl, "reconstruction": -log_likelihood.mean()})

    def add(state, key, tally, batch, mask):
        log_likelihood, mean, log_var = terms(state.params, key, batch["image"])
        kl = kl_standard_normal(mean, log_var)
        return tally + jnp.stack([jnp.sum(mask * kl), jnp.sum(mask * log_likelihood), jnp.sum(mask)])

    def finish(tally):
        kl, reconstruction = tally[0] / tally[2], -tally[1] / tally[2]
        return {"negative_elbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}

    definitions = {
        "negative_elbo": f"-log p(x | z) + KL, nats per image, beta 1, one sample of z; {likelihood.definition}",
        "reconstruction": f"-log p(x | z), nats per image, one sample of z; {likelihood.definition}",
        "kl": "KL(q(z | x) || N(0, I)), nats per image, in closed form",
    }

    def example(key):
        return {"image": 255 * jax.random.bernoulli(key, 0.3, (8, pixels)).astype(jnp.uint8)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image, z = example(image_key)["image"][0], jax.random.normal(code_key, (config.latent,))
        return {"sample": (), "encode": image, "decode": z, "reconstruct": image}

    evaluate = Fold(lambda: jnp.zeros(3), add, finish, definitions)
    infer = inference(apply, likelihood, config.latent)
    return Technique(init, gradient_step(loss, optimizer), evaluate, infer, example, inputs)


def tiny():
    """One small case of each network and likelihood, for the contract tests."""
    small = Config(shape=(4, 4, 1), latent=2, hidden=8, learning_rate=1e-2)
    return {
        "vae_mlp": make(small),
        "vae_conv": make(dataclasses.replace(small, network="conv", shape=(5, 4, 1), likelihood="binarized")),
        "vae_gaussian": make(dataclasses.replace(small, likelihood="gaussian", beta=0.5)),
    }
