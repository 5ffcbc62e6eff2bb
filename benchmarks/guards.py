"""Bounds on ratios of times, measured in one process in turn, so that a drifting machine cancels.

The gradient in a convolution's kernel against the forward pass, and in a `lax.scan` over batches against alone; the
gradient of pooling against Flax's; and eight seeds of a CNN's training against one, vmapped or one after the other in
`lax.map`, whichever is faster.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.racing import quietest
from jaxgen.core import loop
from jaxgen.core.batches import arrays_of, functions_of
from jaxgen.core.compiling import options
from jaxgen.core.config import changed
from jaxgen.core.types import Source, Technique
from jaxgen.ops.conv import api as ops
from jaxgen.ops.pooling import max_pool
from jaxgen.techniques.vision import cnn

# The bounds: forward passes, gradients outside of loops, gradients of Flax's pooling, chunks of one seed.
GRADIENT, SCANNED, POOLING, SEEDS = 3.0, 2.0, 0.2, 8.5
STEPS, SIDE_BY_SIDE, BATCH, BLOCK = 2, 8, 64, 0.1  # steps in a loop, seeds, images, seconds a block
CONFIG = changed(cnn.Config(), {"channels": "32,64", "hidden": "128", "batch_norm": True})


class Layer(NamedTuple):
    """A convolution with padding SAME."""

    images: tuple[int, int, int, int]  # [N, H, W, I]
    size: int  # kh and kw
    features: int  # O
    strides: int = 1
    transposed: bool = False


LAYERS = (
    Layer((128, 14, 14, 64), 3, 64),
    Layer((32, 16, 16, 64), 4, 64, 2),
    Layer((128, 14, 14, 64), 3, 32, 2, transposed=True),
    Layer((16, 8, 8, 256), 4, 128, 2, transposed=True),
)
POOLED = (128, 28, 28, 32)


def row(guard: str, ratio: float, bound: float | None) -> dict[str, Any]:
    """A row of the table; without a bound, any ratio holds."""
    return {"guard": guard, "ratio": ratio, "bound": bound, "holds": bound is None or ratio <= bound}


def gradients(
    rounds: int = 7,
    layers: Sequence[Layer] = LAYERS,
    conv: Callable = ops.conv,
    conv_transpose: Callable = ops.conv_transpose,
) -> list[dict[str, Any]]:
    """Two rows for each layer. The operations are called as `conv(x, kernel, strides)`, strides one for each axis."""
    rows = []
    for layer in layers:
        kind = "transposed convolution" if layer.transposed else "convolution"
        name = f"{kind} {layer.size}x{layer.size} of {list(layer.images)}"
        seconds = quietest(_of_layer(layer, conv_transpose if layer.transposed else conv), rounds, BLOCK)
        rows.append(row(f"{name}: gradient / forward", seconds["gradient"] / seconds["forward"], GRADIENT))
        rows.append(row(f"{name}: gradient in a scan / alone", seconds["scanned"] / seconds["gradient"], SCANNED))
    return rows


def _of_layer(layer, operation):
    """name -> STEPS passes, on batches of their own, so that nothing can leave the loop."""
    x_key, kernel_key, dy_key = jax.random.split(jax.random.key(0), 3)
    forward = lambda x, kernel: operation(x, kernel, (layer.strides, layer.strides))
    x = jax.random.normal(x_key, (STEPS, *layer.images))
    kernel = jax.random.normal(kernel_key, (layer.size, layer.size, layer.images[3], layer.features))
    dy = jax.random.normal(dy_key, (STEPS, *jax.eval_shape(forward, x[0], kernel).shape))

    def descend(kernel, batch):
        x, dy = batch
        return kernel - 1e-9 * jax.vjp(partial(forward, x), kernel)[1](dy)[0], None

    passed, alone, scanned = jax.jit(forward), jax.jit(descend), jax.jit(partial(lax.scan, descend))
    batches = list(zip(x, dy))
    return {
        "forward": lambda: [passed(x, kernel) for x, _ in batches],
        "gradient": lambda: [alone(kernel, batch) for batch in batches],
        "scanned": lambda: scanned(kernel, (x, dy)),
    }


def pooling(rounds: int = 7, pool: Callable = max_pool) -> list[dict[str, Any]]:
    """The gradient of 2x2 max pooling against Flax's, which XLA takes from a window."""
    x_key, dy_key = jax.random.split(jax.random.key(0))
    x, dy = jax.random.normal(x_key, POOLED), jax.random.normal(dy_key, (POOLED[0], 14, 14, POOLED[3]))
    gradient = jax.jit(lambda x, dy, pool: jax.vjp(pool, x)[1](dy)[0], static_argnames="pool")
    flax = partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2))
    works = {"ours": partial(gradient, x, dy, pool), "flax": partial(gradient, x, dy, flax)}
    seconds = quietest(works, rounds, BLOCK)
    return [row(f"2x2 pooling of {list(POOLED)}: gradient / Flax's", seconds["ours"] / seconds["flax"], POOLING)]


