"""PyTorch's stateful loop: `python -m benchmarks.contenders.text_sampling_torch STREAMS [cell]`.

One character of every stream at a time, hidden states carried, in inference mode, `multinomial`; nothing comes to
Python before the end. `cell`: its weights copied to an LSTMCell first, which costs less a call. One thread: with two,
one stream was as fast. (torch 2.13.0+cpu, 2 cores of an AMD EPYC, 2026-11-21.)
"""

import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve
from benchmarks.contenders.text_sizes import SIZES, TEMPERATURE
from benchmarks.contenders.text_torch import Recurrent

LENGTH = 100


def celled(lstm: nn.LSTM) -> nn.LSTMCell:
    """An LSTMCell that computes what the one layer of `lstm` does."""
    cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    return cell


def stepper(model: Any, cell: bool) -> Any:
    """tokens [S], memory -> logits [S, V], memory."""
    if cell:
        advance = celled(model.lstm)

        def by_cell(tokens, memory):
            memory = advance(model.one_hot(tokens), memory)
            return model.output(memory[0]), memory

        return by_cell

    def by_layer(tokens, memory):
        features, memory = model(tokens[None], memory)
        return model.output(features[0]), memory

    return by_layer


def write(step: Any, tokens: torch.Tensor, memory: Any, temperature: float, length: int) -> Any:
    """`length` characters after `tokens` [S], as [length, S], and the memory."""
    written = []
    with torch.inference_mode():
        for _ in range(length):
            logits, memory = step(tokens, memory)
            tokens = torch.multinomial(functional.softmax(logits / temperature, -1), 1)[:, 0]
            written.append(tokens)
        return torch.stack(written), memory


def main(streams: int, cell: bool) -> None:
    """Answers with characters a second, of all streams together, which go on from call to call."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = SIZES["windows"]
    step = stepper(Recurrent(sizes.vocabulary, sizes.width), cell)
    tokens, memory = torch.zeros(streams, dtype=torch.long), None

    def work():
        nonlocal tokens, memory
        written, memory = write(step, tokens, memory, TEMPERATURE, LENGTH)
        tokens = written[-1]
        return written.numpy()

    serve(work, LENGTH * streams)


if __name__ == "__main__":
    main(int(sys.argv[1]), "cell" in sys.argv)
