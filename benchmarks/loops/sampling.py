"""The book's LSTM-128, untrained, writes one stream, and 64 at a time; characters a second, of all streams together.

Ours is one program for a stream's 1,000 characters; PyTorch's loop feeds one character of every stream and keeps the
hidden states; Keras's, the book's, reads 60 characters again for each. Quality: the entropy, in bits, of the first
1,000 characters of every stream, drawn at a temperature of 0.5: an untrained network's is a little below log2 V, 6.27.

On two cores of an AMD EPYC with AVX-512 (2026-12-01) one stream takes 5.5 us a character, in small operations: in
a trace, which takes five times as long, none but the gates' product, an eighth, has more than 6 %. 64 streams take 141
us, 159 in a trace, of which the gates' product, [64, 128] by [128, 512], has 92, at 91 of 208 GFLOP/s.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from benchmarks.loops import lstm
from experiments.text import EXPERIMENT
from jaxgen.figures.writing import writer

TEMPERATURE = 0.5
BATCHED = {"jax": 50, "torch": 10}  # characters of a call of Keras's loop


class Sizes(NamedTuple):
    """Of the network and what it writes."""

    streams: int
    network: lstm.Sizes = lstm.BOOK
    length: int = 1000  # characters of a stream that quality is of
    piece: int = 100  # of a call, of loops in Python


def writing(write: Callable[[], np.ndarray], sizes: Sizes, length: int) -> Work:
    """Work from `write() -> [streams, length]`, new characters in each call."""
    written: list[np.ndarray] = []

    def quality():
        return entropy(np.concatenate(written, axis=1)[:, : sizes.length])

    return Work(lambda: written.append(write()), sizes.streams * length, quality, max(2, -(-sizes.length // length)))


def entropy(tokens: np.ndarray) -> float:
    """Bits of the distribution of single tokens [...]."""
    shares = np.unique(tokens, return_counts=True)[1] / tokens.size
    return float(-(shares * np.log2(shares)).sum())


def compiled(sizes: Sizes) -> Work:
    """What the experiment writes with; each stream begins with one character."""
    setting = trainers.setting(EXPERIMENT, sizes.network.flags())
    model, init = setting.module.network(setting.config), setting.module.make(setting.config).init
    params, keys = jax.jit(init)(jax.random.key(0)).params, jax.random.key(1)
    write = writer(model, setting.config.vocabulary[0], sizes.length)
    temperatures = np.full(sizes.streams, TEMPERATURE)

    def call():
        nonlocal keys
        keys, key = jax.random.split(keys)
        return write(params, jax.random.split(key, sizes.streams), temperatures)

    return writing(call, sizes, sizes.length)


def cell(model: Any) -> Callable[..., Any]:
    """tokens [S], memory -> logits [S, V], memory: by an LSTMCell of `model`'s weights, which costs less a call."""
    from torch import nn

    advance = nn.LSTMCell(model["lstm"].input_size, model["lstm"].hidden_size)
    advance.load_state_dict({name.removesuffix("_l0"): value for name, value in model["lstm"].state_dict().items()})

    def step(tokens, memory):
        memory = advance(model["one_hot"](tokens), memory)
        return model["output"](memory[0]), memory

    return step


def layer(model: Any) -> Callable[..., Any]:
    """The same by the LSTM as it was trained, a window of one token at a time."""

    def step(tokens, memory):
        features, memory = model["lstm"](model["one_hot"](tokens[None]), memory)
        return model["output"](features[0]), memory

    return step


def continued(torch: Any, step: Callable[..., Any], tokens: Any, memory: Any, temperature: float, length: int) -> Any:
    """`length` characters after `tokens` [S], [length, S], and the memory; nothing comes to Python before the end."""
    written = []
    with torch.inference_mode():
        for _ in range(length):
            logits, memory = step(tokens, memory)
            tokens = torch.multinomial(torch.nn.functional.softmax(logits / temperature, -1), 1)[:, 0]
            written.append(tokens)
        return torch.stack(written), memory


def pytorch(stepper: Callable[..., Any]) -> Callable[[Sizes], Work]:
    """A contender's `prepare`: the stateful loop, streams going on from call to call.

    One thread: with two, one stream was as fast. (torch 2.13.0+cpu, 2 cores of an AMD EPYC, 2026-11-21.)
    """

    def prepare(sizes: Sizes) -> Work:
        torch, (_, vocabulary) = trainers.pytorch(threads=1), lstm.tokens()
        step = stepper(lstm.network(torch, sizes.network, vocabulary))
        tokens, memory = torch.zeros(sizes.streams, dtype=torch.long), None

        def write():
            nonlocal tokens, memory
            written, memory = continued(torch, step, tokens, memory, TEMPERATURE, sizes.piece)
            tokens = written[-1]
            return written.cpu().numpy().T

        return writing(write, sizes, sizes.piece)

    return prepare


def drawn(probabilities: np.ndarray, temperature: float, draw: np.random.Generator) -> int:
    """A token of p^(1/T) / Z, as in the book's section 8.1."""
    weights = np.log(probabilities.astype(np.float64)) / temperature
    weights = np.exp(weights - weights.max())
    return int(np.argmax(draw.multinomial(1, weights / weights.sum())))


def appended(model: Any, window: np.ndarray, length: int, temperature: float, draw: np.random.Generator) -> np.ndarray:
    """The window [1, T] and `length` characters more, each from the last T: [1, T + length]."""
    context = window.shape[1]
    for _ in range(length):
        token = drawn(model.predict(window[:, -context:], verbose=0)[0], temperature, draw)
        window = np.append(window, np.array([[token]], np.int32), axis=1)
    return window


def keras_predict(backend: str) -> Callable[[Sizes], Work]:
    """A contender's `prepare`: the book's loop, in numpy around `predict`."""

    def prepare(sizes: Sizes) -> Work:
        keras, (text, vocabulary), draw = lstm.keras_on(backend), lstm.tokens(), np.random.default_rng(0)
        context, length = sizes.network.context, min(BATCHED[backend], sizes.piece)
        model = lstm.keras_network(keras, sizes.network, vocabulary)
        window = text[None, :context].astype(np.int32)

        def write():
            nonlocal window
            longer = appended(model, window, length, TEMPERATURE, draw)
            window = longer[:, -context:]
            return longer[:, context:]

        return writing(write, sizes, length)

    return prepare


LOOP = Loop(
    about=__doc__ or "",
    unit="characters_per_second",
    cases={"1": Sizes(1), "64": Sizes(64)},
    contenders=[
        Contender("compiled whole", compiled),
        Contender("PyTorch", pytorch(layer), ("torch",)),
        Contender("PyTorch, LSTMCell", pytorch(cell), ("torch",)),
        Contender("Keras on JAX", keras_predict("jax"), ("keras",), cases=("1",)),
        Contender("Keras on PyTorch", keras_predict("torch"), ("keras", "torch"), cases=("1",)),
    ],
    column="streams",
    against={"against_pytorch": "PyTorch", "against_keras": "Keras on JAX"},
)
