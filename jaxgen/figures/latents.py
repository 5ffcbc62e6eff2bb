"""Pictures of a latent space, of any technique that infers `encode`, `decode`, `reconstruct` and `sample`.

N    test images, at least one
D    values of an image
Z    dimensions of a code, at least one
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples
from jaxgen.ops.imaging import tile, to_unit
from jaxgen.ops.paths import quantile_grid, spherical, straight
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure, Still
from jaxgen.report.pictures import moving, still, to_bytes
from jaxgen.report.plots import scatter
from jaxgen.run.experiment import Result, Setting

MOST = 10_000  # test images that are encoded; the first ones of a larger set
BLOCK = 500  # test images encoded at a time: the activations of all would not fit in memory
SCALE = 2  # pixels of the pictures kept in training are repeated so often


def vmapped(technique: Technique, name: str) -> Callable:
    """An `infer` function over a batch, compiled once: (State, key, x [B, ...]) -> y [B, ...]."""
    return _mapped(technique.infer[name])


@functools.cache
def _mapped(function: Callable) -> Callable:
    one = jax.vmap(function, in_axes=(None, 0, 0))
    return jax.jit(lambda state, key, x: one(state, jax.random.split(key, len(jax.tree.leaves(x)[0])), x))


def evenly(total: int, count: int) -> np.ndarray:
    """At most `count` of the numbers from 0 to `total` - 1, evenly spread."""
    return np.linspace(0, total - 1, min(count, total)).astype(int)


def grid(images, shape, columns: int) -> np.ndarray:
    """Flat images [N, D] of `shape` (H, W, C) as one image, side by side in rows of `columns`."""
    return np.asarray(tile(np.asarray(images).reshape(-1, *shape), columns))


def prior_samples(technique: Technique, state: State, shape, seed: int = 0) -> np.ndarray:
    """100 samples from the prior as one image; the draws depend on `seed` alone."""
    return grid(vmapped(technique, "sample")(state, jax.random.key(seed), jnp.zeros(100)), shape, 10)


def inferred(technique: Technique, state: State, name: str, x: Any, seed: int = 0) -> np.ndarray:
    """An `infer` function of all rows x [N, ...], an array in memory or rows on disk: [N, ...].

    Blocks of one size, so that it is compiled once; what is drawn depends on `seed` and the place of a row.
    """
    function, count = vmapped(technique, name), rows.count(x)
    size, results = min(BLOCK, count), []
    for first in range(0, count, size):
        block = rows.read(x, slice(first, first + size))
        filled = np.concatenate([block, np.repeat(block[:1], size - len(block), axis=0)])
        key = jax.random.fold_in(jax.random.key(seed), first)
        results.append(np.asarray(function(state, key, filled))[: len(block)])
    return np.concatenate(results)


def codes_of(technique: Technique, state: State, images: Any) -> np.ndarray:
    """The codes [N, Z] of images [N, D], an array in memory or rows on disk."""
    return inferred(technique, state, "encode", images)


def to_plane(codes: np.ndarray) -> tuple[np.ndarray, str]:
    """Codes [N, Z] as points in the plane [N, 2], and a caption that says how.

    Of more than two dimensions the two principal components are shown; missing coordinates are 0.
    """
    size = codes.shape[1]
    if size > 2:
        centred = codes - codes.mean(0)
        codes = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T  # [N, 1] of a single code
    how = {1: ", one-dimensional: upwards is nothing", 2: ""}.get(size, ", two principal components")
    return np.pad(codes, ((0, 0), (0, 2 - codes.shape[1]))), f"Test codes (posterior means){how}"


def below_each(columns: int, *images: np.ndarray) -> np.ndarray:
    """Sets of N images, each [N, D], in alternating rows of min(N, columns), the last ones filled up with grey."""
    count = len(images[0])
    columns = min(columns, count)
    rows = -(-count // columns)  # of each
    blank = ((0, rows * columns - count), (0, 0))
    filled = [np.pad(each, blank, constant_values=0.5).reshape(rows, columns, -1) for each in images]
    return np.stack(filled, axis=1).reshape(len(images) * rows * columns, -1)


def interpolations(codes: np.ndarray, most: int = 6, count: int = 15) -> jax.Array:
    """Paths of `count` codes from the first code to the second, from the third to the fourth, and so on.

    Returns [pairs, 2, count, Z], straight and spherical paths of at most `most` pairs; no pair where N is 1.
    """
    pairs = min(most, len(codes) // 2)
    ends = jnp.asarray(codes[: 2 * pairs]).reshape(pairs, 2, codes.shape[1])
    both = lambda ab: jnp.stack([straight(ab[0], ab[1], count), spherical(ab[0], ab[1], count)])
    return jax.jit(jax.vmap(both))(ends)


def concept_codes(codes: np.ndarray, label: np.ndarray, strengths: np.ndarray):
    """Codes moved from a class B towards its nearest class A: code of an example of B + strength * (mean A - mean B).

    Args:
        codes: [N, Z].
        label: class numbers [N]; of the classes that occur, the first hundred are compared.
        strengths: [S].

    Returns:
        Codes [pairs * S, Z] and the pairs (B, A), at most five; none where there are fewer than two classes.
    """
    present = np.unique(label)[:100]
    if len(present) < 2:
        return np.zeros((0, codes.shape[1])), []
    means = np.stack([codes[label == number].mean(0) for number in present])
    distance = np.linalg.norm(means[:, None] - means[None], axis=-1)
    distance[np.diag_indices(len(means))] = np.inf
    nearest = distance.argmin(1)
    chosen = np.argsort(distance.min(1), kind="stable")[: 5 * 2 : 2]  # neighbours come in pairs: every second one
    move = strengths[:, None]
    moved = [codes[label == present[b]][:1] + move * (means[nearest[b]] - means[b]) for b in chosen]
    return np.concatenate(moved), [(int(present[b]), int(present[nearest[b]])) for b in chosen]


def drawn(technique: Technique, state: State, dataset: Dataset, codes) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yields name, image and caption of each picture, the most informative first; `codes` [N, Z] of the test images."""
    key, shape, test = jax.random.key(0), dataset.shape, dataset.test
    decoded = lambda z: vmapped(technique, "decode")(state, key, jnp.asarray(z, jnp.float32))
    if codes.shape[1] == 2:
        caption = "The plane of codes, decoded: 15 x 15 normal quantiles from 5 % to 95 %"
        yield "manifold", grid(decoded(quantile_grid(15)), shape, 15), caption
    yield "samples", prior_samples(technique, state, shape), "Samples from the prior (pixel means)"
    shown = test.image[:40]
    reconstructed = np.asarray(vmapped(technique, "reconstruct")(state, key, jnp.asarray(shown)))
    both = below_each(20, np.asarray(to_unit(jnp.asarray(shown))), reconstructed)
    caption = "Test images and, below each, their reconstruction"
    yield "reconstructions", grid(both, shape, min(20, len(shown))), caption
    if len(paths := interpolations(codes)):
        caption = "From one test image to another: straight, and below it spherical, through the codes"
        yield "interpolations", grid(decoded(paths.reshape(-1, codes.shape[1])), shape, 15), caption
    moved, pairs = concept_codes(codes, test.label, np.linspace(0.0, 1.5, 11))
    if pairs:
        names = ", ".join(f"{dataset.classes[b]} to {dataset.classes[a]}" for b, a in pairs)
        caption = f"Concept vectors, strength 0 to 1.5: test image + s (mean code of A - mean code of B), {names}"
        yield "concepts", grid(decoded(moved), shape, 11), caption


