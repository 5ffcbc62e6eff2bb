"""Variational autoencoder (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114).

An encoder maps each image x to a normal posterior q(z | x), a decoder maps each code z to a distribution over images
p(x | z). Both maximise the evidence lower bound E_q log p(x | z) - KL(q(z | x) || N(0, I)), or, as the importance
weighted autoencoder (Burda et al. 2016, https://arxiv.org/abs/1509.00519), the tighter E log 1/K sum_k w_k with
w_k = p(x, z_k) / q(z_k | x). In training, beta is a factor of the KL (Higgins et al. 2017,
https://openreview.net/forum?id=Sy2fzU9gl).

The preset `chollet` has the network, optimiser, batch and epochs of Chollet & Allaire, Deep Learning with R, section
8.4. The book's code multiplies the KL of an image by 0.39 and samples with a standard deviation of exp(log-variance);
here beta is 1 and the standard deviation is exp(log-variance / 2). The preset `mlp` is 784-512-2, the Keras blog's
autoencoder. `iwae` is the network with one stochastic layer of Burda et al., with their optimiser, rates and pixels.

B images of a batch, D values of an image, K codes sampled for an image, Z dimensions of a code.
"""

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.folds import averaged
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Refused, Technique
from jaxgen.nets import coders
from jaxgen.ops import importance
from jaxgen.ops.distributions import kl_standard_normal, reparameterise
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.likelihoods import LIKELIHOODS
from jaxgen.optim.textbook import adam

AT_ONCE = 2**22  # decoded pixels that importance sampling holds at a time, 16 MiB


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    network: Literal["mlp", "conv", "deep"] = knob("mlp", "encoder and decoder; see `nets.coders`")
    latent: int = knob(16, "dimensions of the code", lower=1, upper=2**20)
    hidden: int = knob(512, "units of the MLP's hidden layers", lower=1, upper=2**20)
    depth: int = knob(1, "hidden layers of the MLP each way", lower=1, upper=100)
    activation: Literal["relu", "tanh"] = knob("relu", "of the MLP's hidden layers")
    likelihood: Literal["greyscale", "stochastic", "static", "gaussian"] = knob(
        "greyscale",
        "of a pixel: Bernoulli of grey values as they are, of black or white drawn anew each time, or drawn once and "
        "for all; gaussian learns one standard deviation for all",
    )
    objective: Literal["elbo", "iwae"] = knob("elbo", "the bound that training climbs; iwae is the tighter one")
    k: int = knob(1, "samples of a code for each image in the bound", lower=1, upper=2**16)
    beta: float = knob(1.0, "weight, in training, of what pulls codes to the prior", lower=0.0)
    importance_samples: int = knob(0, "codes for the test log-likelihood; 0: none", lower=0, upper=2**30, free=True)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")


def network(config: Config) -> tuple[coders.Layers, coders.Layers]:
    """The layers of the encoder and of the decoder."""
    code, dtype = 2 * config.latent, jnp.bfloat16 if config.precision == "bf16" else jnp.float32
    if config.network in coders.CONVOLUTIONAL:
        return coders.CONVOLUTIONAL[config.network](config.shape, code, dtype)
    activation = {"relu": nn.relu, "tanh": jnp.tanh}[config.activation]
    return coders.dense(config.shape, code, config.hidden, config.depth, activation, dtype)


