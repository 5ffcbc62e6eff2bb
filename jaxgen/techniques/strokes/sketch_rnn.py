"""Sketch-RNN (Ha & Eck 2017, https://arxiv.org/abs/1704.03477): a variational autoencoder of drawings.

A bidirectional LSTM encodes the pen's movements to a normal posterior; an LSTM that sees the code at every step decodes
it to a mixture of bivariate normals for the next offset and to the pen's state. Without the encoder it is a language
model of drawings. Training minimises

    nats per point + w(t) max(KL / Z, floor),    w(t) = weight - (weight - START) decay^t

where the first term counts each drawing's points and its end, and nothing of what fills it up.
B drawings of a batch, L points of the longest drawing, Z dimensions of the code.
"""

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Technique
from jaxgen.nets.sketch import SketchRNN
from jaxgen.ops import pen
from jaxgen.ops.distributions import kl_standard_normal
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.strokes import drawing

START = 0.01  # the KL's weight in the first update, as in the authors' code
THINNED = 0.1  # probability with which a point inside a stroke is left out, where drawings are stretched as well


@dataclasses.dataclass(frozen=True)
class Config:
    """`longest` is the data's; the rest are flags."""

    longest: int = 250
    encoder: int = knob(128, "units of the encoder's LSTM, each way", lower=1, upper=2**16)
    decoder: int = knob(256, "units of the decoder's LSTM", lower=1, upper=2**16)
    latent: int = knob(
        64, "dimensions of the code; 0: no encoder, drawings are drawn from nothing", lower=0, upper=2**16
    )
    mixtures: int = knob(20, "bivariate normals in the density of the next offset", lower=1, upper=1000)
    cell: Literal["lstm", "layer_norm", "hyper"] = knob("lstm", "of the decoder: plain, normalised, a HyperLSTM")
    dropout: float = knob(0.1, "share of the candidates of memories that is dropped", lower=0.0, upper=0.99)
    kl_weight: float = knob(0.5, "weight of the KL divergence, mean over the code, that it rises to", lower=0.0)
    kl_decay: float = knob(0.99995, "share of what its weight lacks that is left after an update", above=0.0, upper=1.0)
    kl_floor: float = knob(0.2, "KL divergence, mean over the code, below which it costs nothing", lower=0.0)
    stretch: float = knob(
        0.15, "most that width and height of training drawings change, as a share; 0: nor are points left out",
        lower=0.0, upper=0.9,
    )  # fmt: skip
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


def kl_weight(config: Config, step: jax.Array) -> jax.Array:
    """w(t) [] after t updates."""
    # Not decay^t: float32 has no 0.99995, and what is nearest is 2e-8 off, which after 10^5 updates is 2e-3.
    left = jnp.exp(math.log(config.kl_decay) * step.astype(jnp.float32))
    return config.kl_weight - (config.kl_weight - START) * left


def network(config: Config) -> SketchRNN:
    """The network."""
    return SketchRNN(config.encoder, config.decoder, config.latent, config.mixtures, config.cell, config.dropout)


class Terms(NamedTuple):
    """-log p of each step of drawings, and the KL divergence of their posteriors, in nats."""

    target: pen.Steps  # [B, L + 1]
    offset: jax.Array  # [B, L + 1] of offsets, see `pen.losses`
    state: jax.Array  # [B, L + 1] of pen states
    kl: jax.Array  # [B]; 0 without an encoder


def terms(
    config: Config, params: Any, strokes: jax.Array, length: jax.Array, key: jax.Array, dropout: Any = None
) -> Terms:
    """Those of drawings [B, L, 3] with codes drawn with `key`; `dropout` is a key, in training."""
    target = jax.vmap(pen.steps)(strokes, length)
    noise = jax.random.normal(key, (len(length), config.latent), jnp.float32)
    inputs = (target.before[:, 1:], length, target.before, noise, dropout is not None)
    rngs = {} if dropout is None else {"dropout": dropout}
    outputs: Any = network(config).apply({"params": params}, *inputs, rngs=rngs)
    of, logits, mean, log_var = outputs
    return Terms(target, *pen.losses(of, logits, target), kl_standard_normal(mean, log_var))


