"""Clusters of codes: the images that belong to each most surely, and how they agree with classes.

N    images
K    clusters
"""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from jaxgen.data import rows
from jaxgen.figures.latents import MOST, grid, inferred
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.partitions import adjusted_rand, matched_accuracy, mutual_information
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.pictures import still
from jaxgen.run.experiment import Result, Setting

COLUMNS, ROWS = 20, 50  # images of a cluster, and clusters that are shown


def surest(q: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Of each cluster the COLUMNS images [N, D] of largest q [N, K], the surest first: [K COLUMNS, D], in [0, 1].

    Only images whose largest q is the cluster's; places that are left over are grey.
    """
    unit, label = np.asarray(to_unit(jnp.asarray(images))), q.argmax(1)
    pictures = np.full((q.shape[1], COLUMNS, unit.shape[1]), 0.5, np.float32)
    for cluster in range(q.shape[1]):
        own = np.flatnonzero(label == cluster)
        own = own[np.argsort(-q[own, cluster], kind="stable")][:COLUMNS]
        pictures[cluster, : len(own)] = unit[own]
    return pictures.reshape(-1, unit.shape[1])


def agreement(truth: np.ndarray, label: np.ndarray) -> Table:
    """How clusters [N] agree with classes [N]."""
    measured = {
        "accuracy": f"{100 * matched_accuracy(truth, label):.2f} %",
        "NMI": f"{mutual_information(truth, label):.3f}",
        "ARI": f"{adjusted_rand(truth, label):.3f}",
    }
    notes = {
        "accuracy": "share of images in the cluster that is assigned to their class, by the best assignment",
        "NMI": "normalised mutual information, arithmetic mean of entropies",
        "ARI": "adjusted Rand index",
    }
    caption = f"Clusters of {len(truth):,} test images beside their classes, which were not used in training"
    return Table(
        caption, ["", *measured], [[Cell("largest soft assignment"), *map(Cell, measured.values())]], notes=notes
    )


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """The surest images of each cluster, decoded centres, and the agreement with classes where there are any."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    test = rows.read(images.test.image, slice(0, MOST))
    q = inferred(technique, state, "assign", test)
    caption = "A row for each cluster: the test images that belong to it most surely"
    yield still("clusters", caption, grid(surest(q[:, :ROWS], test), images.shape, COLUMNS))
    centres = inferred(technique, state, "decode", state.params["centres"][:ROWS])
    caption = "Centres of clusters, decoded, in the same order"
    yield still("centres", caption, grid(np.clip(centres, 0.0, 1.0), images.shape, 10))
    if images.classes:
        yield agreement(images.test.label[:MOST], q.argmax(1))
