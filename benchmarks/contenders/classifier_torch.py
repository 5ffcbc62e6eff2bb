"""The same CNN in PyTorch, as its users write it: `python -m benchmarks.contenders.classifier_torch`.

Eager, float32, all cores, channels-last, Adam fused.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve
from jaxgen.run.machine import cores

BATCH, STEPS = 128, 4


def network() -> nn.Sequential:
    """Two blocks of convolution, batch normalisation, ReLU and pooling; then a hidden layer of 128 and the logits."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(64 * 49, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


def main() -> None:
    """Steps on batches drawn from 10,000 images in memory, as the JAX contender's."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    model: Any = network()
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    pixels = torch.randint(0, 256, (10_000, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (10_000,))

    def work():
        for _ in range(STEPS):
            chosen = torch.randint(0, len(pixels), (BATCH,))
            x = (pixels[chosen].float() / 255).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(model(x), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    serve(work, STEPS * BATCH)


if __name__ == "__main__":
    main()
