"""Language model of causal dilated convolutions: WaveNet (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499).

A prediction depends on the last tokens within the network's reach, which grows with every layer. All of a window is
computed at once; to write, the last inputs of each layer are kept.
"""

import dataclasses
from typing import Literal

from jaxgen.core.config import knob
from jaxgen.core.types import Technique
from jaxgen.data.text.reading import Reading
from jaxgen.nets.causal import CausalConv
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.text import language
from jaxgen.techniques.text.model import LanguageModel, dtype, token_by_token


@dataclasses.dataclass(frozen=True)
class Config:
    """The text's vocabulary, how it is read, and the network."""

    vocabulary: tuple[str, ...] = ()
    batch: int = 64  # windows side by side
    reading: Reading = dataclasses.field(default=Reading())
    layers: int = knob(1, "of the network", lower=1, upper=1000)
    width: int = knob(128, "units of a layer", lower=1, upper=2**16)
    kernel: int = knob(2, "tokens that a convolution sees", lower=1, upper=64)
    cycle: int = knob(7, "layers over which a convolution's dilation doubles, before it is 1 again", lower=1, upper=20)
    dropout: float = knob(0.0, "of activations between layers", lower=0.0, upper=0.999)
    learning_rate: float = knob(2e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")

    @property
    def carries(self) -> bool:
        """Whether hidden states go on from window to window."""
        return False


def network(config: Config) -> LanguageModel:
    """The net, which reads a prompt as it reads what it writes."""
    net = CausalConv(
        vocabulary=len(config.vocabulary),
        width=config.width,
        layers=config.layers,
        kernel=config.kernel,
        cycle=config.cycle,
        dropout=config.dropout,
        dtype=dtype(config.precision),
    )
    return token_by_token(config, net)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """See `language.technique`."""
    return language.technique(network(config), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """A small case for the contract tests."""
    config = Config(vocabulary=tuple("abcdef"), batch=4, reading=Reading(context=8), width=8, learning_rate=1e-2)
    return {"language_conv": make(dataclasses.replace(config, layers=2, cycle=2), optimizer)}