class VAE(nn.Module):
    """An encoder to a normal posterior, and a decoder to the parameters of the pixels' distribution."""

    config: Config

    def setup(self):
        down, up = network(self.config)
        self.encoder, self.decoder = coders.Coder(down), coders.Coder(up)
        gaussian = self.config.likelihood == "gaussian"
        self.log_sigma = self.param("log_sigma", nn.initializers.zeros, (), jnp.float32) if gaussian else None

    def encode(self, x):
        """Images [..., D] to posterior mean and log-variance [..., Z], float32."""
        return tuple(jnp.split(self.encoder(x)[0].astype(jnp.float32), 2, axis=-1))

    def decode(self, z):
        """Codes [..., Z] to Bernoulli logits or normal means [..., D], float32."""
        return self.decoder(z)[0].astype(jnp.float32)

    def __call__(self, x, noise):
        """Draws K codes of each image and decodes them: images [B, D] and standard normal noise [K, B, Z] to the
        decoder's output [K, B, D], the codes [K, B, Z], the posterior's mean and log-variance [B, Z], and log_sigma.
        """
        mean, log_var = self.encode(x)
        z = reparameterise(noise, mean[None], log_var[None])
        # One product over all codes: a batch of products, [K] of [B, Z], would be slower.
        out = self.decode(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)
        return out, z, mean, log_var, self.log_sigma


class Terms(NamedTuple):
    """The terms of both bounds for K codes of each image, in nats per image."""

    log_likelihood: jax.Array  # [K, B] log p(x | z)
    log_ratio: jax.Array  # [K, B] log p(z) - log q(z | x)
    kl: jax.Array  # [B] KL(q(z | x) || p(z)) in closed form


def negative_elbo(terms, beta=1.0):
    """-E log p(x | z) + beta KL [B]: the first term averaged over the K codes, the second in closed form."""
    return beta * terms.kl - terms.log_likelihood.mean(0)


def negative_iwae(terms, beta=1.0):
    """-log 1/K sum_k w_k [B], with w = p(x | z) (p(z) / q(z | x))^beta; with beta 1 an upper bound of -log p(x)."""
    return -importance.bound(terms.log_likelihood + beta * terms.log_ratio)


OBJECTIVES = {  # the bound, the metric's name, its formula
    "elbo": (negative_elbo, "negative_elbo", "-log p(x | z) + KL"),
    "iwae": (negative_iwae, "negative_iwae{}", "-log of the mean weight p(x, z) / q(z | x)"),
}


def inference(apply, likelihood, latent):
    """The `infer` of a VAE, from `apply(params, *inputs, method=NAME)`, one of LIKELIHOODS, and Z."""

    def encode(state, key, image):
        """One image [D] to its posterior's mean [Z]."""
        del key
        return apply(state.params, to_unit(image), method="encode")[0]

    def decode(state, key, z):
        """One code [Z] to pixel means [D] between 0 and 1."""
        del key
        return likelihood.mean(apply(state.params, z, method="decode"))

    def sample(state, key, nothing=()):
        """Pixel means [D] of a code drawn from the prior."""
        del nothing
        return decode(state, key, jax.random.normal(key, (latent,), jnp.float32))

    def reconstruct(state, key, image):
        """Pixel means [D] of an image's [D] posterior mean."""
        return decode(state, key, encode(state, key, image))

    return {"sample": sample, "encode": encode, "decode": decode, "reconstruct": reconstruct}


def bounds(config):
    """The network, and `terms(params, key, x, k) -> Terms` for images x [B, D] and k codes of each."""
    net, likelihood = VAE(config), LIKELIHOODS[config.likelihood]

    def terms(params, key, x, k):
        noise = jax.random.normal(key, (k, len(x), config.latent), jnp.float32)
        outputs: Any = net.apply({"params": params}, x, noise)
        out, z, mean, log_var, log_sigma = outputs
        log_likelihood = likelihood.log_prob(out, log_sigma, x[None])
        return Terms(log_likelihood, importance.log_ratio(z, noise, log_var[None]), kl_standard_normal(mean, log_var))

    return net, terms


def target(config, key, image):
    """(key for the codes, x [B, D]): images as the likelihood models them, binarised where it says so."""
    noise_key, target_key = jax.random.split(key)
    return noise_key, LIKELIHOODS[config.likelihood].target(target_key, to_unit(image))


