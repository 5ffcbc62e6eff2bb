"""What codes of an autoencoder are good for, in numbers: neighbours, few labels, clusters; and how they vary.

N    images of a split
D    values of an image
Z    units of the code
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.latents import MOST, codes_of, grid
from jaxgen.figures.probes import Split, labelled, neighbour_accuracy, neighbours, probe_accuracy
from jaxgen.ops import contraction
from jaxgen.ops.clusters import k_means
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.partitions import adjusted_rand, matched_accuracy, mutual_information
from jaxgen.ops.principal import Principal, principal_components, project, restore
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still

RESTARTS = 10  # of k-means
FEW = (100, 1000)  # labels of the linear classifier, beside all
SHOWN, NEAREST = 20, 5  # test images, and training images beside each
SLOPES = 200  # test images whose Jacobian is computed

DEFINITIONS = {
    "squared error": "sum over all pixels in [0, 1] of (reconstruction - image)^2, not clipped, mean over test images",
    "5-NN": "share of test images whose class is that of most of the 5 nearest training images",
    **{
        f"linear, {count:,}": f"test accuracy of logistic regression from {count:,} labels, as many of each class as "
        "can be, drawn by the seed; its weight decay is chosen on the validation split"
        for count in FEW
    },
    "linear, all": "the same from all labels of the training split",
    "clusters": f"k-means on the test images, as many clusters as classes, the best of {RESTARTS} starts by inertia: "
    "share of images in the cluster that is assigned to their class, by the best assignment of one to the other",
    "NMI": "normalised mutual information of these clusters and the classes, arithmetic mean of entropies",
    "ARI": "adjusted Rand index of them",
    "saturated": "share of activations of the code, over test images, in the lowest or highest twentieth of their "
    "range; of rectified units those that are 0, of linear ones none",
}
SHARES = {"5-NN", *(f"linear, {count:,}" for count in FEW), "linear, all", "clusters", "saturated"}


class Features(NamedTuple):
    """Features of the three splits, and how many classes there are."""

    train: Split
    valid: Split
    test: Split
    classes: int


def pixels(images: Dataset) -> Features:
    """The images themselves as features, in [0, 1]; the first MOST of the test split."""
    read = lambda split, which: np.asarray(to_unit(jnp.asarray(rows.read(split.image, which))))
    train, valid, test = (Split(read(split, slice(0, most)), split.label[:most]) for split, most in _splits(images))
    return Features(train, valid, test, len(images.classes))


def encoded(technique: Technique, state: State, images: Dataset) -> Features:
    """The codes of all images; of the first MOST of the test split."""
    train, valid, test = (
        Split(codes_of(technique, state, rows.pick(split.image, slice(0, most))), split.label[:most])
        for split, most in _splits(images)
    )
    return Features(train, valid, test, len(images.classes))


def _splits(images):
    return (images.train, None), (images.valid, MOST), (images.test, MOST)


def changed(features: Features, function: Callable[[np.ndarray], Any]) -> Features:
    """The features of all splits by a function of [N, F]."""
    own = lambda split: split._replace(x=np.asarray(function(split.x)))
    return Features(own(features.train), own(features.valid), own(features.test), features.classes)


def scaled(features: Features, how: str) -> Features:
    """Features as they are (`none`), divided by standard deviations (`units`), or each by its own length (`length`)."""
    if how == "units":
        deviation = features.train.x.std(0, keepdims=True)
        return changed(features, lambda x: x / np.where(deviation > 1e-6, deviation, 1.0))
    if how == "length":
        return changed(features, lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6))
    return features


@functools.partial(jax.jit, static_argnums=2)
def components_of(key: jax.Array, x: jax.Array, count: int) -> Principal:
    """`ops.principal.principal_components`, compiled."""
    return principal_components(key, x, count)


def principal_codes(features: Features, count: int, seed: int = 0) -> tuple[Features, float]:
    """Coordinates along `count` principal components of the training split, and the squared error of the test split."""
    principal = components_of(jax.random.key(seed), jnp.asarray(features.train.x), count)
    error = np.square(
        np.asarray(restore(principal, project(principal, jnp.asarray(features.test.x)))) - features.test.x
    ).sum(1)
    return changed(features, lambda x: project(principal, jnp.asarray(x))), float(error.mean())


@functools.partial(jax.jit, static_argnums=2)
def clusters_of(key: jax.Array, x: jax.Array, count: int) -> jax.Array:
    """The clusters [N] of features [N, F] by k-means."""
    return k_means(key, x, count, RESTARTS).label


def measures(features: Features, seed: int, scaling: str = "none") -> dict[str, float]:
    """Those of DEFINITIONS that need nothing but features.

    `scaling`, see `scaled`, is of neighbours and clusters; the seed is of all draws.
    """
    near, classes = scaled(features, scaling), features.classes
    few = {f"linear, {count:,}": labelled(features.train, count, classes, seed) for count in FEW}
    probes = {**few, "linear, all": features.train}
    linear = {name: probe_accuracy(split, features.valid, features.test, classes) for name, split in probes.items()}
    label = np.asarray(clusters_of(jax.random.key(seed), near.test.x, classes))
    truth = features.test.label
    return {
        "5-NN": neighbour_accuracy(near.train, near.test, classes),
        **linear,
        "clusters": matched_accuracy(truth, label),
        "NMI": mutual_information(truth, label),
        "ARI": adjusted_rand(truth, label),
    }


def saturation(code: np.ndarray, activation: str) -> float:
    """The share of activations [N, Z] that are saturated, see DEFINITIONS; 0 of linear units."""
    if activation in ("relu", "linear"):
        return float((code == 0).mean()) if activation == "relu" else 0.0
    unit = code if activation == "sigmoid" else 0.5 * (code + 1.0)
    return float(contraction.saturation(jnp.asarray(unit)).mean())


def singular_values(technique: Technique, state: State, images: Any) -> np.ndarray:
    """Singular values [min(Z, D)] of the code's Jacobian in the image, falling, each averaged over images [N, D].

    Rifai et al. 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf, figure 3: few large ones are the directions in
    which the code follows the image, and all others those in which it does not.
    """
    x = to_unit(jnp.asarray(rows.read(images, slice(0, SLOPES))))
    encode = lambda image: technique.infer["encode"](state, jax.random.key(0), image)

    @jax.jit
    def spectra(x):
        one = lambda image: jnp.linalg.svd(jax.jacrev(encode)(image), compute_uv=False)
        return jax.lax.map(one, x, batch_size=20).mean(0)

    return np.asarray(spectra(x))


def neighbours_shown(technique: Technique, state: State, images: Dataset) -> Figure:
    """Test images, and to the right of each the NEAREST training images by the distance of codes."""
    test = rows.read(images.test.image, slice(0, SHOWN))
    codes = codes_of(technique, state, test), codes_of(technique, state, images.train.image)
    near = rows.read(images.train.image, neighbours(*codes, NEAREST))
    both = np.concatenate([np.asarray(to_unit(jnp.asarray(each))) for each in (test[:, None], near)], axis=1)
    caption = f"In each row of two: test images, each followed by the {NEAREST} training images whose codes are nearest"
    columns = 2 * (1 + NEAREST)
    return still("neighbours", caption, grid(both.reshape(-1, both.shape[-1]), images.shape, columns))


def baselines(images: Dataset, latent: int, seeds: int, scaling: str) -> Mapping[str, list[dict[str, float]]]:
    """The measures of pixels and of PCA with `latent` components, for each seed; its squared error too."""
    raw = pixels(images)
    principal, error = principal_codes(raw, latent)
    of_principal = [{"squared error": error, **measures(principal, seed, scaling)} for seed in range(seeds)]
    return {"pixels": [measures(raw, seed, scaling) for seed in range(seeds)], f"PCA, {latent}": of_principal}