def prior(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still]]:
    """What a run keeps while it trains: samples from the prior, the same draws each time."""

    def look(stage, step, state):
        yield Still("step", prior_samples(stages[stage].technique, state, setting.data.examples.shape), SCALE)

    return look


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """All pictures of the codes of the first MOST test images, then an animation of the training."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    test = Examples(rows.read(images.test.image, slice(0, MOST)), images.test.label[:MOST])
    images = images._replace(test=test)
    codes = codes_of(technique, state, test.image)
    for name, image, caption in drawn(technique, state, images, codes):
        yield still(name, caption, image)
    points, caption = to_plane(codes)
    yield drawing("codes", caption, scatter, points, test.label, images.classes or ("",), caption)
    yield from animation(result.history("step"), prior_samples(technique, state, images.shape))


def animation(
    history: Mapping[int, np.ndarray],
    like: np.ndarray,
    caption: str = "The same draws from the prior, as training went on",
) -> Iterator[Figure]:
    """The pictures kept in training, in order; skips files whose image has another shape than `like`, times SCALE."""
    expected = to_bytes(like, SCALE)
    alike = lambda frame: (frame.shape, frame.dtype) == (expected.shape, expected.dtype)
    frames = [frame for _, frame in sorted(history.items()) if alike(frame)]
    if len(frames) > 1:
        yield moving("training", caption, frames, 300)
