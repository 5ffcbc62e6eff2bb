"""Adam in JAX, gradients given: `python -m benchmarks.contenders.optimizer_jax one|network WHAT [scan]`.

WHAT is `ours`, `optax`, or `triad`: b <- b + c / 2 over as many bytes as Adam's four arrays have, which shows what this
machine's memory gives. (Over half as many, caches of 32 MB made it a tenth faster.)
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import optax

from benchmarks.contenders import optimizer_shapes, serve
from jaxgen.optim.textbook import adam
from jaxgen.run import machine

Shapes = Sequence[tuple[int, ...]]

OPTIMIZERS: dict[str, Callable[[float], optax.GradientTransformation]] = {"ours": adam, "optax": optax.adam}
UPDATES = 8  # between two waits for the device
IN_SCAN = 4  # updates a dispatch, each on gradients of its own: what depends on the same ones would leave the loop


def normals(shapes: Shapes, *steps: int) -> list[jax.Array]:
    """Arrays of these shapes, each behind the axes `steps`."""
    draw = np.random.default_rng(0)
    return [jax.numpy.array(draw.standard_normal((*steps, *shape), np.float32)) for shape in shapes]


def updater(optimizer: optax.GradientTransformation, scanned: bool = False) -> Callable:
    """(params, state, gradients) -> (params, state) compiled, the first two donated; `scanned`: for each gradient."""

    def update(params, state, grads):
        delta, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, delta), state

    def scan(params, state, grads):
        return jax.lax.scan(lambda carry, g: (update(*carry, g), None), (params, state), grads)[0]

    return jax.jit(scan if scanned else update, donate_argnums=(0, 1))


def adam_work(shapes: Shapes, name: str, scanned: bool) -> Callable[[], Any]:
    """UPDATES updates."""
    optimizer = OPTIMIZERS[name](1e-3)
    call = updater(optimizer, scanned)
    params, grads = normals(shapes), normals(shapes, *[IN_SCAN] * scanned)
    state = optimizer.init(params)

    def work():
        nonlocal params, state
        for _ in range(UPDATES // IN_SCAN if scanned else UPDATES):
            params, state = call(params, state, grads)
        jax.block_until_ready((params, state))

    return work


def triad_work(size: int) -> Callable[[], Any]:
    """UPDATES triads of arrays of that size."""
    call = jax.jit(lambda b, c: b + 0.5 * c, donate_argnums=0)
    (b,), (c,) = normals([(size,)]), normals([(size,)])

    def work():
        nonlocal b
        for _ in range(UPDATES):
            b = call(b, c)
        b.block_until_ready()

    return work


def main(leaves: str, what: str, scanned: bool) -> None:
    """Answers with gigabytes a second, of those that an update or a triad cannot do without."""
    machine.prepare()
    shapes = optimizer_shapes.shapes(leaves)
    size = sum(map(math.prod, shapes))
    if what == "triad":
        serve(triad_work(2 * size), UPDATES * optimizer_shapes.TRIAD * 4e-9 * 2 * size)
    else:
        serve(adam_work(shapes, what, scanned), UPDATES * optimizer_shapes.ADAM * 4e-9 * size)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "scan" in sys.argv)
