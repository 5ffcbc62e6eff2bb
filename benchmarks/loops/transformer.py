"""nanoGPT's for a CPU: 4 layers, 4 heads, 128 wide, context 64, batch 12, AdamW; tokens a second.

On the embedded text (V 103 with Python 3.11), at a constant rate of 1e-3. Quality: the loss, bits per character,
averaged over the fifth call of 20 updates.

In a trace on two cores of an AMD EPYC with AVX-512 (2026-12-01), one device, products have 80 % of the time; those of
768 tokens by [128, 512] run at 100 of 208 GFLOP/s, 1.5 operations at once in the mean.
"""

import math
from typing import Any, NamedTuple

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from experiments.text import EXPERIMENT
from jaxgen.data.text import texts

CORPUS = "pydocs"


class Sizes(NamedTuple):
    """Of the network and its training."""

    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 64
    batch: int = 12
    updates: int = 20  # of a call

    @property
    def amount(self) -> int:
        """Tokens of a call."""
        return self.updates * self.batch * self.context

    def flags(self) -> dict[str, Any]:
        """The experiment's."""
        constant = {"learning_rate": 1e-3, "schedule": "constant", "warmup": 0.0}
        own = {name: value for name, value in self._asdict().items() if name not in ("updates", "batch")}
        return {"preset": "nano_cpu", "corpus": CORPUS, "batch_size": self.batch, **own, **constant}


def block(sizes: Sizes) -> Any:
    """PyTorch's attention and perceptron, each added to what its normalised input gives; no biases."""
    from torch import nn

    width, heads = sizes.width, sizes.heads

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
            self.qkv, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

        def forward(self, x):
            """x [B, T, D] to the same."""
            split = (*x.shape[:2], heads, width // heads)
            q, k, v = (part.view(split).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(width, dim=2))
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.mix(mixed.transpose(1, 2).reshape(x.shape))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    return Block()


def network(sizes: Sizes, vocabulary: int) -> Any:
    """PyTorch's blocks between the table of tokens, with positions, and the same table as the head.

    Called with a window [B, T + 1], it returns the mean -log p of its last T tokens, nats. Parameters and their count
    are those of nets/transformer.py.
    """
    from torch import nn

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, sizes.width)
            self.positions = nn.Embedding(sizes.context, sizes.width)
            self.blocks = nn.ModuleList(block(sizes) for _ in range(sizes.layers))
            self.norm = nn.LayerNorm(sizes.width, bias=False)
            for name, weight in self.named_parameters():
                if weight.dim() == 2:
                    last = name.endswith(("mix.weight", "down.weight"))
                    nn.init.normal_(weight, std=0.02 / math.sqrt(2 * sizes.layers) if last else 0.02)

        def forward(self, window):
            x = self.tokens(window[:, :-1]) + self.positions.weight[: window.shape[1] - 1]
            for each in self.blocks:
                x = each(x)
            logits = nn.functional.linear(self.norm(x), self.tokens.weight)
            return nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())

    return GPT()


def stepper(torch: Any, model: Any, sizes: Sizes, text: Any) -> Any:
    """A step on windows drawn anywhere: AdamW fused, the gradient's norm clipped."""
    params = list(model.parameters())
    matrices, vectors = ([p for p in params if (p.dim() >= 2) is each] for each in (True, False))
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, 1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    offsets = torch.arange(sizes.context + 1)

    def step():
        first = torch.randint(0, len(text) - sizes.context, (sizes.batch, 1))
        loss = model(text[first + offsets].long())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        return loss

    return step


def pytorch(sizes: Sizes, compiled: bool = False) -> Work:
    """As nanoGPT trains it: float32, all cores, fused causal attention; eager, or through `torch.compile`."""
    torch, text = trainers.pytorch(), texts.load(CORPUS)
    model = network(sizes, len(text.vocabulary))
    step = stepper(torch, torch.compile(model) if compiled else model, sizes, trainers.tensor(torch, text.train.tokens))
    return trainers.eager(step, sizes, 1 / math.log(2.0))


LOOP = Loop(
    about=__doc__ or "",
    unit="tokens_per_second",
    cases={"": Sizes()},
    contenders=[
        *trainers.contenders(EXPERIMENT, "bits_per_char"),
        Contender("PyTorch", pytorch, ("torch",)),
        Contender("PyTorch, torch.compile", lambda sizes: pytorch(sizes, compiled=True), ("torch",)),
    ],
    operations=trainers.operations(EXPERIMENT),
)