def evaluation(config: Config) -> Fold:
    """The Fold of nats per point, with one code drawn for each drawing, and of the terms as the paper has them."""

    def start():
        return jnp.zeros(6, jnp.float32)

    def add(state, key, tally, batch, mask):
        target, offset, pen_state, kl = terms(config, state.params, batch["strokes"], batch["length"], key)
        of_points, points = jnp.where(target.point, pen_state, 0.0).sum(1), batch["length"].astype(jnp.float32)
        each = (offset.sum(1), pen_state.sum(1), of_points, kl, points, jnp.ones_like(kl))
        sums = [jnp.sum(jnp.where(mask, value, 0.0)) for value in each]
        return tally + jnp.stack(sums)

    def finish(tally):
        offset, state, of_points, kl, points, drawings = tally
        values = {
            "nll": (offset + state) / points,
            "offset_nll": offset / points,
            "pen_nll": state / points,
            "paper_reconstruction": (offset + of_points) / (drawings * config.longest),
            "kl": kl / drawings,
            "paper_kl": kl / drawings / max(1, config.latent),
        }
        return {name: values[name] for name in definitions}

    drawn = ", code drawn from the posterior" if config.latent else ""
    definitions = {
        "nll": f"-log p of offsets and pen states, the end included, nats per point of a drawing{drawn}",
        "offset_nll": f"-log density of offsets in units of their deviation, nats per point{drawn}",
        "pen_nll": f"-log p of pen states, the end included, nats per point{drawn}",
        "paper_reconstruction": f"the paper's L_R: nats of all points over drawings times {config.longest}",
    }
    if config.latent:
        definitions["kl"] = "KL divergence of the posterior from the prior, nats per drawing"
        definitions["paper_kl"] = "the paper's L_KL: the same, mean over the code"
    return Fold(start, add, finish, definitions)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique.

    A batch is {"strokes": [B, L, 3] float32, see `ops.pen`, offsets in units of their deviation, "length": [B] int32}.
    """
    net, descent = network(config), optimizer(config.learning_rate)

    def init(key):
        state_key, net_key = jax.random.split(key)
        step, code = jnp.zeros((1, 2, pen.STEP), jnp.float32), jnp.zeros((1, config.latent), jnp.float32)
        params = net.init(net_key, step, jnp.ones(1, jnp.int32), step, code)["params"]
        return begin(state_key, params, descent)

    def loss(params, carry, key, batch):
        (params, updates), (augment_key, noise_key, drop_key) = params, jax.random.split(key, 3)
        strokes, length = batch["strokes"], batch["length"]
        if config.stretch:
            stretch = lambda key, one, n: pen.augmented(key, one, n, config.stretch, THINNED)
            strokes, length = jax.vmap(stretch)(jax.random.split(augment_key, len(length)), strokes, length)
        _, offset, state, kl = terms(config, params, strokes, length, noise_key, drop_key)
        nll = (offset + state).sum() / length.sum()
        metrics = {"nll": nll}
        value = nll
        if config.latent:
            of_dimension = kl.mean() / config.latent
            value = nll + kl_weight(config, updates) * jnp.maximum(of_dimension, config.kl_floor)
            metrics |= {"kl": kl.mean()}
        return value, (carry, {"loss": value, **metrics})

    def step(state, batch):
        counted = lambda params, carry, key, batch: loss((params, state.step), carry, key, batch)
        return gradient_step(counted, descent)(state, batch)

    infer, inputs = drawing.of(net, config.longest)
    return Technique(init, step, evaluation(config), infer, drawing.example(config.longest), inputs)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """With the encoder and without, for the contract tests."""
    small = {"longest": 7, "encoder": 5, "decoder": 6, "latent": 3, "mixtures": 2, "learning_rate": 1e-2}
    change = lambda **fields: make(changed(Config(), {**small, **fields}), optimizer)
    alone = {"latent": 0, "dropout": 0.0, "stretch": 0.0}
    return {"sketch_rnn": change(), "sketch_rnn_alone": change(**alone), "sketch_rnn_hyper": change(cell="hyper")}
