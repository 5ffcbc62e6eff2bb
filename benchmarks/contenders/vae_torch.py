"""The same VAE in PyTorch, as its users write it: `python -m benchmarks.contenders.vae_torch mlp|conv`.

Eager, float32, all cores, convolutions channels-last, Adam fused: of torch's three, taking turns in one process with
`optimizer` exchanged below, mlp 5.3 ms a step fused, 6.2 foreach, 6.4 one by one; conv 128, 137, 129. (Medians of 12
and 5 `work()`; torch 2.13.0+cpu, 2 cores of an AMD EPYC, 2026-11-20.)
"""

import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve
from jaxgen.run.machine import cores

BATCH, LATENT, STEPS = 128, 2, {"mlp": 50, "conv": 4}


class View(nn.Module):
    """Reshapes all but the batch."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(len(x), *self.shape)


def mlp() -> list[Any]:
    """784-512-2 and back."""
    encoder = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 2 * LATENT))
    return [encoder, nn.Sequential(nn.Linear(LATENT, 512), nn.ReLU(), nn.Linear(512, 784))]


def conv() -> list[Any]:
    """Chollet & Allaire, section 8.4."""
    relu = nn.ReLU
    encoder: Any = nn.Sequential(
        View(1, 28, 28),
        *[nn.Conv2d(1, 32, 3, padding=1), relu(), nn.Conv2d(32, 64, 3, stride=2, padding=1), relu()],
        *[nn.Conv2d(64, 64, 3, padding=1), relu(), nn.Conv2d(64, 64, 3, padding=1), relu()],
        *[nn.Flatten(), nn.Linear(14 * 14 * 64, 32), relu(), nn.Linear(32, 2 * LATENT)],
    )
    decoder: Any = nn.Sequential(
        *[nn.Linear(LATENT, 14 * 14 * 64), relu(), View(64, 14, 14)],
        *[nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), relu()],
        *[nn.Conv2d(32, 1, 3, padding=1), nn.Flatten()],
    )
    return [part.to(memory_format=torch.channels_last) for part in (encoder, decoder)]


def main(network: str) -> None:
    """Trains in blocks."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    encoder, decoder = {"mlp": mlp, "conv": conv}[network]()
    pixels = torch.randint(0, 256, (10_000, 784), dtype=torch.uint8)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)

    def work():
        for _ in range(STEPS[network]):
            x = pixels[torch.randint(0, len(pixels), (BATCH,))].float() / 255.0
            mean, log_var = encoder(x).chunk(2, dim=-1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            cross_entropy = functional.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
            loss = (cross_entropy + 0.5 * (log_var.exp() + mean**2 - 1.0 - log_var).sum()) / BATCH
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    serve(work, STEPS[network] * BATCH)


if __name__ == "__main__":
    main(sys.argv[1])
