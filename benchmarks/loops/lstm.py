"""Training LSTMs as language models of the embedded text (V 77 with Python 3.11), against PyTorch and Keras.

Quality: the loss, bits per character, averaged over the updates of the fifth call. Peers' one-hot vectors come from an
identity table: as fast as PyTorch's `one_hot`, a tenth faster than an embedding that is learnt; a fifth faster than
Keras's `fit` on such vectors.

In traces on two cores of an AMD EPYC with AVX-512 (2026-12-01), one device: LSTM-512 has 69 % of its time in products,
those of the loop over time at 176 and 162, the kernel's gradient at 200 of the 208 GFLOP/s that large ones reach: with
faster products alone it could gain a tenth. LSTM-128 has half of it in products, [128, 128] by [128, 512] at 101, and
the rest in passes over gates, the longest of 17 to 39 us each, which no product hides.
"""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.text import EXPERIMENT
from jaxgen.data.text import texts

CORPUS = "pydocs"


class Sizes(NamedTuple):
    """Of the network and its training."""

    width: int
    context: int  # characters of a window
    batch: int
    targets: int  # characters of a window that are predicted: its last one's successor, or all successors
    updates: int  # of a call
    preset: str = ""  # of experiments.text

    @property
    def amount(self) -> int:
        """Targets of a call."""
        return self.updates * self.batch * self.targets

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        own = {"width": self.width, "context": self.context, "batch_size": self.batch, "preset": self.preset}
        return {"corpus": CORPUS, "lowercase": True, **own}


BOOK = Sizes(128, 60, 128, 1, 16, "chollet")
CARRIED = Sizes(512, 128, 64, 128, 4)


def tokens() -> tuple[np.ndarray, int]:
    """The training split [N] uint8, and the size of the vocabulary."""
    text = texts.load(CORPUS, lowercase=True)
    return text.train.tokens, len(text.vocabulary)


def network(torch: Any, sizes: Sizes, vocabulary: int) -> Any:
    """PyTorch's LSTM between one-hot characters and a dense layer, as a dict of modules."""
    one_hot = torch.nn.Embedding.from_pretrained(torch.eye(vocabulary))
    lstm, output = torch.nn.LSTM(vocabulary, sizes.width), torch.nn.Linear(sizes.width, vocabulary)
    return torch.nn.ModuleDict({"one_hot": one_hot, "lstm": lstm, "output": output})


def of_windows(torch: Any, model: Any, sizes: Sizes, text: Any) -> Callable[[], Any]:
    """A step on windows drawn anywhere, of which the last character's successor is predicted.

    RMSprop foreach and time first: batch first and RMSprop one by one are as fast (49.9 to 54.0 ms a step; torch
    2.13.0+cpu, 2 cores of an AMD EPYC, minima on a busy machine, 2026-11-21).
    """
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.RMSprop(params, 0.01, alpha=0.9, eps=1e-7, foreach=True)
    offsets = torch.arange(sizes.context + 1)[:, None]

    def step():
        window = text[offsets + torch.randint(0, len(text) - sizes.context, (sizes.batch,))].long()
        features, _ = model["lstm"](model["one_hot"](window[:-1]))
        loss = torch.nn.functional.cross_entropy(model["output"](features[-1]), window[-1])
        return trainers.descended(optimizer, loss)

    return step


def of_streams(torch: Any, model: Any, sizes: Sizes, text: Any) -> Callable[[], Any]:
    """A step on windows one after the other, of which every next character is predicted; Adam fused."""
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer, piece = torch.optim.Adam(params, 2e-3, fused=True), len(text) // sizes.batch
    streams, memory, at = text[: piece * sizes.batch].view(sizes.batch, piece), None, 0

    def step():
        nonlocal memory, at
        if at + sizes.context >= piece:
            memory, at = None, 0
        window = streams[:, at : at + sizes.context + 1].t().long()
        features, memory = model["lstm"](model["one_hot"](window[:-1]), memory)
        memory, at = tuple(part.detach() for part in memory), at + sizes.context
        logits = model["output"](features).flatten(0, 1)
        return trainers.descended(optimizer, torch.nn.functional.cross_entropy(logits, window[1:].flatten()))

    return step


def pytorch(stepper: Callable[..., Any]) -> Callable[[Sizes], Work]:
    """A contender's `prepare`, as its users write it: eager, float32, all cores."""

    def prepare(sizes: Sizes) -> Work:
        torch, (text, vocabulary) = trainers.pytorch(), tokens()
        step = stepper(torch, network(torch, sizes, vocabulary), sizes, trainers.tensor(torch, text))
        return trainers.eager(step, sizes, 1 / math.log(2.0))

    return prepare


def keras_network(keras: Any, sizes: Sizes, vocabulary: int) -> Any:
    """Windows [B, T] to probabilities [B, V], compiled as the book has it.

    An unrolled LSTM took minutes to compile; several steps an execution were as fast as one. (Keras 3.15.1 on jax
    0.10.2, minima on a busy machine, 2026-11-21.)
    """
    inputs, table = keras.Input((sizes.context,), dtype="int32"), np.eye(vocabulary, dtype=np.float32)
    x = keras.layers.Embedding(vocabulary, vocabulary, weights=[table], trainable=False)(inputs)
    x = keras.layers.LSTM(sizes.width)(x)
    model = keras.Model(inputs, keras.layers.Dense(vocabulary, activation="softmax")(x))
    model.compile(keras.optimizers.RMSprop(0.01), "sparse_categorical_crossentropy")
    return model


def examples(text: np.ndarray, context: int, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows [N, T] int32 that begin at `first` [N], and the character after each."""
    return text[first[:, None] + np.arange(context)].astype(np.int32), text[first + context].astype(np.int32)


def keras_on(backend: str) -> Any:
    """Keras, imported now, on that backend."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    keras.utils.set_random_seed(0)
    return keras


def keras_fit(backend: str) -> Callable[[Sizes], Work]:
    """A contender's `prepare`: `fit` on windows in memory, others in each call."""

    def prepare(sizes: Sizes) -> Work:
        keras, (text, vocabulary), draw = keras_on(backend), tokens(), np.random.default_rng(0)
        model, last = keras_network(keras, sizes, vocabulary), {}

        def call():
            first = draw.integers(0, len(text) - sizes.context, sizes.updates * sizes.batch)
            x, y = examples(text, sizes.context, first)
            last.update(model.fit(x, y, batch_size=sizes.batch, verbose=0).history)

        return Work(call, sizes.amount, lambda: last["loss"][0] / math.log(2.0), trainers.CALLS)

    return prepare


WINDOWS = Loop(
    about=f"""The book's LSTM-128: the character after 60, batch 128, RMSprop; windows a second.

{__doc__}""",
    unit="windows_per_second",
    cases={"": BOOK},
    contenders=[
        *trainers.contenders(EXPERIMENT, "bits_per_char"),
        Contender("PyTorch", pytorch(of_windows), ("torch",)),
        Contender("Keras on JAX", keras_fit("jax"), ("keras",)),
        Contender("Keras on PyTorch", keras_fit("torch"), ("keras", "torch")),
    ],
    operations=trainers.operations(EXPERIMENT),
)

STREAMS = Loop(
    about=f"""LSTM-512, 64 streams of 128 characters a step, hidden states carried, Adam; characters a second.

{__doc__}""",
    unit="characters_per_second",
    cases={"": CARRIED},
    contenders=[
        *trainers.contenders(EXPERIMENT, "bits_per_char"),
        Contender("PyTorch", pytorch(of_streams), ("torch",)),
    ],
    operations=trainers.operations(EXPERIMENT),
)
