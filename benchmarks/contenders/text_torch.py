"""The same LSTMs in PyTorch, as its users train them: `python -m benchmarks.contenders.text_torch windows|carried`.

Eager, float32, all cores, time first, RMSprop foreach or Adam fused. An identity table makes the one-hot vectors: as
fast as `one_hot`, and a tenth faster than an embedding that is learnt; batch first and RMSprop one by one are as fast
(49.9 to 54.0 ms a step, 58 with the embedding; torch 2.13.0+cpu, 2 cores of an AMD EPYC, minima on a busy machine,
2026-11-21).
"""

import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve
from benchmarks.contenders.text_sizes import SIZES, Sizes, text
from jaxgen.run.machine import cores

STEPS = {"windows": 4, "carried": 1}


class Recurrent(nn.Module):
    """An LSTM between one-hot characters and a dense layer."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.one_hot = nn.Embedding.from_pretrained(torch.eye(vocabulary))
        self.lstm = nn.LSTM(vocabulary, width)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, tokens, memory=None):
        """tokens [T, B] to features [T, B, H] and the memory."""
        return self.lstm(self.one_hot(tokens), memory)


def windows(model: Any, sizes: Sizes) -> Any:
    """tokens [N] -> a step on windows drawn anywhere, of which the last character's successor is predicted."""
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.RMSprop(params, 0.01, alpha=0.9, eps=1e-7, foreach=True)
    places = torch.arange(sizes.context + 1)[:, None]

    def step(tokens):
        first = torch.randint(0, len(tokens) - sizes.context, (sizes.batch,))
        window = tokens[places + first].long()
        features, _ = model(window[:-1])
        return _descend(optimizer, functional.cross_entropy(model.output(features[-1]), window[-1]))

    return step


def carried(model: Any, sizes: Sizes) -> Any:
    """tokens [N] -> a step on windows one after the other, of which every next character is predicted."""
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(params, 2e-3, fused=True)
    memory: Any = None
    at = 0

    def step(tokens):
        nonlocal memory, at
        piece = len(tokens) // sizes.batch
        if at + sizes.context >= piece:
            memory, at = None, 0
        streams = tokens[: piece * sizes.batch].view(sizes.batch, piece)
        window = streams[:, at : at + sizes.context + 1].t().long()
        features, memory = model(window[:-1], memory)
        memory, at = tuple(part.detach() for part in memory), at + sizes.context
        logits = model.output(features).flatten(0, 1)
        return _descend(optimizer, functional.cross_entropy(logits, window[1:].flatten()))

    return step


def _descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss


TRAININGS = {"windows": windows, "carried": carried}


def main(training: str) -> None:
    """Answers as the JAX contender does."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    sizes = SIZES[training]
    step = TRAININGS[training](Recurrent(sizes.vocabulary, sizes.width), sizes)
    tokens = torch.from_numpy(text(sizes.vocabulary))

    def work():
        for _ in range(STEPS[training]):
            step(tokens)

    serve(work, STEPS[training] * sizes.batch * (1 if training == "windows" else sizes.context))


if __name__ == "__main__":
    main(sys.argv[1])
