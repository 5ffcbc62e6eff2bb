"""Adam in PyTorch, gradients given: `python -m benchmarks.contenders.optimizer_torch one|network WAY`.

WAY is `default`, `foreach` or `fused`. Eager, float32, all cores. On a CPU PyTorch's default takes one parameter after
another; on a GPU it is foreach.
"""

import math
import sys
from typing import Any

import torch

from benchmarks.contenders import optimizer_shapes, serve
from jaxgen.run.machine import cores

WAYS: dict[str, dict[str, Any]] = {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}
UPDATES = 8


def main(leaves: str, way: str) -> None:
    """Answers with gigabytes a second, as the JAX contender does."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    shapes = optimizer_shapes.shapes(leaves)
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for each in params:
        each.grad = torch.randn(each.shape)
    optimizer = torch.optim.Adam(params, 1e-3, **WAYS[way])

    def work():
        for _ in range(UPDATES):
            optimizer.step()

    serve(work, UPDATES * optimizer_shapes.ADAM * 4e-9 * sum(map(math.prod, shapes)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
