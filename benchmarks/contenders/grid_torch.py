"""Runs of the same grid in PyTorch, one after the other: `python -m benchmarks.contenders.grid_torch`.

Eager, float32, Adam fused, as its users write it; a run is 20 epochs of 44 batches. One thread: for layers this small
a second one only costs.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import serve

BATCH, EPOCHS, IMAGES = 32, 20, 1438


def main() -> None:
    """An epoch at a time, so that blocks of seconds hold whole pieces; a new run every 20."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES, 64), dtype=torch.uint8)
    labels = torch.randint(0, 10, (IMAGES,))
    epochs = 0
    model: Any = None
    optimizer: Any = None

    def work():
        nonlocal epochs, model, optimizer
        if epochs % EPOCHS == 0:
            model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        epochs += 1
        order = torch.randperm(IMAGES)
        for n in range(IMAGES // BATCH):
            chosen = order[n * BATCH : (n + 1) * BATCH]
            loss = functional.cross_entropy(model(pixels[chosen].float() / 255), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    serve(work, 1 / EPOCHS)


if __name__ == "__main__":
    main()