def seeds(rounds: int = 7, technique: Technique | None = None, steps: int = STEPS) -> list[dict[str, Any]]:
    """Eight seeds on the same batches against one in the faster of two ways, singly and in chunks of `steps`.

    A row for each way to train the eight, of which the faster one, a study's choice, has the bound. `technique` reads
    images [B, 784] and labels in ten classes; by default it is the CNN of CONFIG.
    """
    seconds = quietest(_of_seeds(technique or cnn.make(CONFIG), steps), rounds, BLOCK)
    one = min(seconds["singly"], seconds["in chunks"]) / SIDE_BY_SIDE
    ways = {way: seconds[way] / one for way in ("vmapped", "mapped")}
    best, name = min(ways, key=lambda way: ways[way]), f"{SIDE_BY_SIDE} seeds of the CNN, {{}} / one"
    return [row(name.format(way), ratio, SEEDS if way == best else None) for way, ratio in ways.items()]


def _of_seeds(technique, steps):
    """`steps` steps of eight seeds, or eight times as many of one; each goes on from where it ended."""
    image_key, label_key, seed_key, data_key = jax.random.split(jax.random.key(0), 4)
    image = jax.random.randint(image_key, (BATCH, 784), 0, 256).astype(jnp.uint8)
    batch = {"image": image, "label": jax.random.randint(label_key, (BATCH,), 0, 10)}
    single = jax.jit(technique.step, donate_argnums=0, compiler_options=options())

    source = Source(batch, lambda arrays, key, n: arrays)

    def chunk(step, state):
        return loop.chunk(step, source, state, steps, data_key)[:2]

    def in_turn(states):
        rest = arrays_of(source), None, steps, data_key, False
        return lax.map(lambda state: loop.scanned(technique.step, functions_of(source), state, *rest)[:2], states)

    def repeated(times, advance):
        def work(state):
            for _ in range(times):
                state, metrics = advance(state)
            return state, metrics

        return work

    ways = {
        "singly": repeated(SIDE_BY_SIDE * steps, lambda state: single(state, batch)),
        "in chunks": repeated(SIDE_BY_SIDE, partial(chunk, technique.step)),
        "vmapped": partial(chunk, jax.vmap(technique.step, in_axes=(0, None))),
        "mapped": jax.jit(in_turn, donate_argnums=0, compiler_options=options()),
    }
    seed_keys = jax.random.split(seed_key, SIDE_BY_SIDE)
    one, eight = jax.jit(technique.init), jax.jit(jax.vmap(technique.init))
    states = {way: eight(seed_keys) if way in ("vmapped", "mapped") else one(seed_key) for way in ways}

    def train(way):
        states[way], metrics = ways[way](states[way])
        return metrics

    return {way: partial(train, way) for way in ways}


def measure(rounds: int = 7, groups: Sequence[Callable[[int], list[dict[str, Any]]]] = ()) -> list[dict[str, Any]]:
    """A row for each guard: its name, the ratio of times, the bound, and whether the bound holds.

    A group with a broken bound is measured again, at most twice: noise of a busy machine passes, a regression does not.
    """
    groups = groups or [*(partial(gradients, layers=[layer]) for layer in LAYERS), pooling, seeds]
    rows = []
    for group in groups:
        for _ in range(3):
            measured = group(rounds)
            if not broken(measured):
                break
        rows += measured
    return rows


def broken(rows: Sequence[Mapping[str, Any]]) -> str:
    """The broken bounds, in a sentence; "" where all hold."""
    return "; ".join(f"{r['guard']} is {r['ratio']:.3g}, at most {r['bound']:.3g}" for r in rows if not r["holds"])
