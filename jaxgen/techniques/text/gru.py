"""GRU language model: gated recurrent units (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

A layer has one state, of which an update gate keeps a part: three gates where an LSTM has four.
"""

import dataclasses
from typing import Literal

from jaxgen.core.config import knob
from jaxgen.core.types import Technique
from jaxgen.data.text.reading import Reading
from jaxgen.data.text.vocabulary import END, UNKNOWN
from jaxgen.nets.recurrent import Recurrent
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.text import language
from jaxgen.techniques.text.model import LanguageModel, dtype, token_by_token


@dataclasses.dataclass(frozen=True)
class Config:
    """The text's vocabulary, how it is read, and the network."""

    vocabulary: tuple[str, ...] = ()
    batch: int = 64  # windows side by side: the hidden states of as many are carried
    reading: Reading = dataclasses.field(default=Reading())
    layers: int = knob(1, "of the network", lower=1, upper=1000)
    width: int = knob(128, "units of a layer", lower=1, upper=2**16)
    embedding: int = knob(0, "features of a token, of lstm and gru; 0: none between it and the gates", lower=0)
    dropout: float = knob(0.0, "of activations between layers", lower=0.0, upper=0.999)
    recurrent_dropout: float = knob(0.0, "of what is added to the memory of lstm and gru", lower=0.0, upper=0.999)
    layer_norm: bool = knob(False, "normalise within lstm and gru")
    learning_rate: float = knob(2e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")

    @property
    def carries(self) -> bool:
        """Whether hidden states go on from window to window."""
        return self.reading.windows == "stream"


def network(config: Config) -> LanguageModel:
    """The net, which reads a prompt as it reads what it writes."""
    net = Recurrent(
        vocabulary=len(config.vocabulary),
        width=config.width,
        layers=config.layers,
        kind="gru",
        embedding=config.embedding,
        dropout=config.dropout,
        recurrent_dropout=config.recurrent_dropout,
        layer_norm=config.layer_norm,
        dtype=dtype(config.precision),
    )
    return token_by_token(config, net)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """See `language.technique`."""
    return language.technique(network(config), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """A small case for the contract tests, of words, the one after each window."""
    reading = Reading(level="word", context=8, windows="strided", predict="last")
    config = Config(vocabulary=(UNKNOWN, END, "ala", "ma", "kota"), batch=4, reading=reading, width=8, embedding=4)
    normalised = dataclasses.replace(config, layer_norm=True, recurrent_dropout=0.1, learning_rate=1e-2)
    return {"language_gru": make(normalised, optimizer)}
