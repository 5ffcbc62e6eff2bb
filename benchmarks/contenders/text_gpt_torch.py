"""The same transformer in PyTorch: `python -m benchmarks.contenders.text_gpt_torch [compiled]`.

As nanoGPT trains it: float32, all cores, fused causal attention, AdamW fused, the gradient's norm clipped; eager, or
the network through `torch.compile`. Parameters and their count are those of nets/transformer.py.
"""

import math
import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve
from benchmarks.contenders.text_sizes import HEADS, LAYERS, SIZES, Sizes, text
from jaxgen.run.machine import cores

STEPS = 10


class Block(nn.Module):
    """Attention and a perceptron, each added to what it was given the normalised form of; no biases."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        """x [B, T, D] to the same."""
        batch, context, width = x.shape
        heads = (batch, context, HEADS, width // HEADS)
        q, k, v = (part.view(heads).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(width, dim=2))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mix(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """Blocks between the table of tokens, with positions, and the same table as the head."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.positions = nn.Embedding(sizes.context, sizes.width)
        self.blocks = nn.ModuleList(Block(sizes.width) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(sizes.width, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("mix.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if last else 0.02)

    def forward(self, tokens, targets):
        """The mean -log p of targets [B, T] after tokens [B, T]."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = functional.linear(self.norm(x), self.tokens.weight)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def training(model: Any, sizes: Sizes) -> Any:
    """tokens [N] -> a step on windows drawn anywhere."""
    params = list(model.parameters())
    optimizer = torch.optim.AdamW(params, 1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    places = torch.arange(sizes.context + 1)

    def step(tokens):
        first = torch.randint(0, len(tokens) - sizes.context, (sizes.batch, 1))
        window = tokens[first + places].long()
        loss = model(window[:, :-1], window[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        return loss

    return step


def main(compiled: bool) -> None:
    """Answers with tokens a second."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    sizes = SIZES["transformer"]
    model = GPT(sizes)
    step = training(torch.compile(model) if compiled else model, sizes)
    tokens = torch.from_numpy(text(sizes.vocabulary))

    def work():
        for _ in range(STEPS):
            step(tokens)

    serve(work, STEPS * sizes.batch * sizes.context)


if __name__ == "__main__":
    main("compiled" in sys.argv)
