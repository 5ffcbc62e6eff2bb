"""How well codes of documents find documents of the same class, beside latent semantic analysis.

Hinton & Salakhutdinov 2006 (https://doi.org/10.1126/science.1127647), figure 4: each test document is a query, and the
others are ordered by the cosine of their codes with its own.

N documents, V words, Z dimensions of a code.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from jaxgen.data.examples import Dataset
from jaxgen.figures.latents import codes_of
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.plots import Panel, lines, scatter
from jaxgen.run.experiment import Result, Setting

NEIGHBOURS = (1, 3, 7, 15, 31, 63, 127, 255, 511, 1023)
NOTES = {
    "share": "of the k documents nearest to a test document, by the cosine of their codes, those of its class; mean "
    "over all test documents, the document itself left out",
    "LSA": "latent semantic analysis of log(1 + 100 x share of the word); of TF-IDF: times the logarithm of the "
    "inverse share of training documents that have the word",
    "by class": "the mean over classes of that mean over their documents, so that a large class counts no more",
}


def same_class(codes: np.ndarray, label: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """For each document and each k of `counts`, the share of its class among the k nearest others: [N, len(counts)].

    Raises ValueError where a count is not between 1 and N - 1.
    """
    if not 1 <= min(counts) <= max(counts) < len(codes):
        raise ValueError(f"of {len(codes)} documents 1 to {len(codes) - 1} others are near, not {max(counts)}")
    unit = codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, : max(counts)]
    right = np.cumsum(label[order] == label[:, None], axis=1)
    return np.stack([right[:, k - 1] / k for k in counts], axis=1)


def averaged(shares: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of `same_class` over documents, and over the classes' own means."""
    return shares.mean(0), np.stack([shares[label == each].mean(0) for each in np.unique(label)]).mean(0)


def semantic_analysis(
    train: np.ndarray, test: np.ndarray, size: int, inverse: bool = False, words: float = 100.0
) -> np.ndarray:
    """Latent semantic analysis (Deerwester et al. 1990): test documents [N, V] as their projections [N, size].

    On the right singular vectors of the training documents; the values are log(1 + words x share), as Hinton &
    Salakhutdinov have them, and with `inverse` multiplied by the logarithm of the inverse share of training documents
    that have the word (TF-IDF).
    """
    factor = np.log(len(train) / np.maximum(1, (train > 0).sum(0))) if inverse else 1.0
    weighted = [np.log1p(words * each.astype(np.float64)) * factor for each in (train, test)]
    _, vectors = np.linalg.eigh(weighted[0].T @ weighted[0])
    return weighted[1] @ vectors[:, ::-1][:, :size]


def compared(codes: np.ndarray, images: Dataset) -> tuple[Table, Figure]:
    """The shares of codes of all test documents and of as many dimensions of LSA, in its two usual forms."""
    label, size = images.test.label, codes.shape[1]
    counts = [k for k in NEIGHBOURS if k < len(label)]
    train, test = np.asarray(images.train.image), np.asarray(images.test.image)
    every = {f"codes, {size}": codes}
    for name, inverse in (("LSA", False), ("LSA of TF-IDF", True)):
        every[f"{name}, {size}"] = semantic_analysis(train, test, size, inverse)
    results = {name: averaged(same_class(each, label, counts), label) for name, each in every.items()}
    cells = [
        [Cell(f"{name}{which}"), *(Cell(f"{value:.3f}") for value in values)]
        for name, pair in results.items()
        for which, values in zip(("", ", by class"), pair)
    ]
    caption = (
        f"Share of documents of the same class among the k nearest, {len(label):,} test documents of {images.name}"
    )
    table = Table(caption, ["", *(f"k = {k}" for k in counts)], cells, notes=NOTES)
    panels = [
        Panel(title, "k", "share", {name: (counts, pair[which]) for name, pair in results.items()}, log_x=True)
        for which, title in enumerate(("Mean over documents", "Mean over classes"))
    ]
    return table, drawing("neighbours", caption, lines, panels, "", "category")


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """Neighbours by codes and by LSA; the plane of both where a code has two dimensions."""
    images = setting.data.examples
    codes = codes_of(result.stage.technique, result.state, images.test.image)
    yield from compared(codes, images)
    if codes.shape[1] == 2:
        others = semantic_analysis(np.asarray(images.train.image), np.asarray(images.test.image), 2)
        for name, points, caption in (("plane", codes, "Codes"), ("plane_lsa", others, "LSA")):
            caption = f"{caption} of test documents, two dimensions"
            yield drawing(name, caption, scatter, points, images.test.label, images.classes, caption)