def log_likelihood(config):
    """The Fold of -log p(x), estimated by importance sampling from q(z | x): Burda et al., section 5.2.

    The estimate's expectation is never below -log p(x), and falls to it as `config.importance_samples` grows.
    """
    samples, (_, terms) = config.importance_samples, bounds(config)

    def measure(state, key, batch):
        noise_key, x = target(config, key, batch["image"])
        at_once = max(1, min(samples, AT_ONCE // x.size))

        def log_weights(key):
            drawn = terms(state.params, key, x, at_once)
            return drawn.log_likelihood + drawn.log_ratio

        return (-importance.sampled_log_likelihood(log_weights, noise_key, samples, at_once),)

    pixels = LIKELIHOODS[config.likelihood].definition
    definition = f"-log p(x), nats per image, {samples:,} importance samples; {pixels}"
    return averaged(measure, {f"nll_{config.likelihood}": definition})


def make(config=Config(), optimizer=adam):
    """A batch is {"image": [B, D] uint8, or float32 in [0, 1]}; other entries are ignored.

    Raises Refused where -log p(x) is asked for of a likelihood that is no density.
    """
    likelihood, pixels, (net, terms) = LIKELIHOODS[config.likelihood], math.prod(config.shape), bounds(config)
    kl, reconstruction = (f"{name}_{config.likelihood}" for name in ("kl", "reconstruction"))
    if config.importance_samples and not likelihood.normalised:
        reason = f"--likelihood={config.likelihood} is no density: it integrates to a half at most"
        raise Refused(f"{reason}, so that --importance_samples has no log p(x) to estimate")
    optimizer, (objective, name, formula) = optimizer(config.learning_rate), OBJECTIVES[config.objective]

    def init(key):
        state_key, net_key, _ = jax.random.split(key, 3)
        shapes = (1, pixels), (1, 1, config.latent)
        params = net.init(net_key, *(jnp.zeros(shape, jnp.float32) for shape in shapes))["params"]
        return begin(state_key, params, optimizer)

    def loss(params, carry, key, batch):
        drawn = terms(params, *target(config, key, batch["image"]), config.k)
        value = objective(drawn, config.beta).mean()
        metrics = {kl: drawn.kl.mean(), reconstruction: -drawn.log_likelihood.mean()}
        return value, (carry, {f"loss_{config.likelihood}": value, **metrics})

    def measure(state, key, batch):
        drawn = terms(state.params, *target(config, key, batch["image"]), config.k)
        return objective(drawn), -drawn.log_likelihood.mean(0), drawn.kl

    def example(key):
        return {"image": speckled(key, 8, pixels)}

    def inputs(key):
        image_key, code_key = jax.random.split(key)
        image, z = example(image_key)["image"][0], jax.random.normal(code_key, (config.latent,), jnp.float32)
        return {"sample": (), "encode": image, "decode": z, "reconstruct": image}

    samples = f"{config.k} sample{'s' * (config.k > 1)} of z; {likelihood.definition}"
    definitions = {
        f"{name.format(config.k)}_{config.likelihood}": f"{formula}, nats per image, beta 1, {samples}",
        reconstruction: f"-log p(x | z), nats per image, {samples}",
        kl: f"KL(q(z | x) || N(0, I)), nats per image, in closed form; {likelihood.definition}",
    }

    apply: Any = lambda params, *inputs, method: net.apply({"params": params}, *inputs, method=method)
    infer, evaluate = inference(apply, likelihood, config.latent), averaged(measure, definitions)
    return Technique(init, gradient_step(loss, optimizer), evaluate, infer, example, inputs)


def tiny(optimizer=adam):
    """Small cases, for the contract tests: each network, likelihood and bound occurs."""
    small = Config(shape=(4, 4, 1), latent=2, hidden=8, learning_rate=1e-2)
    change = lambda **fields: make(dataclasses.replace(small, **fields), optimizer)
    return {
        "vae_mlp": change(),
        "vae_conv": change(network="conv", shape=(5, 4, 1), likelihood="stochastic"),
        "vae_gaussian": change(likelihood="gaussian", beta=0.5),
        "vae_iwae": change(likelihood="static", objective="iwae", k=3, depth=2, activation="tanh"),
    }
