"""Sequence autoencoder: an LSTM reads a sequence to a code, another one writes it from the code.

Sutskever et al. 2014 (https://arxiv.org/abs/1409.3215) for the pair of LSTMs, Srivastava et al. 2015
(https://arxiv.org/abs/1502.04681) for the autoencoder: the sequence is written backwards, so that what was read last,
and is least forgotten, comes first. The writer sees the code at each step and, with `forcing`, the element before: the
true one in training, its own in reconstruction. Elements y_t are tokens, with a symbol for the end; rows of pixels in
[0, 1]; or movements of a pen (dx, dy, whether it is lifted). Training minimises, over all elements of a batch,

    -log softmax(o_t)[y_t],  the cross-entropy of sigmoid(o_t) and y_t,  or  |o_t - y_t|^2 / 2 and the lift's

B sequences, L elements of the longest one, S tokens or features, Z dimensions of a code.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob
from jaxgen.core.steps import begin, gradient_step
from jaxgen.core.types import Fold, Refused, Technique
from jaxgen.nets.seq2seq import Seq2Seq
from jaxgen.ops.corruption import substituted
from jaxgen.ops.elements import Kind, missed, nats, values
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders.transcription import as_read, beginning, writing, written


@dataclasses.dataclass(frozen=True)
class Config:
    """`longest`, `elements` and `size` are the data's; the rest are flags."""

    longest: int = 20  # L
    elements: Kind = "tokens"
    size: int = 96  # S: tokens, the end not counted, or features
    units: int = knob(256, "units of each LSTM", lower=1, upper=2**16)
    code: int = knob(256, "dimensions of the code", lower=1, upper=2**16)
    backwards: bool = knob(True, "the sequence is written from its end to its beginning")
    forcing: bool = knob(True, "the writer is fed the element before; else it sees the code alone")
    substituted: float = knob(
        0.0,
        "share of a training line's tokens for which others are substituted",
        lower=0.0,
        upper=1.0,
    )
    dropout: float = knob(0.0, "share of the candidates of memories that is dropped", lower=0.0, upper=0.99)
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)

    @property
    def tokens(self) -> bool:
        """Whether elements are tokens."""
        return self.elements == "tokens"


def network(config: Config) -> Seq2Seq:
    """The network."""
    return Seq2Seq(config.size + config.tokens, config.tokens, config.units, config.code, config.dropout)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique.

    A batch is {"x": [B, L] tokens, [B, L, S] pixels, uint8 or float32, or [B, L, 3] float32, "length": [B] int32}.
    Raises Refused where tokens are to be substituted and there are none.
    """
    if config.substituted and not config.tokens:
        raise Refused("--substituted is of lines: rows and movements have no tokens")
    net, descent = network(config), optimizer(config.learning_rate)

    def init(key):
        state_key, net_key = jax.random.split(key)
        x, one = beginning(config, 1, config.longest), jnp.ones(1, jnp.int32)
        return begin(state_key, net.init(net_key, x, one, written(config, x, one).before)["params"], descent)

    def loss(params, carry, key, batch):
        noise_key, drop_key = jax.random.split(key)
        x, length = values(config.elements, batch["x"]), batch["length"]
        if config.tokens and config.substituted:
            x = substituted(noise_key, x, config.substituted, config.size)
        to_write, rngs = written(config, x, length), {"dropout": drop_key}
        outputs: Any = net.apply({"params": params}, x, length, to_write.before, True, rngs=rngs)
        each = nats(config.elements, outputs[0], to_write.target)
        value = jnp.where(to_write.counted, each, 0.0).sum() / to_write.counted.sum()
        return value, (carry, {"loss": value})

    def encode(state, key, given):
        """{"x": [L] or [L, S], "length": []} to its code [Z]."""
        del key
        x, length = values(config.elements, given["x"])[None], given["length"][None]
        code: Any = net.apply({"params": state.params}, x, length, method="encode")
        return code[0]

    def decode(state, key, given):
        """{"code": [Z], "length": []} to {"x": [L] or [L, S], "length": []}; the length of tokens is their own."""
        del key
        return as_read(config, writing(config, net, state.params, given["code"]), given["length"])

    def reconstruct(state, key, given):
        """{"x": [L] or [L, S], "length": []} to the same of its code."""
        return decode(state, key, {"code": encode(state, key, given), "length": given["length"]})

    def example(key):
        x_key, length_key = jax.random.split(key)
        length = jax.random.randint(length_key, (8,), 1, config.longest + 1, jnp.int32)
        if config.tokens:
            return {"x": jax.random.randint(x_key, (8, config.longest), 0, config.size, jnp.int32), "length": length}
        drawn = speckled(x_key, 8, config.longest, config.size)
        return {"x": drawn if config.elements == "pixels" else to_unit(drawn), "length": length}

    def inputs(key):
        given = jax.tree.map(lambda a: a[0], example(key))
        code = jax.random.normal(key, (config.code,), jnp.float32)
        return {"encode": given, "reconstruct": given, "decode": {"code": code, "length": given["length"]}}

    infer = {"encode": encode, "decode": decode, "reconstruct": reconstruct}
    return Technique(init, gradient_step(loss, descent), evaluation(config, net), infer, example, inputs)


def evaluation(config: Config, net: Seq2Seq) -> Fold:
    """The Fold of reconstructions, which are fed what they wrote themselves."""
    fed = "given those before it" if config.forcing else "given the code alone"
    loss = {"nll": f"the loss of an element, {fed}, nats, averaged over all elements of all sequences"}
    definitions = {"squared_error": "squared error of all values of a reconstruction, averaged over sequences", **loss}
    if config.tokens:
        order = "the order of writing, the likeliest token taken at each step and fed to the next"
        definitions = {
            "wrong": f"share of tokens that are not the sequence's, place by place in {order}",
            "not_whole": "share of sequences of which a token, or the end, is wrong",
            **loss,
        }

    def start():
        return jnp.zeros(6, jnp.float32)

    def add(state, key, tally, batch, mask):
        del key
        x, length = values(config.elements, batch["x"]), batch["length"]
        to_write = written(config, x, length)
        outputs: Any = net.apply({"params": state.params}, x, length, to_write.before)
        each = nats(config.elements, outputs[0], to_write.target)
        far = missed(config.elements, writing(config, net, state.params, outputs[1]), to_write.target)
        inside, counted = to_write.inside & mask[:, None], to_write.counted & mask[:, None]
        spoilt = jnp.any((far > 0) & counted, 1)
        pairs = ((each, counted), (far, inside), (1.0, counted), (1.0, inside), (spoilt, mask), (1.0, mask))
        return tally + jnp.stack([jnp.where(where, value, 0.0).sum(dtype=jnp.float32) for value, where in pairs])

    def finish(tally):
        loss, far, counted, inside, spoilt, sequences = tally
        metrics = {"wrong": far / inside, "not_whole": spoilt / sequences, "squared_error": far / sequences}
        return {name: (metrics | {"nll": loss / counted})[name] for name in definitions}

    return Fold(start, add, finish, definitions)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Tokens, pixels and movements, for the contract tests."""
    small = {"longest": 4, "size": 3, "units": 8, "code": 5, "learning_rate": 1e-2}
    change = lambda **fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "sequence_tokens": change(dropout=0.1, substituted=0.1),
        "sequence_pixels": change(elements="pixels", forcing=False, backwards=False),
        "sequence_movements": change(elements="movements"),
    }
