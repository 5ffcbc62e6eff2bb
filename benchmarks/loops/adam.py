"""Adam on given gradients of ten million parameters, in one array and in the 1,009 of a network: gigabytes a second of
the seven arrays that an update must read or write, and their share of what a triad moves (b <- b + c / 2, in place).
A call an update, parameters and state donated; `in a scan` is four updates a call, as in a chunk of training.

Quality: the largest difference of up to 1,000 of the parameters from the formula in float64, after two calls, as a
share of the largest change.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax

from benchmarks import trainers
from benchmarks.contender import Contender, Loop, Work
from jaxgen.optim.textbook import adam

UPDATES = 8  # of a call, between two waits for the device
IN_SCAN = 4  # updates a dispatch, each on gradients of its own: what depends on the same ones would leave the loop
CHECKED = 1000  # parameters that are compared with the formula


class Sizes(NamedTuple):
    """The parameters' shapes: a transformer's embedding, kernels and biases, or one array of as many parameters.

    A block has four maps of the width to itself (queries, keys, values, output), one to four widths and one back: in
    all 504 biases of 96 or 384, 504 kernels of 9,216 or 36,864, and an embedding of 636,672; 9,998,976 parameters.
    """

    one: bool
    width: int = 96
    blocks: int = 84
    words: int = 6632

    def shapes(self) -> list[tuple[int, ...]]:
        """Of every array."""
        width, wide = self.width, 4 * self.width
        block = [(width, width), (width,)] * 4 + [(width, wide), (wide,), (wide, width), (width,)]
        shapes: list[tuple[int, ...]] = [(self.words, width), *block * self.blocks]
        return [(sum(map(math.prod, shapes)),)] if self.one else shapes


def normals(shapes: Sequence[tuple[int, ...]], *steps: int) -> list[np.ndarray]:
    """Arrays of these shapes, each behind the axes `steps`; the same ones every time."""
    draw = np.random.default_rng(0)
    return [draw.standard_normal((*steps, *shape), np.float32) for shape in shapes]


def error(values: np.ndarray, start: np.ndarray, grads: np.ndarray, updates: int) -> float:
    """Difference of parameters [N] from Adam's formula (Kingma & Ba 2015, algorithm 1), see the module.

    Args:
        values: after so many updates.
        start: before them.
        grads: [G, N], taken in turn.
        updates: in all.
    """
    start, grads = start.astype(np.float64), grads.astype(np.float64)
    theta, m, s = start, np.zeros_like(start), np.zeros_like(start)
    for t in range(1, updates + 1):
        g = grads[(t - 1) % len(grads)]
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        theta = theta - 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return float(np.abs(values - theta).max() / np.abs(theta - start).max())


def updater(optimizer: optax.GradientTransformation, scanned: bool = False) -> Callable:
    """(params, state, gradients) -> (params, state) compiled, the first two donated; `scanned`: for each gradient."""

    def update(params, state, grads):
        delta, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, delta), state

    def scan(params, state, grads):
        return jax.lax.scan(lambda carry, g: (update(*carry, g), None), (params, state), grads)[0]

    return jax.jit(scan if scanned else update, donate_argnums=(0, 1))


def work(sizes: Sizes, update: Callable[[], None], params: Callable[[], np.ndarray], grads: np.ndarray) -> Work:
    """A contender's Work.

    Args:
        sizes: of the case.
        update: makes UPDATES updates, and waits for them.
        params: returns the first array of parameters.
        grads: of it, one, or several behind a first axis, which updates take in turn.
    """
    updates, (shape, *_) = 0, sizes.shapes()

    def call():
        nonlocal updates
        update()
        updates += UPDATES

    def quality():
        values, start = (np.ravel(each)[:CHECKED] for each in (params(), *normals([shape])))
        return error(values, start, grads.reshape(-1, math.prod(shape))[:, :CHECKED], updates)

    return Work(call, UPDATES * 7 * 4e-9 * sum(map(math.prod, sizes.shapes())), quality)


def in_jax(factory: Callable[[float], optax.GradientTransformation], scanned: bool = False) -> Callable[[Sizes], Work]:
    """A contender's `prepare`, of an optimiser's factory."""

    def prepare(sizes: Sizes) -> Work:
        shapes, optimizer = sizes.shapes(), factory(1e-3)
        drawn = normals(shapes, *[IN_SCAN] * scanned)
        params, grads = jax.tree.map(jax.numpy.array, (normals(shapes), drawn))
        state, advance = optimizer.init(params), updater(optimizer, scanned)

        def update():
            nonlocal params, state
            for _ in range(UPDATES // IN_SCAN if scanned else UPDATES):
                params, state = advance(params, state, grads)
            jax.block_until_ready((params, state))

        return work(sizes, update, lambda: np.asarray(params[0]), drawn[0])

    return prepare


def triad(sizes: Sizes) -> Work:
    """b + c / 2 over as many bytes as Adam's four arrays have: what this machine's memory gives.

    Over half as many, caches of 32 MB made it a tenth faster. Quality: the largest difference of b from the formula, as
    a share of b.
    """
    size, updates = 2 * sum(map(math.prod, sizes.shapes())), 0
    b, c = (jax.numpy.array(normals([(size,)])[0]) for _ in range(2))
    advance = jax.jit(lambda b, c: b + 0.5 * c, donate_argnums=0)

    def call():
        nonlocal b, updates
        for _ in range(UPDATES):
            b = advance(b, c)
        b.block_until_ready()
        updates += UPDATES

    quality = lambda: float(abs(b[:CHECKED] / c[:CHECKED] / (1 + updates / 2) - 1).max())  # they began alike
    return Work(call, UPDATES * 3 * 4e-9 * size, quality)


def in_torch(**way: bool) -> Callable[[Sizes], Work]:
    """A contender's `prepare`: eager, float32, all cores, torch's Adam in this way.

    On a CPU PyTorch's default takes one parameter after another; on a GPU it is foreach.
    """

    def prepare(sizes: Sizes) -> Work:
        torch, drawn = trainers.pytorch(), normals(sizes.shapes())
        params = [torch.nn.Parameter(trainers.tensor(torch, each.copy())) for each in drawn]
        for each, grad in zip(params, drawn):
            each.grad = trainers.tensor(torch, grad)
        optimizer = torch.optim.Adam(params, 1e-3, **way)

        def update():
            for _ in range(UPDATES):
                optimizer.step()

        return work(sizes, update, lambda: params[0].detach().cpu().numpy(), drawn[0])

    return prepare


LOOP = Loop(
    about=__doc__ or "",
    unit="gb_per_second",
    cases={"1": Sizes(one=True), "1009": Sizes(one=False)},
    contenders=[
        Contender("triad", triad),
        Contender("ours", in_jax(adam)),
        Contender("ours, in a scan", in_jax(adam, scanned=True)),
        Contender("optax.adam", in_jax(optax.adam), ("optax",)),
        Contender("PyTorch", in_torch(), ("torch",)),
        Contender("PyTorch, foreach", in_torch(foreach=True), ("torch",)),
        Contender("PyTorch, fused", in_torch(fused=True), ("torch",)),
    ],
    column="arrays",
    against={"of_triad": "triad", "against_pytorch": "PyTorch"},
    within=math.inf,
    seconds=1.0,
    bounds=("triad",),
)
