"""Shares of the same class among the nearest documents, and latent semantic analysis, against plain NumPy."""

import numpy as np
import pytest

from jaxgen.figures import retrieval

RNG = np.random.default_rng(0)


def test_shares_are_those_of_a_loop():
    codes, label = RNG.normal(size=(12, 3)), RNG.integers(0, 3, 12)
    counts = (1, 4, 11)
    ours = retrieval.same_class(codes, label, counts)
    for query in range(12):
        others = [n for n in range(12) if n != query]
        cosine = lambda n, q=query: codes[n] @ codes[q] / np.linalg.norm(codes[n]) / np.linalg.norm(codes[q])
        near = sorted(others, key=cosine, reverse=True)
        expected = [np.mean([label[n] == label[query] for n in near[:k]]) for k in counts]
        np.testing.assert_allclose(ours[query], expected)
    with pytest.raises(ValueError, match="of 12 documents 1 to 11 others are near, not 12"):
        retrieval.same_class(codes, label, (1, 12))


def test_a_large_class_counts_no_more_by_class():
    shares, label = np.array([[1.0], [1.0], [1.0], [0.0]]), np.array([0, 0, 0, 2])
    whole, by_class = retrieval.averaged(shares, label)
    assert (whole.item(), by_class.item()) == (0.75, 0.5)


def test_semantic_analysis_is_a_truncated_decomposition():
    train = RNG.dirichlet(np.full(7, 0.3), 20)
    train[train < 0.02] = 0
    for inverse, factor in ((False, 1), (True, np.log(20 / (train > 0).sum(0)))):
        weights = np.log1p(100 * train) * factor
        right = np.linalg.svd(weights)[2][:2]
        projected = retrieval.semantic_analysis(train, train, 2, inverse)
        np.testing.assert_allclose(np.abs(projected), np.abs(weights @ right.T), atol=1e-8)
