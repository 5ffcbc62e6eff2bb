"""GPT, the transformer as a language model (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).

Attention to past tokens only, normalised before each branch (Radford et al. 2019, Language Models are Unsupervised
Multitask Learners, section 2.3).
"""

import dataclasses
from typing import Literal

from jaxgen.core.config import knob
from jaxgen.core.types import Refused, Technique
from jaxgen.data.text.reading import Reading
from jaxgen.nets.transformer import Transformer
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.text import language
from jaxgen.techniques.text.model import LanguageModel, dtype


@dataclasses.dataclass(frozen=True)
class Config:
    """The text's vocabulary, how it is read, and the network."""

    vocabulary: tuple[str, ...] = ()
    batch: int = 64  # windows side by side
    reading: Reading = dataclasses.field(default=Reading())
    layers: int = knob(1, "of the network", lower=1, upper=1000)
    width: int = knob(128, "units of a layer", lower=1, upper=2**16)
    heads: int = knob(4, "of a transformer's attention", lower=1, upper=1024)
    dropout: float = knob(0.0, "of activations between layers", lower=0.0, upper=0.999)
    learning_rate: float = knob(2e-3, "of the optimiser", above=0.0)
    precision: Literal["float32", "bf16"] = knob("float32", "of the network's products; parameters stay float32")
    as_gpt2: bool = knob(False, "biases, and GELU by a tanh, as GPT-2 has them")

    @property
    def carries(self) -> bool:
        """Whether hidden states go on from window to window."""
        return False


def network(config: Config) -> LanguageModel:
    """The net, which reads prompts whole: W is half of its context, so that as much again is fed before the next.

    Raises Refused for a width that cannot be divided among the heads.
    """
    if config.width % config.heads:
        raise Refused(f"--width={config.width} cannot be divided among --heads={config.heads}")
    context = config.reading.context
    net = Transformer(
        vocabulary=len(config.vocabulary),
        context=context,
        layers=config.layers,
        heads=config.heads,
        width=config.width,
        dropout=config.dropout,
        dtype=dtype(config.precision),
        as_gpt2=config.as_gpt2,
    )

    def prime(params, window, count):
        return net.apply({"params": params}, window, count, method="prime")

    width = max(1, context // 2)
    return LanguageModel(config, net, prime, lambda count: width, context - width)


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """See `language.technique`."""
    return language.technique(network(config), optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """A small case for the contract tests."""
    config = Config(vocabulary=tuple("abcdef"), batch=4, reading=Reading(context=8), width=8, learning_rate=1e-2)
    return {"language_transformer": make(dataclasses.replace(config, heads=2, dropout=0.1), optimizer)}
