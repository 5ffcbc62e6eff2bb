"""Pictures of a latent space: for anything that infers `encode`, `decode`, `reconstruct` and `sample`."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.pictures import save_png, save_scatter
from jaxgen.core.report import Picture
from jaxgen.core.types import Refused, State, Technique
from jaxgen.data.examples import Dataset
from jaxgen.ops.images import tile
from jaxgen.ops.paths import quantile_grid, spherical, straight
from jaxgen.run import warn


def mapped(technique: Technique, name: str) -> Callable:
    """An `infer` function over a batch, compiled once: (State, key, x [B, ...]) -> y [B, ...]."""
    return _mapped(technique.infer[name])


@functools.cache
def _mapped(function: Callable) -> Callable:
    one = jax.vmap(function, in_axes=(None, 0, 0))
    return jax.jit(lambda state, key, x: one(state, jax.random.split(key, len(x)), x))


def grid(images, shape, columns: int) -> np.ndarray:
    """Flat images [N, D] of the given shape side by side."""
    return np.asarray(tile(np.asarray(images).reshape(-1, *shape), columns))


def prior_samples(technique: Technique, state: State, shape, seed: int = 0) -> np.ndarray:
    """100 samples from the prior, the same draws at every call."""
    return grid(mapped(technique, "sample")(state, jax.random.key(seed), jnp.zeros(100)), shape, 10)


def to_plane(codes: np.ndarray) -> tuple[np.ndarray, str]:
    """Codes [N, Z] on the two directions of largest variance [N, 2], and what was done to them."""
    if codes.shape[1] == 2:
        return codes, "Test codes (posterior means)"
    centred = codes - codes.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    return centred @ directions.T, "Test codes (posterior means), two principal components"


def class_means(codes: np.ndarray, label: np.ndarray, count: int) -> np.ndarray:
    """[count, Z] mean code of each class; NaN where a class is empty."""
    sums = np.zeros((count, codes.shape[1]))
    np.add.at(sums, label, codes)
    sizes = np.bincount(label, minlength=count)[:, None]
    return np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)


def concept_codes(codes: np.ndarray, label: np.ndarray, means: np.ndarray, strengths: np.ndarray):
    """For five classes B and each one's nearest class A: an example of B plus strength * (mean A - mean B).

    Returns codes [5 * strengths, Z] and the pairs (B, A).
    """
    distance = np.linalg.norm(means[:, None] - means[None], axis=-1)
    distance[np.diag_indices(len(means))] = np.inf
    distance[~np.isfinite(distance)] = np.inf
    nearest = distance.argmin(1)
    chosen = np.argsort(distance.min(1))[: 5 * 2 : 2]  # neighbours come in pairs: every second one
    rows = [codes[label == b][:1] + strengths[:, None] * (means[nearest[b]] - means[b]) for b in chosen]
    return np.concatenate(rows), [(int(b), int(nearest[b])) for b in chosen]


def pictures(technique: Technique, state: State, dataset: Dataset, folder: Path) -> list[Picture]:
    """Draws everything into `folder`; the first picture is the most telling one."""
    key, shape, test = jax.random.key(0), dataset.shape, dataset.test
    encode, decode = mapped(technique, "encode"), mapped(technique, "decode")
    found: list[Picture] = []

    def keep(name, image, caption):
        save_png(folder / f"{name}.png", image, scale=max(1, 900 // image.shape[1]))
        found.append(Picture(folder / f"{name}.png", caption))

    codes = np.asarray(encode(state, key, jnp.asarray(test.image)))
    shown = test.image[:40]
    again = np.asarray(mapped(technique, "reconstruct")(state, key, jnp.asarray(shown)))
    if codes.shape[1] == 2:
        caption = "The plane of codes, decoded: 15 x 15 normal quantiles from 5 % to 95 %"
        keep("manifold", grid(decode(state, key, quantile_grid(15)), shape, 15), caption)
    keep("samples", prior_samples(technique, state, shape), "Samples from the prior (pixel means)")
    originals = (shown / 255.0 if shown.dtype == np.uint8 else shown).reshape(2, 20, -1)
    pairs = np.stack([originals, again.reshape(2, 20, -1)], axis=1).reshape(80, -1)
    keep("reconstructions", grid(pairs, shape, 20), "Test images and, below each, their reconstruction")
    ends = jnp.asarray(codes[:12]).reshape(6, 2, -1)
    both = jax.vmap(lambda ab: jnp.stack([straight(ab[0], ab[1], 15), spherical(ab[0], ab[1], 15)]))
    ways = jax.jit(both)(ends)
    caption = "From one test image to another: straight, and below it spherical, through the codes"
    keep("interpolations", grid(decode(state, key, ways.reshape(-1, codes.shape[1])), shape, 15), caption)
    if len(dataset.classes) > 1:
        means = class_means(codes, test.label, len(dataset.classes))
        moved, which = concept_codes(codes, test.label, means, np.linspace(0.0, 1.5, 11))
        names = ", ".join(f"{dataset.classes[b]} to {dataset.classes[a]}" for b, a in which)
        caption = f"Concept vectors, strength 0 to 1.5: test image + s (mean code of A - mean code of B), {names}"
        keep("concepts", grid(decode(state, key, jnp.asarray(moved, jnp.float32)), shape, 11), caption)
    points, caption = to_plane(codes)
    try:
        save_scatter(folder / "codes.png", points, test.label, dataset.classes or ("",), caption)
    except Refused as missing:  # the report's packages are optional, and a trained run is not thrown away for them
        warn(str(missing))
        return found
    return [*found, Picture(folder / "codes.png", caption)]
