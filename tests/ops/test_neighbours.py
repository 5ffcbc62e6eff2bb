"""Precision, recall, density, coverage and nearest neighbours against loops and published numbers."""

import jax
import numpy as np
import pytest

from jaxgen.ops.neighbours import fidelity_and_diversity, nearest

measured = jax.jit(fidelity_and_diversity, static_argnames=("k", "chunk"))
neighbours = jax.jit(nearest, static_argnames="chunk")


def by_loop(real, generated, k):
    """As the papers define them, in float64."""

    def radius(n, x):
        return sorted(np.linalg.norm(x[n] - x[m]) for m in range(len(x)) if m != n)[k - 1]

    real_radii, generated_radii = ([radius(n, x) for n in range(len(x))] for x in (real, generated))
    distance = np.array([[np.linalg.norm(x - y) for y in generated] for x in real])
    inside = distance <= np.array(real_radii)[:, None]
    return {
        "precision": np.mean([inside[:, m].any() for m in range(len(generated))]),
        "recall": np.mean([any(distance[n] <= generated_radii) for n in range(len(real))]),
        "density": inside.sum() / k / len(generated),
        "coverage": np.mean([inside[n].any() for n in range(len(real))]),
    }


@pytest.mark.parametrize(("features", "k"), [(2, 3), (12, 5)])
def test_against_a_loop(features, k):
    """By differences and by a product of matrices; far from 0, where squares would cancel; a last chunk of 3 rows."""
    rng = np.random.default_rng(0)
    real = 500.0 + rng.normal(size=(53, features))
    generated = 500.3 + 0.7 * rng.normal(size=(38, features))
    expected = by_loop(real, generated, k)
    found = measured(real, generated, k=k, chunk=10)
    assert len(set(expected.values())) == 4
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-5), name


def test_nearest_against_a_loop():
    rng = np.random.default_rng(0)
    for features in (2, 30):
        references, queries = 100 + rng.normal(size=(40, features)), 100 + rng.normal(size=(23, features))
        queries[4], references[[9, 30]] = references[7], references[20]
        queries[5] = references[20]
        distance = np.linalg.norm(queries[:, None] - references[None], axis=-1)
        number, found = neighbours(queries, references, chunk=10)
        assert np.array_equal(number, distance.argmin(axis=1))
        np.testing.assert_allclose(found, distance.min(axis=1), rtol=1e-4)
        assert number[4] == 7
        assert number[5] == 9  # the first of three
        assert found[4] == found[5] == 0.0


@pytest.mark.ci
def test_repeated_samples_count_each():
    """A generator of one picture has balls of radius 0: it is precise, recalls its original alone, and is too dense."""
    real = np.float32([[n, 0] for n in range(6)])
    found = measured(real, np.repeat(real[2:3], 7, axis=0), k=2)
    # Within the radius to the second neighbour, 2 at the ends and otherwise 1, of 0, 1, 2 and 3.
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {"precision": 1.0, "recall": 1 / 6, "density": 4 / 2, "coverage": 4 / 6}
    )
    for k in (0, 6):
        with pytest.raises(ValueError, match=f"found k = {k} of 6 and 7 samples"):
            fidelity_and_diversity(real, np.zeros((7, 2)), k=k)
    with pytest.raises(ValueError, match="of as many dimensions"):
        nearest(real, np.zeros((7, 3)))


@pytest.mark.slow
def test_equal_gaussians_in_a_thousand_dimensions():
    """The draw that Naeem et al. publish, at github.com/clovaai/generative-evaluation-prdc, and what is to be expected.

    Tolerances are three times the standard deviation of six draws (seeds 0 to 5), and sqrt(2) times that for the
    difference of two draws: that of the density alone is 0.055.
    """
    published = {"precision": 0.4772, "recall": 0.4705, "density": 1.0555, "coverage": 0.9735}
    deviation = {"precision": 0.0141, "recall": 0.0078, "density": 0.0551, "coverage": 0.0060}
    real, generated = np.random.default_rng(1).normal(size=(2, 10_000, 1000)).astype(np.float32)
    found = fidelity_and_diversity(real, generated)
    for name, value in published.items():
        assert float(found[name]) == pytest.approx(value, abs=3 * 2**0.5 * deviation[name]), name
    for name, value in {"density": 1.0, "coverage": 1 - 2**-5}.items():
        assert float(found[name]) == pytest.approx(value, abs=3 * deviation[name]), name
