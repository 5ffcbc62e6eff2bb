"""Polyphonic music, a step of time after the other (Boulanger-Lewandowski et al. 2012, https://arxiv.org/abs/1206.6392).

A piece is a roll: which of 88 keys sound at each step. An LSTM reads the steps before; the keys of a step are then
independent, chord by chord, or drawn from the lowest to the highest, each given those below it, note by note. Training
minimises -log p of a step, nats, averaged over the steps of the batch; what fills pieces up does not count.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Technique
from jaxgen.nets.polyphony import Chords
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam

KEYS = 88
TEMPERATURE = 1.0  # of samples, unless it is given


@dataclasses.dataclass(frozen=True)
class Config:
    """`longest` and `most` are the data's; the rest are flags."""

    longest: int = 128
    most: int = KEYS  # keys that sound at once
    notes: Literal["chord", "note"] = knob("chord", "keys of a step: independent, or one after the other")
    units: int = knob(200, "units of the LSTM", lower=1, upper=2**16)
    within: int = knob(100, "units that go from key to key, note by note", lower=1, upper=2**16)
    dropout: float = knob(0.0, "of the LSTM's outputs", lower=0.0, upper=0.99)
    transposed: int = knob(0, "most semitones by which a training piece is moved, up or down", lower=0, upper=24)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


def network(config: Config) -> Chords:
    """The network."""
    return Chords(KEYS, config.units, config.within * (config.notes == "note"), config.dropout, config.most)


def transposed(roll: jax.Array, semitones: jax.Array) -> jax.Array:
    """A roll [L, K] moved by so many semitones; keys that leave the piano are lost."""
    source = jnp.arange(roll.shape[1], dtype=jnp.int32) - semitones
    inside = (source >= 0) & (source < roll.shape[1])
    moved = jnp.take(roll, jnp.clip(source, 0, roll.shape[1] - 1), axis=1)
    return jnp.where(inside[None], moved, jnp.zeros_like(moved))


def nats(net: Chords, params: Any, chords: jax.Array, length: jax.Array, dropout: Any = None) -> jax.Array:
    """-log p of each step [B, L], 0 beyond a piece's end; chords [B, L, K] float32, `dropout` a key, in training."""
    rngs = {} if dropout is None else {"dropout": dropout}
    logits: Any = net.apply({"params": params}, chords, dropout is not None, rngs=rngs)
    each = (jax.nn.softplus(logits) - chords * logits).sum(-1)
    return jnp.where(jnp.arange(chords.shape[1])[None] < length[:, None], each, 0.0)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique. A batch is {"roll": [B, L, 88] uint8, "length": [B] int32}, silence beyond a piece's length."""
    net, descent = network(config), optimizer(config.learning_rate)

    def init(key):
        state_key, net_key = jax.random.split(key)
        return begin(state_key, net.init(net_key, jnp.zeros((1, 2, KEYS), jnp.float32))["params"], descent)

    def loss(params, carry, key, batch):
        shift_key, drop_key = jax.random.split(key)
        roll, length, most = batch["roll"], batch["length"], config.transposed
        if most:
            shifts = jax.random.randint(shift_key, (len(length),), -most, most + 1, jnp.int32)
            roll = jax.vmap(transposed)(roll, shifts)
        each = nats(net, params, roll.astype(jnp.float32), length, drop_key)
        value = each.sum() / length.sum()
        return value, (carry, {"loss": value})

    def sample(state, key, none=()):
        """A piece at TEMPERATURE: {"roll": [L, 88], "length": L}."""
        del none
        nothing = {"roll": jnp.zeros((config.longest, KEYS), jnp.uint8), "length": jnp.int32(0)}
        return compose(state, key, {**nothing, "temperature": jnp.float32(TEMPERATURE)})

    def compose(state, key, given):
        """{"roll": [L, 88], "length": [] steps of it that are kept, "temperature": []} to a piece of L steps."""
        apply: Any = lambda method, *args: net.apply({"params": state.params}, *args, method=method)

        def advance(carry, n):
            chord, memory = carry
            h, memory = apply("feed", chord, memory)
            drawn = apply("draw", jax.random.fold_in(key, n), h, given["temperature"])
            chord = jnp.where(n < given["length"], given["roll"][n].astype(jnp.float32), drawn)
            return (chord, memory), chord.astype(jnp.uint8)

        first = (jnp.zeros(KEYS, jnp.float32), apply("start"))
        _, roll = jax.lax.scan(advance, first, jnp.arange(config.longest, dtype=jnp.int32))
        return {"roll": roll, "length": jnp.int32(config.longest)}

    def example(key):
        roll_key, length_key = jax.random.split(key)
        roll = jax.random.bernoulli(roll_key, 0.05, (8, config.longest, KEYS)).astype(jnp.uint8)
        length = jax.random.randint(length_key, (8,), 1, config.longest + 1, jnp.int32).at[0].set(config.longest)
        inside = jnp.arange(config.longest)[None] < length[:, None]
        return {"roll": jnp.where(inside[..., None], roll, jnp.zeros_like(roll)), "length": length}

    def inputs(key):
        given = {"roll": example(key)["roll"][0], "length": jnp.int32(config.longest // 2)}
        return {"sample": (), "compose": {**given, "temperature": jnp.float32(0.9)}}

    step = gradient_step(loss, descent)
    return Technique(init, step, evaluation(net), {"sample": sample, "compose": compose}, example, inputs)


def evaluation(net: Chords) -> Fold:
    """The Fold of nats per step, all steps counted, the first of a piece too."""
    definitions = {"nll": "-log p of a step's 88 keys given the steps before, nats per step, all steps of all pieces"}

    def start():
        return jnp.zeros(2, jnp.float32)

    def add(state, key, tally, batch, mask):
        del key
        each = nats(net, state.params, batch["roll"].astype(jnp.float32), batch["length"]).sum(1)
        steps = batch["length"].astype(jnp.float32)
        return tally + jnp.stack([jnp.where(mask, value, 0.0).sum() for value in (each, steps)])

    return Fold(start, add, lambda tally: {"nll": tally[0] / tally[1]}, definitions)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Chord by chord and note by note, for the contract tests."""
    small = {"longest": 5, "units": 6, "within": 4, "learning_rate": 1e-2}
    by_note = {"notes": "note", "dropout": 0.1, "transposed": 2}
    change = lambda **fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {"music_chord": change(), "music_note": change(**by_note)}
